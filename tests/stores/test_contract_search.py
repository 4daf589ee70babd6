"""What every store promises of a search, tried over every store."""

from __future__ import annotations

import pytest

from confluence_mirror.model import Filter
from confluence_mirror.stores.base import SearchesIds
from tests.stores.words import chunk


def test_the_best_answer_comes_first_and_no_more_than_were_asked_for(store, can, collection):
    store.write_chunks(
        collection, [chunk(number, f"alpha beta item{number}", can) for number in range(8)], {}
    )
    store.write_chunks(collection, [chunk(50, "The coffee machine on the third floor", can)], {})
    hits = store.search(collection, "coffee machine third floor", 3)
    assert len(hits) == 3
    assert "coffee" in hits[0].text
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


FILTERED = {
    1: {"space_key": "OPS", "labels": "runbook", "modified_at": "2026-01-31T08:15:00Z"},
    2: {"space_key": "OPS", "labels": "disk,run", "modified_at": "2026-01-31T08:14:59Z"},
    3: {"space_key": "O'Brien \\ 100%", "labels": "", "modified_at": "2025-12-31T23:59:59Z"},
    4: {"space_key": "OPS", "page_type": "blogpost", "labels": "run,ünïcode"},
    5: {"space_key": "DEV", "page_type": "blogpost", "labels": "50%_done,disk"},
}
"""Metadata of chunks by number; their pages are numbered likewise."""
FILTERS = [
    (Filter(), None, {1, 2, 3, 4, 5}),
    (Filter(space_keys=("OPS",)), None, {1, 2, 4}),
    (Filter(space_keys=("O'Brien \\ 100%", "DEV")), None, {3, 5}),
    (Filter(space_keys=("ops", "OPS' OR '1'='1", "%", "\ud83d", "a\0b", "")), None, set()),
    (Filter(labels=("run",)), None, {2, 4}),
    (Filter(labels=("runbook", "ünïcode", "none")), None, {1, 4}),
    (Filter(labels=("disk,run", "run%", "50%", "Runbook", '"disk"', "{disk}")), None, set()),
    (Filter(page_types=("blogpost",)), None, {4, 5}),
    (Filter(modified_since="2026-01-31T08:15:00Z"), None, {1, 4, 5}),
    (Filter(modified_since="2026-01-01"), None, {1, 2, 4, 5}),
    (Filter(("OPS", "DEV"), ("disk", "run"), ("blogpost",), "2026-01-01"), None, {4, 5}),
    (Filter(("OPS",), ("disk",), ("page",), "2026-02-01"), None, set()),
    (Filter(), ["2", "3", "999"], {2, 3}),
    (Filter(labels=("run",)), ["3", "4"], {4}),
    (Filter(space_keys=("OPS",)), [str(number) for number in range(2, 40_000)], {2, 4}),
    (Filter(), ["4' --", ""], set()),
    (Filter(), [], set()),
]


def test_a_search_answers_from_what_the_filter_leaves_and_from_the_pages_that_are_named(
    store, can, collection
):
    chunks = {
        number: chunk(number, f"Restart pump {number}", can, page=str(number), **metadata)
        for number, metadata in FILTERED.items()
    }
    store.write_chunks(collection, list(chunks.values()), {})
    for where, pages, numbers in FILTERS:
        hits = store.search(collection, "restart the pump", 10, where, pages)
        found = sorted(str(hit.metadata["page_id"]) for hit in hits)
        assert found == sorted(map(str, numbers)), (where, pages)


def test_a_store_that_finds_ids_alone_finds_those_of_the_rows_that_it_would_read(
    store, can, collection
):
    if not isinstance(store, SearchesIds):
        pytest.skip("finds and reads in one")
    chunks = [chunk(n, f"Restart pump {n}", can, page=str(n)) for n in range(40)]
    store.write_chunks(collection, chunks, {})
    for where, pages in ((Filter(), None), (Filter(space_keys=("NONE",)), None), (Filter(), ["7"])):
        hits = store.search(collection, "restart the pump", 10, where, pages)
        ids = store.search_ids(collection, "restart the pump", 10, where, pages)
        texts = {each.id: each.text for each in chunks}
        assert [texts[each] for each in ids] == [hit.text for hit in hits]
    assert len(store.search_ids(collection, "restart the pump", 50)) == 40


def test_rows_without_a_key_are_left_to_nobody_and_no_key_leaves_nothing(store, can, collection):
    if not can.filters:
        pytest.skip("declared: answers in somebody's name come from the text index")
    keys = {1: {"access": "one"}, 2: {"access": "two"}, 3: {"access": ""}, 4: {}}
    chunks = [chunk(n, f"Restart pump {n}", can, page=str(n), **key) for n, key in keys.items()]
    store.write_chunks(collection, chunks, {})
    for access, pages, numbers in (
        (("one",), None, {"1"}),
        (("one", "two"), None, {"1", "2"}),
        (("one", "two"), ["2", "4"], {"2"}),
        (("other", "one' OR '1'='1", "%"), None, set()),
        ((), None, set()),
    ):
        hits = store.search(collection, "restart the pump", 10, Filter(access=access), pages)
        assert {hit.metadata["page_id"] for hit in hits} == numbers, access


def test_a_filter_that_leaves_one_row_in_a_hundred_is_filled(store, can, collection):
    if not can.filters:
        pytest.skip("declared: only what one answer brings is filtered")
    rare = {"space_key": "RARE", "labels": "rare", "modified_at": "2026-11-01T00:00:00Z"}
    rare["access"] = "rare"
    common = [chunk(n, f"Restart pump {n}", can, page=str(n)) for n in range(198)]
    unlike = [chunk(n, "Something else", can, page=str(n), **rare) for n in (198, 199)]
    store.write_chunks(collection, [*common, *unlike], {})
    for where, pages in (
        (Filter(space_keys=("RARE",)), None),
        (Filter(labels=("rare",)), None),
        (Filter(modified_since="2026-10-31"), None),
        (Filter(access=("none", "rare")), None),
        (Filter(), ["198", "199"]),
    ):
        hits = store.search(collection, "restart pump", 2, where, pages)
        assert {hit.metadata["page_id"] for hit in hits} == {"198", "199"}
    assert len(store.search(collection, "restart pump", 200)) == 200
