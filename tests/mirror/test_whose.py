"""Whose collection it is, where the manifest does not say: the rows do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from confluence_mirror.errors import Refused
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.stores.base import Capabilities, Collection, StoredRow
from confluence_sandbox import Site
from tests.job.conftest import page
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import APPEND_ONLY, FULL, MemoryStore, Row, Shelf

Make = Callable[..., Bench]


class Numbered(MemoryStore):
    """Gives its collections ids."""

    def create_collection(self, name: str) -> Collection:
        made = super().create_collection(name)
        again = replace(made, id=f"id-of-{name}")
        self.shelves = {again.id: Shelf(again)}
        return again


class NamesAlone(MemoryStore):
    """Lists whose its rows are, and nothing else of them, as Llama Stack does."""

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        for row in super().list_rows(collection, texts=texts):
            yield replace(row, metadata=None, text=None)


STORES = {
    "metadata": lambda: MemoryStore(),
    "names alone": lambda: NamesAlone(replace(FULL, updates_metadata=False)),
}


@pytest.fixture(params=STORES.values(), ids=STORES.keys())
def store(request: pytest.FixtureRequest) -> MemoryStore:
    made: MemoryStore = request.param()
    return made


def folder(site: Site) -> str:
    return page(site, "Runbooks")


def second(bench: Bench, wanted: ScopeSpec) -> Bench:
    """Another job over the same collection, with a state of its own."""
    return Bench(bench.gateway, bench.state.parent / "second", bench.store, wanted)


@pytest.mark.parametrize("narrow", ["folder", "label"])
@pytest.mark.parametrize("rehearsed", [False, True], ids=["run", "--dry-run"])
def test_a_second_job_with_a_narrower_scope_over_rows_of_ours_is_refused(
    make: Make, store: MemoryStore, narrow: str, rehearsed: bool
) -> None:
    bench = make(store=store)
    bench.run()
    before = content(store)
    wanted = (
        ScopeSpec(folder_id=folder(bench.site))
        if narrow == "folder"
        else ScopeSpec(labels=("runbook",))
    )
    other = second(bench, wanted)
    with pytest.raises(Refused, match=r"outside the scope"):
        other.start().dry_run() if rehearsed else other.run()
    assert content(store) == before
    with pytest.raises(Refused, match=r"outside the scope"):
        other.run()
    assert content(store) == before, "killed or refused, the next run knows it still"


def test_a_narrower_scope_that_is_meant_is_taken(make: Make, store: MemoryStore) -> None:
    bench = make(store=store)
    bench.run()
    other = second(bench, ScopeSpec(folder_id=folder(bench.site)))
    other.run(change_scope=True)
    titles = {row.metadata["title"] for row in store.shelves["confluence"].rows}
    assert titles
    assert "Home" not in titles


def test_with_the_manifest_lost_a_folder_may_have_another_name_and_a_page_may_have_left_it(
    make: Make, store: MemoryStore
) -> None:
    site = small_site(24)
    runbooks = folder(site)
    bench = make(site, store=store, wanted=ScopeSpec(folder_id=runbooks))
    bench.run()
    shutil.rmtree(bench.state)
    site.rename(runbooks, "Handbooks")
    left = site.children(runbooks)[0]
    site.move(left.id, parent=page(site, "Home"))
    bench.run()
    held = {row.metadata["page_id"] for row in store.shelves["confluence"].rows}
    assert held == {each.id for each in site.descendants(runbooks)}


def test_a_label_that_a_page_has_lost_since_takes_it_out_though_the_manifest_is_lost(
    make: Make,
) -> None:
    bench = make(wanted=ScopeSpec(labels=("runbook",)))
    bench.run()
    shutil.rmtree(bench.state)
    gone = next(each for each in bench.site.current() if each.labels)
    bench.site.relabel(gone.id, [])
    bench.run()
    assert gone.id not in {
        row.metadata["page_id"] for row in bench.store.shelves["confluence"].rows
    }  # type: ignore[attr-defined]


@pytest.mark.parametrize("lost", [False, True], ids=["recorded", "manifest lost"])
def test_all_spaces_are_no_wider_than_a_personal_one_that_was_named(make: Make, lost: bool) -> None:
    site = small_site(6)
    site.add_space("~ann", "Ann", type="personal")
    site.add("~ann", "Diary", body(3))
    bench = make(site, wanted=ScopeSpec(space_keys=("OPS", "~ann")))
    bench.run()
    before = content(bench.store)  # type: ignore[arg-type]
    if lost:
        shutil.rmtree(bench.state)
    with pytest.raises(Refused, match="~ann"):
        bench.run(wanted=ScopeSpec())
    assert content(bench.store) == before  # type: ignore[arg-type]


def test_all_spaces_are_wider_than_some_that_are_among_them(make: Make) -> None:
    bench = make(wanted=ScopeSpec(space_keys=("OPS",)))
    bench.run()
    assert bench.run(wanted=ScopeSpec()).chunks["sent"] == 0


@pytest.mark.parametrize(
    "can", [FULL, replace(FULL, lists=False), APPEND_ONLY], ids=["lists", "replaces", "appends"]
)
def test_a_store_that_moved_to_another_address_is_mirrored_on(
    make: Make, can: Capabilities
) -> None:
    bench = make(store=MemoryStore(replace(can)))
    bench.run()
    bench.store.place = "elsewhere"
    report = bench.run()
    pointer = (bench.state / "CURRENT_COLLECTION").read_text().split()[0]
    held = content(bench.store, pointer, exact=False)  # type: ignore[arg-type]
    assert held == content(bench.fresh(bench.state.parent / "fresh"), exact=False)
    if can.lists:
        assert report.chunks["sent"] == 0
    assert bench.run().chunks["sent"] == 0


def test_a_record_that_does_not_know_its_place_is_not_given_to_another_store_with_a_collection_of_that_name(
    make: Make,
) -> None:
    first = make()
    first.store.place = ""  # as revision 1 of the manifest recorded it
    first.run()
    first.store.place = "here"
    there = MemoryStore()
    there.place = "there"
    there.create_collection("confluence")
    there.shelves["confluence"].rows.append(
        Row("", "x", "theirs", {"source": "other", "chunk_id": "x"})
    )
    second = Bench(first.gateway, first.state, there)
    assert second.run().chunks["sent"] > 0
    assert first.run().chunks["sent"] == 0
    assert second.run().chunks["sent"] == 0


def test_the_collection_of_another_job_is_refused_by_whatever_name_it_is_set(make: Make) -> None:
    bench = make(store=Numbered())
    bench.run()
    with pytest.raises(Refused, match="mirror of another job"):
        bench.run(collection="id-of-confluence")


def test_purge_takes_stray_rows_of_ours_too_leaves_those_of_another_site_and_says_what_left(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    rows = bench.store.shelves["confluence"].rows  # type: ignore[attr-defined]
    chunks = len(rows)
    rows.append(
        replace(rows[0], chunk_id="stray", metadata={**rows[0].metadata, "chunk_id": "stray"})
    )
    del rows[1]
    other = {**rows[0].metadata, "chunk_id": "theirs", "site_id": "another-site"}
    rows.append(Row("", "theirs", "of another site", other))
    bench.start().purge()
    assert [row.chunk_id for row in bench.store.shelves["confluence"].rows] == ["theirs"]  # type: ignore[attr-defined]
    assert bench.report.chunks["removed"] == chunks
    assert bench.report.removed == 12


def test_a_guard_of_its_own_lets_a_few_pages_leave_and_not_most(make: Make) -> None:
    site = small_site(12)
    bench = make(
        site,
        store=NamesAlone(replace(FULL, updates_metadata=False)),
        wanted=ScopeSpec(space_keys=("OPS",)),
    )
    bench.run()
    site.add_space("HR", "People")
    moved = [
        each.id
        for each in site.current("OPS")
        if each.title in ("Page 1", "Page 2", "Page 3", "Page 4")
    ]
    shutil.rmtree(bench.state)
    site.move(moved[0], space="HR")
    bench.run()
    shutil.rmtree(bench.state)
    for each in moved[1:]:
        site.move(each, space="HR")
    with pytest.raises(Refused, match="outside the scope"):
        bench.run()
