"""Threads of comments are documents of their own: found, changed and removed every night, although
their pages stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from confluence_mirror.errors import (
    IncompleteEvidence,
    SourceUnavailable,
)
from confluence_mirror.mirror import children
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import Site
from confluence_sandbox.content import Comment
from tests.mirror.conftest import page_id, small_site
from tests.mirror.harness import Bench, content

Make = Callable[..., Bench]
OPEN = ScopeSpec(children=("comment",))
ALL = ScopeSpec(children=("comment", "resolved comment"))
HOURLY = PlanSettings(since_hours=1, reconcile_hours=24)


def threads(bench: Bench) -> dict[str, str]:
    """Text by id of the thread."""
    return {
        str(metadata["page_id"]): text
        for text, metadata in content(bench.store).values()
        if metadata["page_type"] == "comment"
    }


def metadata_of(bench: Bench, thread: Comment) -> dict[str, Any]:
    return next(
        metadata
        for _, metadata in content(bench.store).values()
        if metadata["page_id"] == thread.id
    )


Talk = tuple[Site, Comment, Comment, Comment]


class TestText:
    def test_a_thread_tells_who_wrote_what_when_in_order(self, make: Make, talk: Talk) -> None:
        bench = make(talk[0], wanted=OPEN)
        bench.run()
        day = f"{talk[0].clock.now():%Y-%m-%d}"
        assert threads(bench)[talk[1].id] == (
            f"Page 1 (comments)\n\n**Ann Example**, {day}:\n\nWorks with 4.2, too.\n\n"
            f"**Sync Robot**, {day}:\n\nNot behind the proxy & never was."
        )

    def test_the_text_that_an_inline_comment_marks_is_quoted_above_it(
        self, make: Make, talk: Talk
    ) -> None:
        bench = make(talk[0], wanted=OPEN)
        bench.run()
        assert threads(bench)[talk[3].id].startswith("Page 1 (comments)\n\n> ten minutes\n\n**")

    def test_its_metadata_names_the_page_and_leads_to_the_comment(
        self, make: Make, talk: Talk
    ) -> None:
        site, below, *_ = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        page = site.get(below.container_id)
        found = metadata_of(bench, below)
        assert (found["page_id"], found["parent_page_id"]) == (below.id, page.id)
        assert (found["title"], found["author"]) == ("Page 1", "Ann Example")
        assert found["breadcrumb"].endswith("Runbooks > Page 1")
        assert found["url"].endswith(f"/pages/{page.id}/Page+1?focusedCommentId={below.id}")

    def test_pages_have_no_key_more_than_before(self, make: Make, talk: Talk) -> None:
        with_comments, without = make(talk[0], wanted=OPEN), make(talk[0])
        with_comments.run()
        without.run(state_url=f"sqlite:///{without.state / 'other.db'}")
        pages = {
            chunk: row
            for chunk, row in content(with_comments.store).items()
            if row[1]["page_type"] != "comment"
        }
        assert pages == content(without.store)
        assert not any("parent_page_id" in metadata for _, metadata in pages.values())


class TestNights:
    def test_none_is_mirrored_unless_it_is_wanted(self, make: Make, talk: Talk) -> None:
        bench = make(talk[0])
        bench.run()
        assert threads(bench) == {}
        assert not [
            entry for entry in bench.gateway.log if "comment" in f"{entry.path}{entry.query}"
        ]

    @pytest.mark.parametrize("settings", [PlanSettings(), HOURLY], ids=["whole", "window"])
    def test_whatever_is_said_by_day_is_there_after_the_night(
        self, make: Make, talk: Talk, settings: PlanSettings
    ) -> None:
        site, below, reply, inline = talk
        bench = make(site, wanted=OPEN, settings=settings)
        bench.run()
        # No page changed: a window of changed pages is empty.
        bench.gateway.fault("content/search", query="lastmodified", payload={"results": []})
        site.edit_comment(below, "<p>Works with 4.3.</p>")
        other = site.add_comment(page_id(site, "Page 2"), "<p>Is this still so?</p>")
        assert bench.run().reconciled == (settings != HOURLY)
        assert "Works with 4.3." in threads(bench)[below.id]
        assert other.id in threads(bench)
        site.remove_comment(reply)
        site.resolve_comment(inline)
        bench.run()
        assert "proxy" not in threads(bench)[below.id]
        assert inline.id not in threads(bench)
        site.remove_comment(below)
        site.reopen_comment(inline)
        bench.run()
        assert set(threads(bench)) == {inline.id, other.id}
        assert not bench.verify()

    @pytest.mark.parametrize("settings", [PlanSettings(), HOURLY], ids=["whole", "window"])
    def test_a_quiet_night_sends_nothing_and_reads_no_body(
        self, make: Make, talk: Talk, settings: PlanSettings
    ) -> None:
        bench = make(talk[0], wanted=OPEN, settings=settings)
        bench.run()
        bench.gateway.log.clear()
        report = bench.run()
        assert report.reconciled == (settings != HOURLY)
        assert (report.chunks["sent"], report.chunks["metadata_updated"]) == (0, 0)
        asked = [f"{entry.path}?{entry.query}" for entry in bench.gateway.log]
        assert not [each for each in asked if "body" in each or "-comments/" in each]

    def test_resolved_threads_are_there_where_all_are_wanted_and_say_so(
        self, make: Make, talk: Talk
    ) -> None:
        site, _, _, inline = talk
        bench = make(site, wanted=ALL)
        bench.run()
        site.resolve_comment(inline)
        bench.run()
        assert "(resolved)" in threads(bench)[inline.id]

    def test_a_move_or_a_label_of_the_page_changes_metadata_alone(
        self, make: Make, talk: Talk
    ) -> None:
        site, below, *_ = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        site.relabel(below.container_id, ["fresh"])
        site.move(below.container_id, parent=page_id(site, "Page 2"))
        report = bench.run()
        assert report.chunks["sent"] == 0
        found = metadata_of(bench, below)
        assert found["labels"] == "fresh"
        assert found["breadcrumb"].endswith("Page 2 > Page 1")

    @pytest.mark.parametrize("how", ["trash", "restrict", "purge"])
    def test_a_page_that_goes_takes_its_threads_along(
        self, make: Make, talk: Talk, how: str
    ) -> None:
        site, below, *_ = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        getattr(site, how)(below.container_id)
        bench.run()
        assert threads(bench) == {}
        assert not bench.verify()

    def test_named_pages_come_with_their_threads(self, make: Make, talk: Talk) -> None:
        site, below, _, inline = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        site.edit_comment(below, "<p>Said anew.</p>")
        site.remove_comment(inline)
        elsewhere = site.add_comment(page_id(site, "Page 2"), "<p>Elsewhere.</p>")
        bench.run(plan=PlanSettings(only=(below.container_id,)))
        assert "Said anew." in threads(bench)[below.id]
        assert not {inline.id, elsewhere.id} & set(threads(bench))


class TestEvidence:
    def test_what_the_index_leaves_out_stays_where_v2_has_it(self, make: Make, talk: Talk) -> None:
        site, below, _, inline = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        before = content(bench.store)
        site.index.drop(below.id)
        site.index.drop(inline.id)
        report = bench.run()
        assert (report.removed, report.chunks["sent"]) == (0, 0)
        assert content(bench.store) == before

    def test_an_older_thread_of_the_index_is_read_from_v2(self, make: Make, talk: Talk) -> None:
        site, _, reply, _ = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        before = threads(bench)
        site.index.drop(reply.id)
        bench.run()
        assert threads(bench) == before

    def test_a_question_that_is_not_answered_removes_nothing(self, make: Make, talk: Talk) -> None:
        site, _, _, inline = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        site.remove_comment(inline)
        site.edit(page_id(site, "Page 2"), "<p>Written all the same.</p>")
        fault = bench.gateway.fault("-comments/", status=500)
        with pytest.raises(IncompleteEvidence):
            bench.run()
        assert inline.id in threads(bench)
        assert any("all the same" in text for text, _ in content(bench.store).values())
        fault.times = 0
        bench.gateway.clear()
        bench.run()
        assert inline.id not in threads(bench)

    def test_a_canary_that_vanishes_means_nothing_is_known_of_a_thread(
        self, make: Make, talk: Talk
    ) -> None:
        site, _, _, inline = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        site.remove_comment(inline)
        bench.gateway.fault("/v2/pages$", query="status=archived", payload={"results": []})
        with pytest.raises(IncompleteEvidence, match="listed a moment ago"):
            bench.run()
        assert inline.id in threads(bench)

    def test_an_index_that_is_being_rebuilt_costs_so_many_questions_a_night(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = small_site()
        said = [site.add_comment(page_id(site), f"<p>Remark {each}.</p>") for each in range(6)]
        bench = make(site, wanted=OPEN)
        bench.run()
        before = threads(bench)
        monkeypatch.setattr(children, "MOST_ASKED", 4)
        for comment in said:
            site.index.drop(comment.id)
        bench.gateway.log.clear()
        with pytest.raises(IncompleteEvidence, match="2 more comments"):
            bench.run()
        asked = {entry.path for entry in bench.gateway.log if "-comments/" in entry.path}
        assert len({path for path in asked if not path.endswith("children")}) == 4
        assert threads(bench) == before

    def test_a_listing_that_breaks_off_is_no_reason_to_hold_up_pages(
        self, make: Make, talk: Talk
    ) -> None:
        site, below, *_ = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        site.edit(page_id(site, "Page 2"), "<p>Written all the same.</p>")
        bench.gateway.fault("content/search", query="comment", status=500)
        with pytest.raises(SourceUnavailable):
            bench.run()
        assert below.id in threads(bench)
        assert any("all the same" in text for text, _ in content(bench.store).values())
