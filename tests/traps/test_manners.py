"""Manners of the real API into which a naive client falls: a whole run comes out exact all the
same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.errors import IncompleteEvidence, PermissionRefused
from confluence_mirror.manifest import Record
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import SampleGateway, Site, Switches
from confluence_sandbox.switches import Caps
from tests.crash.test_order import Killed, die
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in

Make = Callable[..., Bench]
WINDOW = PlanSettings(reconcile_hours=24)

MANNERS: dict[str, dict[str, Any]] = {
    "pages of a search that are shorter than asked for": {"short_pages": 1},
    "an empty page before every following one": {"empty_pages": True},
    "empty pages without end, each with a next link": {
        "endless": True,
        "caps": {"search": 10, "expand": 5},
    },
    "the same cursor again and again": {"repeat_cursor": True, "caps": {"search": 10, "expand": 5}},
    "rows that come twice": {"duplicate_rows": True},
    "rows in another order": {"swap_rows": True},
    "a total that is wrong": {"total_size_error": -5},
    "seven rows a page whatever is asked for": {
        "caps": {"v2": 7, "search": 7, "expand": 5, "body": 3}
    },
    "a next link that forgets what to expand": {"next_keeps_expand": False, "caps": {"expand": 5}},
    "a cursor that grows": {"cursor_growth": 300, "caps": {"search": 5, "expand": 5}},
    "literals that are read in another time zone": {"cql_time_zone": "Pacific/Auckland"},
    "an index that does not see through folders": {"ancestor_through_folders": False},
    "labels of which an answer shows one": {"nested_labels": 1},
    "dates of folders as numbers": {"folder_date_as_number": True},
}


class OnTheSitesTime(Bench):
    """A bench whose machine has the right time: days pass when the site's clock is moved."""

    def source(self) -> ConfluenceSource:
        gateway = self.gateway
        client = Gateway(
            gateway.url,
            gateway.cloud_id,
            gateway.user,
            gateway.token,
            sleep=lambda _: None,
            wall=gateway.site.clock.now,
        )
        return ConfluenceSource(client)


def a_day(site: Site) -> None:
    site.add("OPS", "Written today", body(70), labels=["new", "runbook", "urgent"])
    site.edit(page(site, "Page 1"), body(71))
    site.move(page(site, "Page 5"), parent=page(site, "Page 1"))
    site.edit(page(site, "Page 6"), body(72))
    site.trash(page(site, "Page 7"))


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS.keys())
def test_a_mirror_is_exact_on_a_site_with(
    make: Make, tmp_path: Path, manner: dict[str, Any]
) -> None:
    bench = make(small_site(25))
    bench.gateway.switches.change(manner)
    bench.run()
    a_day(bench.site)
    bench.run()
    bench.gateway.switches.change({**vars(Switches()), "caps": vars(Caps())})
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS.keys())
def test_a_window_brings_in_every_edit_on_a_site_with(make: Make, manner: dict[str, Any]) -> None:
    bench = make(small_site(25), settings=WINDOW)
    bench.site.age_all(hours=1000)
    bench.run()
    a_day(bench.site)
    bench.gateway.switches.change(manner)
    bench.run()
    texts = " ".join(text for text, _ in content(bench.store).values())
    assert "Written today" in pages_in(bench)
    assert "Part 1 of 71" in texts
    assert "Part 1 of 72" in texts


