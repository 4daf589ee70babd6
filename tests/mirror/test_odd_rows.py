"""Whatever one row of an answer holds: it touches its own page, and the others are mirrored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import IncompleteEvidence, SyncError, Unfinished
from confluence_mirror.mirror.scope import ScopeSpec
from tests.mirror.conftest import body
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in

Make = Callable[..., Bench]
LISTING = r"/wiki/api/v2/spaces/\d+/pages$"


def change_row(bench: Bench, title: str, path: str, values: dict[str, Any]) -> None:
    """From now on one page's row holds these values in answers on this path."""
    at = page(bench.site, title)

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        rows = [{**row, **values} if row["id"] == at else row for row in answer["results"]]
        return {**answer, "results": rows}

    bench.gateway.fault(path, change=change)


def leave_out(bench: Bench, title: str, path: str, query: str = "") -> None:
    """From now on answers on this path lack one page's row."""
    at = page(bench.site, title)

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "results": [row for row in answer["results"] if row["id"] != at]}

    bench.gateway.fault(path, query=query, change=change)


def test_a_page_that_is_listed_and_never_comes_with_its_body_fails_by_name_each_night(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    bench.site.edit(page(bench.site, "Page 4"), body(404))
    bench.site.edit(page(bench.site, "Page 5"), body(505))
    leave_out(bench, "Page 4", "/wiki/api/v2/pages$", "body-format")
    for _ in range(2):
        with pytest.raises(Unfinished, match="1 page failed and is kept"):
            bench.run()
        (failure,) = bench.report.failures.values()
        assert (failure.title, "listed as current" in failure.reason) == ("Page 4", True)
        assert "Page 4" in pages_in(bench)  # as it was
    assert any("505" in text for text, _ in content(bench.store).values())
    bench.gateway.clear()
    bench.run()
    assert any("404" in text for text, _ in content(bench.store).values())


def test_a_page_that_goes_away_between_the_listing_and_the_read_is_no_failure(make: Make) -> None:
    bench = make()
    bench.run()
    at = page(bench.site, "Page 4")
    bench.site.edit(at, body(404))
    bench.gateway.fault(
        "/wiki/api/v2/pages$", query="body-format", nth=1, do=[("trash", {"id": at})]
    )
    bench.run()
    assert bench.report.failures == {}
    bench.run()
    assert "Page 4" not in pages_in(bench)


ODD: dict[str, dict[str, Any]] = {
    "a version beyond 64 bits": {
        "version": {"number": 10**30, "createdAt": "2026-01-01T00:00:00.000Z"}
    },
    "a version beyond 53 bits": {
        "version": {"number": 2**60, "createdAt": "2026-01-01T00:00:00.000Z"}
    },
    "a negative version": {"version": {"number": -4, "createdAt": "2026-01-01T00:00:00.000Z"}},
    "a version that is a fraction": {
        "version": {"number": 1.5, "createdAt": "2026-01-01T00:00:00.000Z"}
    },
    "no version": {"version": None},
}
HARMLESS: dict[str, dict[str, Any]] = {
    "a year beyond the calendar": {"createdAt": "99999-13-45T99:99:99.000Z"},
    "a zone beyond the calendar": {"createdAt": "2026-01-01T00:00:00.000+99:99"},
    "an enormous title": {"title": "Ü" * 3_000_000},
    "a title of control characters": {"title": "\x1b[2J\x00\ud800 title"},
    "an author of strange characters": {"authorId": "' OR 1=1 --\n\x00"},
    "an address of strange characters": {"_links": {"webui": "http://["}},
    "a parent that is its own": {"parentType": "page", "parentId": "self"},
    "a parent of an unknown type": {"parentType": "constellation", "parentId": "1"},
    "a position beyond 64 bits": {"position": 10**40},
}


@pytest.mark.parametrize("values", ODD.values(), ids=ODD.keys())
def test_a_page_fails_alone_whose_row_has(make: Make, values: dict[str, Any]) -> None:
    bench = make()
    change_row(bench, "Page 4", "/pages$", values)
    with pytest.raises(Unfinished, match="1 page failed and is kept"):
        bench.run()
    assert [failure.title for failure in bench.report.failures.values()] == ["Page 4"]
    assert pages_in(bench) == {each.title for each in bench.site.current()} - {"Page 4"}


@pytest.mark.parametrize("values", HARMLESS.values(), ids=HARMLESS.keys())
def test_every_page_is_mirrored_although_one_row_has(make: Make, values: dict[str, Any]) -> None:
    bench = make()
    at = page(bench.site, "Page 4")
    change_row(bench, "Page 4", "/pages$", {k: at if v == "self" else v for k, v in values.items()})
    bench.run()
    assert {metadata["page_id"] for _, metadata in content(bench.store).values()} == {
        each.id for each in bench.site.current()
    }
    assert bench.run().unchanged == 12


STRANGE = {
    "a slash": "12/34",
    "a quote": "a'b",
    "a NUL": "\x00\ud800",
    "a digit of another script": "٣",
    "nine thousand characters": "x" * 9000,
    "forty digits": str(10**40),
}


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE.keys())
def test_an_id_of_strange_characters_stops_neither_reads_nor_removals(
    make: Make, strange: str
) -> None:
    bench = make()
    bench.run()
    row = {
        "id": strange,
        "status": "current",
        "title": "Strange",
        "version": {"number": 1, "createdAt": "x"},
    }
    bench.gateway.fault(LISTING, change=lambda a: {**a, "results": [*a["results"], row]})
    bench.site.edit(page(bench.site, "Page 3"), body(303))
    bench.site.trash(page(bench.site, "Page 4"))
    with pytest.raises(Unfinished, match="1 page failed and is kept"):
        bench.run()
    assert [failure.title for failure in bench.report.failures.values()] == ["Strange"]
    assert "Page 4" not in pages_in(bench)
    assert any("303" in text for text, _ in content(bench.store).values())
    # the id is recorded now, and not listed: whether it exists cannot be asked
    bench.gateway.clear()
    bench.run()
    assert not bench.verify()


