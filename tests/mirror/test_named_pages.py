"""A run over named pages: the store holds of them what one from scratch would, in a few requests,
and of all others what it held before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from confluence_mirror.errors import IncompleteEvidence, Unfinished
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from tests.job.conftest import page
from tests.mirror.conftest import body
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import APPEND_ONLY, MemoryStore

Make = Callable[..., Bench]
MOST_REQUESTS = 8


def run_named(bench: Bench, *ids: str) -> int:
    """A run over these pages; how many requests it took."""
    before = len(bench.gateway.log)
    bench.run(plan=PlanSettings(only=ids))
    return len(bench.gateway.log) - before


def how_far(bench: Bench) -> list[tuple[str, str]]:
    """Watermark and last comparison of the whole scope, as they are recorded."""
    with closing(sqlite3.connect(bench.state / "manifest.db")) as database:
        return database.execute("SELECT watermark, reconciled_at FROM cs_generation").fetchall()


def edit(bench: Bench) -> str:
    found = page(bench.site, "Page 3")
    bench.site.edit(found, body(700))
    return found


def create(bench: Bench) -> str:
    return bench.site.add("OPS", "Brand new", body(701), parent=page(bench.site, "Runbooks")).id


def move(bench: Bench) -> str:
    found = page(bench.site, "Page 3")
    bench.site.move(found, parent=page(bench.site, "Page 4"))
    return found


def trash(bench: Bench) -> str:
    found = page(bench.site, "Page 3")
    bench.site.trash(found)
    return found


def hide(bench: Bench) -> str:
    found = page(bench.site, "Page 3")
    bench.site.restrict(found)
    return found


@pytest.mark.parametrize("change", [edit, create, move, trash, hide])
def test_a_named_page_is_as_a_store_from_scratch_would_have_it(
    make: Make, tmp_path: Path, change: Callable[[Bench], str]
) -> None:
    bench = make()
    bench.run()
    before = how_far(bench)
    named = change(bench)
    assert run_named(bench, named) <= MOST_REQUESTS
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))
    assert how_far(bench) == before
    assert not bench.verify()


def test_pages_that_are_not_named_stay_as_they_are(make: Make, tmp_path: Path) -> None:
    bench = make()
    bench.run()
    held = content(bench.store)
    named, other = page(bench.site, "Page 3"), page(bench.site, "Page 5")
    bench.site.edit(other, body(702))
    bench.site.trash(page(bench.site, "Page 6"))
    run_named(bench, named)
    assert content(bench.store) == held
    bench.run()
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_an_id_that_nobody_knows_changes_nothing(make: Make) -> None:
    bench = make()
    bench.run()
    held = content(bench.store)
    run_named(bench, "999999999")
    assert content(bench.store) == held


def test_a_hidden_page_stays_where_no_other_page_proves_that_the_credential_reads(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    held = content(bench.store)
    for each in bench.site.current("OPS"):
        bench.site.restrict(each.id)
    with pytest.raises(IncompleteEvidence, match="no page is left to prove"):
        run_named(bench, page(bench.site, "Page 3"))
    assert content(bench.store) == held


def test_a_page_that_lost_the_label_of_the_scope_leaves(make: Make, tmp_path: Path) -> None:
    bench = make(wanted=ScopeSpec(labels=("runbook",)))
    bench.run()
    named = page(bench.site, "Page 3")
    bench.site.relabel(named, [])
    run_named(bench, named)
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_where_something_would_have_to_be_replaced_that_cannot_be_nothing_is_changed(
    make: Make,
) -> None:
    bench = make(store=MemoryStore(replace(APPEND_ONLY)))
    bench.run()
    held = content(bench.store)
    named = edit(bench)
    with pytest.raises(Unfinished, match="need a new collection"):
        run_named(bench, named)
    assert content(bench.store) == held
    added = create(bench)
    run_named(bench, added)
    assert len(content(bench.store)) > len(held)