def test_no_question_is_asked_that_is_not_needed_and_none_that_can_fail_a_whole_page_of_answers(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    a_day(bench.site)
    bench.run(plan=WINDOW)
    bench.run()
    assert set(bench.gateway.counts()) <= {
        "GET /wiki/api/v2/spaces",
        "GET /wiki/api/v2/spaces/{}/pages",
        "GET /wiki/api/v2/spaces/{}/blogposts",
        "GET /wiki/api/v2/pages",
        "GET /wiki/api/v2/blogposts",
        "GET /wiki/api/v2/folders/{}",
        "GET /wiki/api/v2/pages/{}/labels",
        "GET /wiki/rest/api/content/search",
        "GET /wiki/rest/api/user/bulk",
        "GET /wiki/rest/api/user/current",
    }
    expanded = {value for entry in bench.gateway.log for value in entry.query.get("expand", [])}
    assert expanded <= {"metadata.labels"}
    assert not any(
        name in entry.query for entry in bench.gateway.log for name in ("start", "body-format=view")
    )


def test_of_a_row_of_the_index_only_the_id_is_believed(make: Make) -> None:
    """Its dates, titles and totals differ from those of the page in small ways (and larger
    ones)."""
    bench = make(settings=WINDOW)
    bench.site.age_all(hours=1000)
    bench.run()
    bench.site.edit(page(bench.site, "Page 1"), body(71))

    def liar(answer: dict[str, Any]) -> dict[str, Any]:
        lie = {
            "type": "page",
            "status": "current",
            "title": "&lt;x&gt;",
            "version": {"when": "1999-01-01"},
        }
        rows = [{"id": row["id"], **lie} for row in answer["results"]]
        return {**answer, "results": rows}

    bench.gateway.fault("/content/search$", query="lastmodified", change=liar)
    report = bench.run()
    assert (report.changed, report.added, report.moved) == (1, 0, 0)
    assert "&lt;x&gt;" not in pages_in(bench)


def test_an_index_that_knows_minutes_only_and_lags_loses_no_page_at_the_edge_of_two_windows(
    make: Make,
) -> None:
    seed = make()
    bench = OnTheSitesTime(
        seed.gateway, seed.state, settings=PlanSettings(since_hours=1, reconcile_hours=500)
    )
    bench.site.age_all(hours=1000)
    bench.run()
    clock = bench.site.clock
    for night in range(4):
        clock.advance(hours=24, seconds=-1)
        bench.gateway.run("index", lag_seconds=600)
        late = bench.site.add("OPS", f"Saved in the last second of day {night}", body(80 + night))
        clock.advance(seconds=1)
        report = bench.run()
        assert not report.reconciled
        assert late.title not in pages_in(bench), "the index does not know it yet"
        clock.advance(hours=1)
    bench.run()
    assert {f"Saved in the last second of day {night}" for night in range(4)} <= pages_in(bench)


def test_an_edit_before_a_run_that_died_is_still_in_the_window_of_the_next_one(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = make()
    bench = OnTheSitesTime(
        seed.gateway, seed.state, settings=PlanSettings(since_hours=1, reconcile_hours=500)
    )
    bench.site.age_all(hours=1000)
    bench.run()
    bench.site.clock.advance(hours=4)
    bench.site.edit(page(bench.site, "Page 1"), body(71))
    bench.site.clock.advance(hours=20)
    with monkeypatch.context() as patch:
        patch.setattr(Record, "intend", die)
        with pytest.raises(Killed):
            bench.run()
    report = bench.run()
    assert not report.reconciled
    assert report.changed == 1


@pytest.mark.parametrize("hours_wrong", [-3, 3, 12])
def test_a_clock_of_ours_that_is_hours_off_loses_no_edit(make: Make, hours_wrong: int) -> None:
    bench = make(settings=PlanSettings(since_hours=1, reconcile_hours=500))
    bench.site.clock.advance(hours=-hours_wrong)
    bench.site.age_all(hours=1000)
    bench.run()
    bench.site.clock.advance(hours=2)
    bench.site.edit(page(bench.site, "Page 1"), body(71))
    bench.site.clock.advance(hours=0.5)
    report = bench.run()
    assert report.changed == 1


def test_an_edit_after_history_was_deleted_is_seen_although_its_number_went_down(
    make: Make, tmp_path: Path
) -> None:
    bench = make()
    at = page(bench.site, "Page 1")
    for number in range(5):
        bench.site.edit(at, body(60 + number))
    bench.run()
    bench.site.edit(at, body(75))
    bench.site.forget_history(at, 3)
    assert bench.site.get(at).version.number < 6
    bench.run()
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_ids_that_confluence_gives_to_macros_anew_on_every_save_send_nothing(make: Make) -> None:
    bench = make()
    macro = (
        '<ac:structured-macro ac:name="info" ac:schema-version="1" ac:macro-id="{0}"><ac:rich-text-body>'
        '<p local-id="{0}">Take care.</p></ac:rich-text-body></ac:structured-macro><p local-id="p{0}">And go on.</p>'
    )
    at = bench.site.add("OPS", "Noisy", macro.format("aaaa-1"))
    bench.run()
    bench.site.edit(at, macro.format("bbbb-2"))
    report = bench.run()
    assert (report.changed, report.chunks["sent"]) == (1, 0)


def test_a_restriction_on_a_page_takes_out_all_that_lies_below_it(make: Make) -> None:
    bench = make()
    top = bench.site.add("OPS", "For a few", body(81))
    middle = bench.site.add("OPS", "Below it", body(82), parent=top)
    bench.site.add("OPS", "Deep below it", body(83), parent=middle)
    bench.run()
    bench.site.restrict(top)
    assert bench.run().removed == 3
    assert not {"For a few", "Below it", "Deep below it"} & pages_in(bench)


def test_a_restricted_page_that_another_one_includes_stays_out_of_its_text(make: Make) -> None:
    bench = make()
    secret = bench.site.add("OPS", "Salaries", "<p>The director earns a million.</p>")
    bench.site.restrict(secret)
    include = (
        '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
        '<ri:page ri:content-title="Salaries"/></ac:link></ac:parameter></ac:structured-macro>'
    )
    bench.site.add("OPS", "For all", f"<p>See below.</p>{include}")
    bench.run()
    assert "For all" in pages_in(bench)
    assert not any("million" in text for text, _ in content(bench.store).values())


def test_a_page_as_the_root_of_a_scope_is_part_of_it(make: Make) -> None:
    bench = make()
    root = bench.site.add("OPS", "Root", body(81))
    bench.site.add("OPS", "Below", body(82), parent=root)
    bench.wanted = ScopeSpec(folder_id=root.id)
    bench.run()
    assert pages_in(bench) == {"Root", "Below"}


def test_titles_come_as_they_were_written(make: Make) -> None:
    title = 'A & B <c> "quoted" @@@hl@@@ ~ \\ 日本'
    bench = make(settings=WINDOW)
    bench.run()
    bench.site.add("OPS", title, body(81))
    bench.run()
    assert title in pages_in(bench)


def test_a_key_of_a_space_that_is_mistyped_ends_the_run_and_is_no_empty_space(make: Make) -> None:
    bench = make(wanted=ScopeSpec(space_keys=("OPS",)))
    bench.run()
    before = content(bench.store)
    with pytest.raises(PermissionRefused, match="OSP"):
        bench.run(wanted=ScopeSpec(space_keys=("OSP",)), plan=WINDOW)
    assert content(bench.store) == before


def test_spaces_and_labels_with_quotes_backslashes_and_tildes_are_mirrored_and_no_others(
    make: Make,
) -> None:
    site = small_site(6)
    site.add_space("~5f1abc", 'Ada "the boss" Lovelace', type="personal")
    label = 'a"b\\c'
    own = site.add("~5f1abc", "My notes", body(81), labels=[label])
    bench = make(site, wanted=ScopeSpec(space_keys=("~5f1abc",), labels=(label,)), settings=WINDOW)
    bench.run()
    site.edit(own, body(82))
    site.add("OPS", "Not mine", body(83), labels=[label])
    assert bench.run().changed == 1
    assert pages_in(bench) == {"My notes"}


def test_no_request_of_a_run_follows_the_links_of_answers_to_another_host(make: Make) -> None:
    site = small_site(30)
    with SampleGateway(site, site_url="elsewhere") as gateway:
        hostile = {
            "base": gateway.elsewhere + "/wiki",
            "self": gateway.elsewhere,
            "download": gateway.elsewhere,
        }

        def turn(answer: dict[str, Any]) -> dict[str, Any]:
            links = answer.get("_links", {})
            following = {"next": gateway.elsewhere + links["next"]} if "next" in links else {}
            return {**answer, "_links": {**links, **hostile, **following}}

        gateway.switches.change({"caps": {"v2": 7, "search": 7}})
        gateway.fault(change=turn)
        bench = Bench(gateway, make(site).state / "other")
        bench.run()
        assert {entry.host for entry in gateway.log} == {"gateway"}
        assert len(pages_in(bench)) == 30


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_question_by_id_that_is_refused_once_removes_nothing_though_all_else_is_well(
    make: Make, status: int
) -> None:
    bench = make()
    bench.run()
    bench.site.restrict(page(bench.site, "Page 4"))
    bench.gateway.fault("/pages$", query="status=archived", status=status, times=1)
    with pytest.raises(IncompleteEvidence):
        bench.run()
    assert "Page 4" in pages_in(bench)
    bench.run()
    assert "Page 4" not in pages_in(bench)