UNKNOWN: dict[str, dict[str, Any]] = {
    "a status that nobody knows": {"status": "hibernating"},
    "no status": {"status": None},
    "no space": {"spaceId": None},
}


@pytest.mark.parametrize("values", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_page_stays_and_others_leave_where_the_answer_by_id_has(
    make: Make, values: dict[str, Any]
) -> None:
    bench = make()
    bench.run()
    leave_out(bench, "Page 4", LISTING)
    change_row(bench, "Page 4", "/wiki/api/v2/pages$", values)
    bench.site.trash(page(bench.site, "Page 5"))
    with pytest.raises(IncompleteEvidence, match="nothing is known"):
        bench.run()
    assert "Page 4" in pages_in(bench)
    assert "Page 5" not in pages_in(bench)


def test_a_space_that_the_list_of_spaces_leaves_out_keeps_its_pages(make: Make) -> None:
    bench = make()
    bench.site.add_space("ZOO", "Zoo")
    bench.site.add("ZOO", "Zebra", body(70))
    bench.run()
    bench.gateway.fault("/api/v2/spaces$", change=lambda a: {**a, "results": a["results"][:1]})
    with pytest.raises(IncompleteEvidence, match="left out"):
        bench.run()
    assert "Zebra" in pages_in(bench)


def test_a_space_of_an_unknown_status_and_type_is_mirrored(make: Make) -> None:
    bench = make()
    bench.run()
    odd = {"status": "frozen", "type": "galaxy"}
    bench.gateway.fault(
        "/spaces$", change=lambda a: {**a, "results": [{**row, **odd} for row in a["results"]]}
    )
    assert bench.run().removed == 0
    assert len(pages_in(bench)) == 12


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 403},
        {"status": 404},
        {"status": 413},
        {"html": True},
        {"cut": "middle"},
    ],
    ids=lambda fault: str(fault),
)
def test_a_listing_that_breaks_off_behind_its_first_rows_stops_removals_and_not_edits(
    make: Make, fault: dict[str, Any]
) -> None:
    bench = make()
    bench.gateway.switches.change({"caps": {"v2": 5}})
    bench.run()
    first = sorted(
        (each for each in bench.site.current() if each.type == "page"), key=lambda each: each.number
    )[1]
    bench.site.edit(first.id, body(717))
    bench.site.trash(page(bench.site, "Page 2"))
    bench.gateway.fault(LISTING, query="cursor", **fault)
    with pytest.raises(SyncError) as ended:
        bench.run()
    assert ended.value.exit in (65, 69, 77)
    assert any("717" in text for text, _ in content(bench.store).values())
    assert "Page 2" in pages_in(bench)
    bench.gateway.clear()
    bench.run()
    assert "Page 2" not in pages_in(bench)


def test_a_first_run_whose_listing_breaks_off_is_not_a_success_and_the_next_one_brings_the_rest(
    make: Make,
) -> None:
    """No page of the rest was ever recorded, so none of them is missed; the index, which might name
    them, does not answer."""
    bench = make()
    bench.gateway.switches.change({"caps": {"v2": 5}})
    bench.gateway.fault(LISTING, query="cursor", status=500, nth=None)
    bench.gateway.fault("/search", status=500, nth=None)
    with pytest.raises(SyncError):
        bench.run()
    shown = pages_in(bench)
    bench.gateway.clear()
    bench.run()
    assert shown < pages_in(bench)
    assert not bench.verify()


def test_a_listing_that_never_ends_stops_removals_and_not_edits(make: Make, tmp_path: Path) -> None:
    bench = make(wanted=ScopeSpec(space_keys=("OPS",)))
    bench.run()
    bench.site.edit(page(bench.site, "Page 3"), body(303))
    bench.site.trash(page(bench.site, "Page 2"))
    number = iter(range(10_000))

    def onward(answer: dict[str, Any]) -> dict[str, Any]:
        link = f"/wiki/api/v2/spaces/1/pages?cursor=fresh{next(number)}"
        return {**answer, "_links": {**answer.get("_links", {}), "next": link}}

    bench.gateway.fault(LISTING, query="cursor=fresh", change=onward, payload=None, nth=None)
    bench.gateway.fault(LISTING, change=onward)
    with pytest.raises(SyncError):
        bench.run()
    assert any("303" in text for text, _ in content(bench.store).values())
    assert "Page 2" in pages_in(bench)
