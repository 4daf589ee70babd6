"""Counts prove nothing: what a run that compares the whole scope, and what --full and --repair find
in a store that somebody else has been at."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.chunking import chunk_id
from confluence_mirror.errors import Refused
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Chunk
from confluence_mirror.stores.base import Capabilities
from confluence_sandbox import Site
from tests.job.conftest import page
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import FULL, MemoryStore, Row, Shelf

Make = Callable[..., Bench]
FILES = replace(FULL, updates_metadata=False, core_metadata=True)
KINDS = {"rows known by our ids": (FULL, False), "rows with ids of the store's own": (FILES, True)}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request: pytest.FixtureRequest) -> tuple[Capabilities, bool]:
    given: tuple[Capabilities, bool] = request.param
    return given


def memory(kind: tuple[Capabilities, bool]) -> MemoryStore:
    return MemoryStore(replace(kind[0]), own_refs=kind[1])


def shelf(bench: Bench) -> list[Row]:
    assert isinstance(bench.store, MemoryStore)
    return bench.store.shelves["confluence"].rows


def foreign(number: int) -> Row:
    return Row("", f"theirs-{number}", "a row of somebody else", {"source": "other", "n": number})


def ours(bench: Bench) -> dict[str, tuple[str, dict[str, Any]]]:
    """What the mirror holds, but for what depends on when it was written."""
    assert isinstance(bench.store, MemoryStore)
    exact = bench.store.capabilities.updates_metadata
    held = content(bench.store, exact=exact)
    return {key: row for key, row in held.items() if not key.startswith("theirs")}


@pytest.mark.parametrize("full", [False, True], ids=["night", "--full"])
def test_chunks_that_are_lost_are_sent_again_though_rows_of_others_make_up_for_them(
    make: Make, kind: tuple[Capabilities, bool], full: bool
) -> None:
    bench = make(store=memory(kind))
    bench.run()
    whole = ours(bench)
    del shelf(bench)[2:5]
    shelf(bench).extend(foreign(number) for number in range(3))
    assert bench.run(plan=PlanSettings(full=full)).chunks["sent"] == 3
    assert ours(bench) == whole
    assert foreign(0) in shelf(bench)
    assert not bench.verify()


def test_a_stray_chunk_that_makes_up_for_a_lost_one_leaves_and_the_lost_one_comes_back(
    make: Make, kind: tuple[Capabilities, bool]
) -> None:
    bench = make(store=memory(kind))
    bench.run()
    whole = ours(bench)
    gone = shelf(bench).pop(4)
    stray = {**gone.metadata, "chunk_id": "stray"}
    shelf(bench).append(
        Row("row-x" if kind[1] else "", "stray", "stray", stray, gone.metadata_hash)
    )
    bench.run()
    assert ours(bench) == whole


def test_rows_of_others_are_worth_no_line_in_a_quiet_night(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make()
    bench.run()
    shelf(bench).extend(foreign(number) for number in range(5))
    with caplog.at_level(logging.WARNING):
        assert bench.run().chunks["sent"] == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("hash_too", [False, True], ids=["text", "text and its hash"])
@pytest.mark.parametrize("command", ["full", "repair"])
def test_a_text_that_was_changed_in_the_store_is_sent_again(
    make: Make, hash_too: bool, command: str
) -> None:
    bench = make()
    bench.run()
    whole = ours(bench)
    row = shelf(bench)[5]
    row.text = "what somebody else wrote"
    if hash_too:
        row.metadata = {
            **row.metadata,
            "content_hash": hashlib.sha256(row.text.encode()).hexdigest(),
        }
    assert bench.verify()
    if command == "full":
        bench.run(plan=PlanSettings(full=True))
    else:
        assert not bench.start().repair()
    assert ours(bench) == whole
    assert not bench.verify()


def test_a_chunk_of_a_text_that_its_page_had_before_is_no_drift(make: Make) -> None:
    """Earlier versions stored each occurrence."""
    bench = make()
    bench.run()
    row = shelf(bench)[0]
    second = chunk_id(bench.gateway.cloud_id, str(row.metadata["page_id"]), row.text, 1)
    shelf(bench).append(
        replace(
            row, chunk_id=second, metadata={**row.metadata, "chunk_id": second, "chunk_count": 9}
        )
    )
    assert [stray.chunk_id for stray in bench.verify().stray] == [second]
    assert not bench.verify().spoilt


class Mangling(MemoryStore):
    """A server that gives back every text with words of its own."""

    def _put(self, shelf: Shelf, chunk: Chunk) -> str:
        return super()._put(shelf, replace(chunk, text=f"{chunk.text} (stored)"))


def test_repair_does_not_say_that_all_is_well_where_verify_says_that_it_is_not(make: Make) -> None:
    bench = make(store=Mangling())
    bench.run()
    assert bench.run().chunks["sent"] == 0, "no night sends everything again"
    drift = bench.start().repair()
    assert drift.changed
    assert len(bench.verify().changed) == len(drift.changed)


def test_a_row_that_looks_like_ours_with_a_page_that_is_no_number_stops_no_night(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    tool = {
        "source": "confluence",
        "site_id": bench.gateway.cloud_id,
        "page_id": "te\x1b[2Jst",
        "chunk_id": "t-1",
    }
    shelf(bench).append(Row("", "t-1", "a tool tries things", {**tool, "space_key": "OPS"}))
    before = list(shelf(bench))
    bench.run()
    bench.run(plan=PlanSettings(full=True))
    assert not bench.start().repair()
    shutil.rmtree(bench.state)
    bench.run()
    assert shelf(bench) == before


def test_a_manifest_from_a_backup_brings_metadata_back_that_changed_and_changed_again(
    make: Make, kind: tuple[Capabilities, bool], tmp_path: Path
) -> None:
    bench = make(store=memory(kind))
    changed = page(bench.site, "Page 1")
    bench.run()
    whole = ours(bench)
    shutil.copytree(bench.state, tmp_path / "backup")
    bench.site.relabel(changed, ["urgent"])
    bench.run()
    assert ours(bench) != whole
    shutil.rmtree(bench.state)
    shutil.copytree(tmp_path / "backup", bench.state)
    bench.site.relabel(changed, [])
    bench.run()
    assert ours(bench) == whole


def two_spaces() -> Site:
    site = small_site(6)
    site.add_space("HR", "People")
    for number in range(3):
        site.add("HR", f"Policy {number}", body(500 + number))
    return site


def test_rows_of_another_mirror_are_left_alone_and_named_after_everything_is_mirrored(
    make: Make,
) -> None:
    bench = make(two_spaces(), wanted=ScopeSpec(space_keys=("OPS",)))
    bench.run()
    other = Bench(
        bench.gateway, bench.state.parent / "other", MemoryStore(), ScopeSpec(space_keys=("HR",))
    )
    other.run()
    shelf(bench).extend(shelf(other))
    bench.site.edit(page(bench.site, "Page 1"), body(7))
    with pytest.raises(Refused, match=r"spaces HR.*other pages are not affected"):
        bench.run()
    assert bench.report.changed == 1
    assert all(row in shelf(bench) for row in shelf(other))
    with pytest.raises(Refused, match="spaces HR"):
        bench.start().dry_run()
    bench.run(change_scope=True)
    assert not any(row.metadata["space_key"] == "HR" for row in shelf(bench))
