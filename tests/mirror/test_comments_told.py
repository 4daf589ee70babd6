"""Threads of comments: the scope that they are part of, what a run tells of them, what they cost."""

from __future__ import annotations

import pytest

from confluence_mirror.errors import Exit, Refused, Unfinished
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.runs.text import last_line
from confluence_sandbox import Site
from tests.mirror.conftest import page_id, small_site
from tests.mirror.harness import content
from tests.mirror.test_comments import ALL, OPEN, Make, Talk, threads
from tests.servers.memory_store import APPEND_ONLY, MemoryStore


class TestScope:
    def test_fewer_comments_than_before_are_a_change_of_scope(self, make: Make, talk: Talk) -> None:
        bench = make(talk[0], wanted=ALL)
        bench.run()
        before = content(bench.store)
        for fewer in (OPEN, ScopeSpec()):
            with pytest.raises(Refused, match="COMMENTS=all"):
                bench.run(wanted=fewer)
            assert content(bench.store) == before

    def test_a_change_that_is_meant_removes_them_and_more_are_read_at_once(
        self, make: Make, talk: Talk
    ) -> None:
        site, below, _, inline = talk
        site.resolve_comment(inline)
        bench = make(site, wanted=ALL)
        bench.run()
        assert set(threads(bench)) == {below.id, inline.id}
        bench.run(wanted=OPEN, change_scope=True)
        assert set(threads(bench)) == {below.id}
        bench.run(wanted=ScopeSpec(), change_scope=True)
        assert threads(bench) == {}
        bench.run(wanted=ALL)
        assert set(threads(bench)) == {below.id, inline.id}

    def test_the_guard_counts_threads(self, make: Make) -> None:
        site = small_site()
        for _ in range(30):
            site.add_comment(page_id(site), "<p>One more.</p>")
        bench = make(site, wanted=OPEN)
        bench.run()
        for comment in list(site.comments):
            site.remove_comment(comment)
        with pytest.raises(Refused, match="30 of 42"):
            bench.run()
        assert len(threads(bench)) == 30

    def test_a_lost_manifest_is_taken_over_from_the_rows(self, make: Make, talk: Talk) -> None:
        site, below, _, inline = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        (bench.state / "manifest.db").unlink()
        site.remove_comment(inline)
        report = bench.run()
        assert report.chunks["sent"] == 0
        assert set(threads(bench)) == {below.id}
        assert not bench.verify()


class TestReport:
    def test_threads_are_counted_apart_from_pages(self, make: Make, talk: Talk) -> None:
        site, below, _, inline = talk
        bench = make(site, wanted=OPEN)
        report = bench.run()
        assert (report.listed, report.added) == (12, 12)
        assert report.child_counts()["comment"]["added"] == 2
        site.edit_comment(below, "<p>Said anew.</p>")
        site.remove_comment(inline)
        site.relabel(page_id(site, "Page 2"), ["fresh"])
        report = bench.run()
        assert (report.unchanged, report.moved) == (11, 1)
        counts = {name: count for name, count in report.child_counts()["comment"].items() if count}
        assert counts == {"listed": 1, "changed": 1, "removed": 1}
        report.end(Exit.OK)
        assert "12 pages and 1 thread" in last_line(report)
        assert "1 thread changed · 1 thread removed" in last_line(report)

    def test_a_rotation_counts_what_differs_for_readers(self, make: Make, talk: Talk) -> None:
        site, below, *_ = talk
        bench = make(site, MemoryStore(APPEND_ONLY), wanted=OPEN)
        bench.run()
        site.edit_comment(below, "<p>Said anew.</p>")
        report = bench.run()
        assert (report.changed, report.unchanged) == (0, 12)
        assert report.child_counts()["comment"]["changed"] == 1
        assert report.child_counts()["comment"]["unchanged"] == 1

    def test_a_dry_run_names_the_threads_and_writes_nothing(self, make: Make, talk: Talk) -> None:
        site, below, *_ = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        site.edit_comment(below, "<p>Said anew.</p>")
        before = content(bench.store)
        bench.start().dry_run()
        assert [page.id for page in bench.report.plan["change"]] == [below.id]
        assert content(bench.store) == before

    def test_a_thread_that_cannot_be_read_is_that_threads_failure(
        self, make: Make, talk: Talk
    ) -> None:
        site, below, _, inline = talk
        bench = make(site, wanted=OPEN)
        bench.run()
        kept = threads(bench)[below.id]
        site.edit_comment(below, "<p>Said anew.</p>")
        site.edit_comment(inline, "<p>So ten.</p>")
        bench.gateway.fault("content/search", query="body.storage", status=500)
        bench.gateway.fault(f"-comments/{below.id}", status=500)
        with pytest.raises(Unfinished):
            bench.run()
        assert bench.report.failures[below.id].type == "comment"
        assert threads(bench)[below.id] == kept
        assert "So ten." in threads(bench)[inline.id]
        bench.gateway.clear()
        bench.run()
        assert "Said anew." in threads(bench)[below.id]


@pytest.mark.long
def test_a_thousand_pages_with_comments_cost_at_most_45_requests_more(make: Make) -> None:
    site = Site()
    site.add_space("OPS", "Operations")
    home = site.add("OPS", "Home", "<p>home</p>").id
    for number in range(1000):
        page = site.add("OPS", f"Page {number}", "<p>body</p>", parent=home)
        for each in range(1 + (number % 5 > 1)):
            said = site.add_comment(page, f"<p>Said {each} of {number}.</p>")
        if number % 10 == 0:
            site.add_reply(said, "<p>Indeed.</p>")
    plain = make(site)
    plain.run()
    ordinary = len(plain.gateway.log)
    bench = make(site, wanted=OPEN)
    bench.run()
    first = len(bench.gateway.log)
    bench.gateway.log.clear()
    report = bench.run()
    assert report.chunks["sent"] == 0
    assert first - ordinary <= 45
    assert len(bench.gateway.log) <= 30
