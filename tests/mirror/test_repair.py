"""Drift is found by reading the store back, and mended; and whoever leaves takes only what is
theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from confluence_mirror.errors import WrongSettings
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import APPEND_ONLY, FULL, MemoryStore, Row

Make = Callable[..., Bench]


def shelf(bench: Bench) -> list[Row]:
    assert isinstance(bench.store, MemoryStore)
    return bench.store.shelves["confluence"].rows


def foreign() -> Row:
    return Row("", "theirs", "a row of somebody else", {"source": "other", "chunk_id": "theirs"})


DAMAGE: dict[str, Callable[[list[Row]], object]] = {
    "a chunk is missing": lambda rows: rows.pop(3),
    "a text was changed": lambda rows: setattr(rows[2], "text", rows[2].text + " and more"),
    "metadata was changed": lambda rows: setattr(
        rows[1], "metadata", {**rows[1].metadata, "title": "Wrong"}
    ),
    "a chunk is there twice": lambda rows: rows.append(replace(rows[0])),
    "a stray chunk of ours lies there": lambda rows: rows.append(
        replace(rows[0], chunk_id="stray", metadata={**rows[0].metadata, "chunk_id": "stray"})
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_verify_finds_and_repair_mends_it_when(
    make: Make, damage: Callable[[list[Row]], object]
) -> None:
    bench = make(store=MemoryStore(replace(FULL, updates_metadata=False)))
    bench.run()
    whole = content(bench.store)
    for row in shelf(bench):
        row.metadata_hash = (
            ""  # this store does not keep the hash, so the metadata itself is compared
        )
    shelf(bench).append(foreign())
    damage(shelf(bench))
    assert bench.verify()
    bench.start().repair()
    assert not bench.verify()
    assert {key: row for key, row in content(bench.store).items() if key != "theirs"} == whole
    assert foreign() in shelf(bench)


def test_verify_counts_rows_of_others_as_no_drift(make: Make) -> None:
    bench = make()
    bench.run()
    shelf(bench).append(foreign())
    drift = bench.verify()
    assert not drift
    assert drift.foreign == 1


def test_a_store_that_cannot_list_says_that_it_cannot_be_verified(make: Make) -> None:
    bench = make(store=MemoryStore(APPEND_ONLY))
    bench.run()
    with pytest.raises(WrongSettings, match="cannot list"):
        bench.verify()


def test_purge_takes_our_rows_and_leaves_those_of_others(make: Make) -> None:
    bench = make()
    bench.run()
    shelf(bench).append(foreign())
    bench.start().purge()
    assert shelf(bench) == [foreign()]


def test_purge_drops_a_collection_that_we_made_and_that_is_ours_alone(make: Make) -> None:
    bench = make()
    bench.run()
    bench.start().purge()
    assert bench.store.find_collection("confluence") is None
    assert bench.run().added == 12
