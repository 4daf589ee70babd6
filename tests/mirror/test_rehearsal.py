"""A dry run tells what a run would do about a store that is not as it was left, and writes nothing
for it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest

from confluence_mirror.errors import Refused
from confluence_mirror.mirror.run import Run
from confluence_mirror.mirror.window import PlanSettings
from tests.job.conftest import page
from tests.mirror.harness import Bench
from tests.servers.memory_store import APPEND_ONLY, MemoryStore, Row

Make = Callable[..., Bench]


def rehearsed(bench: Bench, **changes: object) -> dict[str, set[str]]:
    """The plan of a dry run by page, after which everything is as it was."""
    assert isinstance(bench.store, MemoryStore)
    files = {path: path.read_bytes() for path in bench.state.rglob("*") if path.is_file()}
    before = deepcopy(bench.store.shelves["confluence"].rows)
    bench.start(**changes).dry_run()
    assert bench.store.shelves["confluence"].rows == before
    assert {path: path.read_bytes() for path in bench.state.rglob("*") if path.is_file()} == files
    return {
        action: {planned.id for planned in pages} for action, pages in bench.report.plan.items()
    }


def rows(bench: Bench) -> list[Row]:
    assert isinstance(bench.store, MemoryStore)
    return bench.store.shelves["confluence"].rows


def test_what_is_missing_in_the_store_is_in_the_plan_of_a_dry_run_and_of_the_run(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    gone = rows(bench).pop(4)
    rows(bench).append(Row("", "theirs", "", {"source": "other"}))
    assert rehearsed(bench) == {"change": {str(gone.metadata["page_id"])}}
    assert bench.report.drift == {"missing": [gone.chunk_id]}
    assert bench.run().chunks["sent"] == 1
    assert rehearsed(bench) == {}


def test_a_changed_text_is_in_the_plan_of_a_full_dry_run(make: Make) -> None:
    bench = make()
    bench.run()
    rows(bench)[3].text += " and more"
    rehearsed(bench, plan=PlanSettings(full=True))
    assert bench.report.drift == {"different": [rows(bench)[3].chunk_id]}


def test_rows_of_a_page_that_is_gone_are_planned_to_leave(make: Make) -> None:
    bench = make()
    bench.run()
    gone = page(bench.site, "Page 1")
    left = [deepcopy(row) for row in rows(bench) if row.metadata["page_id"] == gone]
    bench.site.trash(gone)
    bench.run()
    rows(bench).extend(left)
    assert rehearsed(bench) == {"remove": {gone}}
    assert bench.run().chunks["removed"] == len(left)


def test_a_run_that_would_be_refused_for_a_second_copy_is_refused_as_a_dry_run(make: Make) -> None:
    bench = make(store=MemoryStore(replace(APPEND_ONLY)), options={"write_mode": "append"})
    bench.run()
    for path in bench.state.glob("manifest.db*"):
        path.unlink()
    for what in (Run.dry_run, Run.sync):
        with pytest.raises(Refused, match="second copy"):
            what(bench.start())
