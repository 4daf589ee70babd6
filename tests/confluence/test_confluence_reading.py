"""Bodies: in batches, ahead of the reader but not far, and one bad page at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluence_fakes import FakeTime, space_of

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.errors import PageFailed, PermissionRefused, SourceUnavailable, Unfinished
from confluence_mirror.model import Body, PageRef
from confluence_sandbox import SampleGateway, Site

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def site() -> Site:
    site = Site()
    site.add_space("OPS", "Operations")
    for number in range(230):
        site.add("OPS", f"Page {number}", f"<p>Body {number}</p>")
    for number in range(20):
        site.add("OPS", f"Post {number}", f"<p>Post {number}</p>", type="blogpost")
    return site


@pytest.fixture
def sample(site: Site) -> Iterator[SampleGateway]:
    with SampleGateway(site) as gateway:
        yield gateway
    assert gateway.bugs == []


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway], sample: SampleGateway) -> Gateway:
    return make_gateway(sample.url, sample.cloud_id, sample.user, sample.token)


@pytest.fixture
def source(gateway: Gateway) -> ConfluenceSource:
    return ConfluenceSource(gateway)


@pytest.fixture
def refs(source: ConfluenceSource, sample: SampleGateway) -> list[PageRef]:
    (space,) = source.list_spaces()
    refs = list(source.list_pages(space))
    sample.clear()
    return refs


def failures(outcomes: dict[str, Body | PageFailed | None]) -> dict[str, PageFailed]:
    return {
        page_id: outcome for page_id, outcome in outcomes.items() if isinstance(outcome, PageFailed)
    }


def test_every_page_is_read_once_with_its_body(
    source: ConfluenceSource, refs: list[PageRef], site: Site, sample: SampleGateway
) -> None:
    outcomes = list(source.read_bodies(refs, "storage"))

    assert sorted(page_id for page_id, _ in outcomes) == sorted(ref.id for ref in refs)
    for page_id, body in outcomes:
        assert isinstance(body, Body)
        assert body.value == site.get(page_id).body
        assert body.ref == next(ref for ref in refs if ref.id == page_id)
    assert len(sample.log) == 4


def test_pages_are_taken_only_a_few_batches_ahead_of_the_reader(
    source: ConfluenceSource, refs: list[PageRef]
) -> None:
    taken = 0

    def endless() -> Iterator[PageRef]:
        nonlocal taken
        while True:
            for ref in refs:
                taken += 1
                yield ref

    reading = source.read_bodies(endless(), "storage")
    for _ in range(950):
        next(reading)
    reading.close()  # type: ignore[attr-defined]

    assert 950 <= taken <= 1000 + 4 * 100


def test_several_batches_are_in_flight_at_once_and_no_more_than_allowed(
    gateway: Gateway, refs: list[PageRef], sample: SampleGateway
) -> None:
    both_are_there = threading.Barrier(2, timeout=30)

    def meet(answer: dict[str, Any]) -> dict[str, Any]:
        both_are_there.wait()
        return answer

    sample.fault("/pages$", nth=[1, 2], change=meet)

    list(ConfluenceSource(gateway, concurrency=2).read_bodies([*refs, *refs, *refs], "storage"))

    assert sample.most_at_once == 2


def test_pages_that_left_since_they_were_listed_come_as_none(
    source: ConfluenceSource, refs: list[PageRef], site: Site
) -> None:
    pages = [ref.id for ref in refs if ref.type == "page"]
    site.trash(pages[0])
    site.purge(pages[1])
    site.restrict(pages[2])
    site.archive(pages[3])
    site.draft(pages[4])

    outcomes = dict(source.read_bodies(refs, "storage"))

    assert {page_id for page_id, outcome in outcomes.items() if outcome is None} == set(pages[:5])
    assert len(outcomes) == 250


def test_a_row_that_is_not_current_is_not_taken_for_a_page(
    source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    def archived(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "results": [{**row, "status": "archived"} for row in answer["results"]]}

    sample.fault("/pages$", change=archived)

    assert list(source.read_bodies(refs[:1], "storage")) == [(refs[0].id, None)]


def test_a_page_edited_since_it_was_listed_comes_with_the_version_that_was_read(
    source: ConfluenceSource, refs: list[PageRef], site: Site
) -> None:
    site.edit(refs[0].id, "<p>Newer</p>", title="Another title")

    outcome = dict(source.read_bodies(refs[:1], "storage"))[refs[0].id]

    assert isinstance(outcome, Body)
    assert (outcome.value, outcome.ref.version.number, outcome.ref.title) == (
        "<p>Newer</p>",
        2,
        "Another title",
    )


HEAVY = [({"status": status}, True) for status in (413, 500, 502, 503, 504)] + [
    ({"truncate": True}, False),
    ({"cut": "middle"}, False),
    ({"html": True}, False),
    ({"payload": {"oops": 1}}, False),
]


@pytest.mark.parametrize(("fault", "its_own"), HEAVY, ids=str)
def test_a_page_too_heavy_to_be_given_fails_alone_and_is_blamed_where_the_network_is_not(
    fault: dict[str, Any],
    its_own: bool,
    source: ConfluenceSource,
    refs: list[PageRef],
    sample: SampleGateway,
) -> None:
    bad = [refs[0].id, refs[57].id, refs[199].id]
    sample.fault("/pages$", query="|".join(rf"id={page_id}\b" for page_id in bad), **fault)

    outcomes = dict(source.read_bodies(refs, "storage"))

    assert set(failures(outcomes)) == set(bad)
    assert {failed.lies_in_page for failed in failures(outcomes).values()} == {its_own}
    assert sum(isinstance(outcome, Body) for outcome in outcomes.values()) == 247


def test_a_page_is_not_blamed_for_a_fault_of_the_server_while_no_other_was_read(
    source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    sample.fault("/pages$", status=504)

    ((_, failed),) = source.read_bodies(refs[:1], "storage")

    assert isinstance(failed, PageFailed)
    assert not failed.lies_in_page


def test_a_batch_that_is_too_heavy_as_a_whole_is_read_in_smaller_ones(
    source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    sample.fault("/pages$", query=r"(id=\d+&){30}", status=504)

    outcomes = dict(source.read_bodies(refs, "storage"))

    assert sum(isinstance(outcome, Body) for outcome in outcomes.values()) == 250


BROKEN_ROWS: dict[str, tuple[Change, str]] = {
    "no body": (lambda row: row.pop("body"), "no body"),
    "a body of another format": (lambda row: row.update(body={"view": {"value": "x"}}), "no body"),
    "a body that is no text": (lambda row: row["body"]["storage"].update(value=["x"]), "no body"),
    "a body that is null": (lambda row: row["body"].update(storage=None), "no body"),
    "no version": (lambda row: row.pop("version"), "no version"),
    "a version that is no object": (lambda row: row.update(version=7), "no version"),
    "a version without a date": (lambda row: row["version"].pop("createdAt"), "no version"),
    "a title that is null": (lambda row: row.update(title=None), "no title"),
    "no id": (lambda row: row.pop("id"), "no id"),
}


@pytest.mark.parametrize("case", BROKEN_ROWS)
def test_a_row_that_is_mistyped_fails_its_page_and_no_other(
    case: str, source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    spoil, reason = BROKEN_ROWS[case]
    bad = refs[5].id

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        for row in answer["results"]:
            if row["id"] == bad:
                spoil(row)
        return answer

    sample.fault("/pages$", change=change)

    outcomes = dict(source.read_bodies(refs, "storage"))

    assert set(failures(outcomes)) == {bad}
    assert reason in failures(outcomes)[bad].reason
    assert sum(isinstance(outcome, Body) for outcome in outcomes.values()) == 249


def test_numbers_as_strings_and_ids_as_numbers_are_read_all_the_same(
    source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    def change(answer: dict[str, Any]) -> dict[str, Any]:
        for row in answer["results"]:
            row["id"], row["spaceId"] = int(row["id"]), int(row["spaceId"])
            row["version"]["number"] = str(row["version"]["number"])
        return answer

    sample.fault("/(pages|blogposts)$", change=change)

    outcomes = dict(source.read_bodies(refs, "storage"))

    assert all(isinstance(outcome, Body) and outcome.ref in refs for outcome in outcomes.values())


def test_a_site_that_gives_no_body_at_all_stops_the_run(
    source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    sample.fault("/(pages|blogposts)$", status=503)

    with pytest.raises(SourceUnavailable):
        list(source.read_bodies(refs, "storage"))

    assert len(sample.log) < 250


def test_a_site_that_goes_down_in_the_middle_stops_the_run(
    gateway: Gateway, refs: list[PageRef], sample: SampleGateway
) -> None:
    sample.fault("/(pages|blogposts)$", nth=range(2, 5000), status=500)

    with pytest.raises(SourceUnavailable):
        list(ConfluenceSource(gateway, concurrency=1).read_bodies(refs, "storage"))

    assert len(sample.log) < 150


def test_a_row_of_bad_pages_does_not_stop_the_run_while_others_can_be_read(
    gateway: Gateway, refs: list[PageRef], sample: SampleGateway
) -> None:
    bad = [ref.id for ref in refs if ref.type == "page"][110:140]
    sample.fault("/pages$", query="|".join(rf"id={page_id}\b" for page_id in bad), status=504)

    outcomes = dict(ConfluenceSource(gateway, concurrency=1).read_bodies(refs, "storage"))

    assert set(failures(outcomes)) == set(bad)
    assert sum(isinstance(outcome, Body) for outcome in outcomes.values()) == 220


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_a_batch_is_no_word_about_its_pages(
    status: int, source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    sample.fault("/pages$", status=status)

    with pytest.raises(PermissionRefused):
        list(source.read_bodies(refs, "storage"))


def test_rendered_bodies_are_read_one_by_one(
    source: ConfluenceSource, refs: list[PageRef], site: Site, sample: SampleGateway
) -> None:
    some = [*refs[:6], refs[-1]]
    site.trash(some[0].id)
    site.purge(some[1].id)
    sample.fault(f"/pages/{some[2].id}$", status=504)

    outcomes = dict(source.read_bodies(some, "export_view"))

    assert outcomes[some[0].id] is None
    assert outcomes[some[1].id] is None
    assert set(failures(outcomes)) == {some[2].id}
    for ref in some[3:]:
        body = outcomes[ref.id]
        assert isinstance(body, Body)
        assert body.format == "export_view"
        assert body.ref == ref


def test_a_revoked_credential_is_not_taken_for_a_page_that_is_gone(
    source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    sample.switches.change({"revoked": True})

    with pytest.raises(PermissionRefused):
        list(source.read_bodies(refs[:2], "export_view"))


def test_huge_bodies_make_the_batches_smaller(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    site.add_space("BIG", "Big")
    for number in range(120):
        site.add("BIG", f"Big {number}", lambda: "x" * 100_000)
    space = space_of(source, "BIG")
    refs = list(source.list_pages(space)) * 8
    sample.clear()

    list(source.read_bodies(refs, "storage"))

    batches = [len(entry.query["id"]) for entry in sample.log]
    assert max(batches[8:]) <= 50


def test_a_reader_that_stops_early_stops_the_requests(
    source: ConfluenceSource, refs: list[PageRef], sample: SampleGateway
) -> None:
    reading = source.read_bodies(refs * 20, "storage")
    next(reading)
    reading.close()  # type: ignore[attr-defined]

    assert len(sample.log) <= 10


def test_a_budget_spent_in_the_middle_of_reading_ends_it_as_unfinished(
    make_gateway: Callable[..., Gateway], refs: list[PageRef], sample: SampleGateway, time: FakeTime
) -> None:
    gateway = make_gateway(sample.url, sample.cloud_id, sample.user, sample.token, budget_s=60)
    reading = ConfluenceSource(gateway, concurrency=1).read_bodies(refs, "storage")
    next(reading)
    time.sleep(60)

    with pytest.raises(Unfinished):
        list(reading)
