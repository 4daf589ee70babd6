"""Anything may be done to the store and to the manifest between two runs; after a run that ends
well and compares, the store equals the site, and where ``--repair`` ends well, ``--verify``
does."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import SampleGateway, Site
from tests.mirror.harness import Bench, content
from tests.mirror.test_machine import BODIES, TITLES
from tests.servers.memory_store import FULL, MemoryStore, Row

PLACES = st.integers(0, 30)


class DamageMachine(RuleBasedStateMachine):
    capabilities = FULL
    own_refs = False

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="damage-"))
        site = Site()
        site.add_space("OPS", "Operations")
        home = site.add("OPS", "Home", "<p>home.</p>").id
        self.ids = {title: site.add("OPS", title, BODIES[0], parent=home).id for title in TITLES}
        self.gateway = SampleGateway(site)
        self.store = MemoryStore(self.capabilities, own_refs=self.own_refs)
        self.bench = Bench(
            self.gateway,
            self.folder / "state",
            self.store,
            settings=PlanSettings(allow_mass_delete="true"),
        )
        self.bench.chunks = type(self.bench.chunks)(24, 0)
        self.added = 0
        self.texts_changed = False
        """A night does not read texts."""
        self.bench.run()

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.gateway.close()
            shutil.rmtree(self.folder)

    def rows(self) -> list[Row]:
        found = self.store.find_collection("confluence")
        return self.store.shelves[found.id].rows if found else []

    def ours(self) -> list[Row]:
        return [row for row in self.rows() if row.metadata.get("source") == "confluence"]

    # -- the day

    @rule(title=st.sampled_from(TITLES), text=st.sampled_from(BODIES))
    def edit(self, title: str, text: str) -> None:
        if self.bench.site.get(self.ids[title]).status == "current":
            self.bench.site.edit(self.ids[title], text)

    @rule(title=st.sampled_from(TITLES), labels=st.sets(st.sampled_from(["a", "b"])))
    def relabel(self, title: str, labels: set[str]) -> None:
        self.bench.site.relabel(self.ids[title], sorted(labels))

    @rule(title=st.sampled_from(TITLES))
    def trash_or_restore(self, title: str) -> None:
        page = self.bench.site.get(self.ids[title])
        (self.bench.site.trash if page.status == "current" else self.bench.site.restore)(page.id)

    # -- what others do to the store

    @rule(first=PLACES, count=st.integers(1, 4), made_up=st.booleans())
    def lose_rows(self, first: int, count: int, made_up: bool) -> None:
        ours = self.ours()
        gone = ours[first % len(ours) :][:count] if ours else []
        rows = self.rows()
        rows[:] = [row for row in rows if not any(row is each for each in gone)]
        for _ in gone if made_up else ():
            self.add_foreign()

    @rule()
    def add_foreign(self) -> None:
        self.added += 1
        if self.store.find_collection("confluence"):
            self.rows().append(
                Row(f"foreign-{self.added}", "", f"theirs {self.added}", {"source": "other"})
            )

    @rule(place=PLACES)
    def change_text(self, place: int) -> None:
        ours = self.ours()
        if ours and not self.own_refs:  # a store with names alone lists no texts
            ours[place % len(ours)].text += " and more"
            self.texts_changed = True

    @rule(place=PLACES, key=st.sampled_from(["title", "labels", "url"]))
    def change_metadata(self, place: int, key: str) -> None:
        ours = self.ours()
        if ours:
            row = ours[place % len(ours)]
            row.metadata, row.metadata_hash = {**row.metadata, key: "changed"}, "changed"

    @rule(place=PLACES)
    def add_stray(self, place: int) -> None:
        ours = self.ours()
        if ours:
            self.added += 1
            like, stray = ours[place % len(ours)], f"stray-{self.added}"
            metadata = {**like.metadata, "chunk_id": stray}
            self.rows().append(
                Row(f"stray-{self.added}" if self.own_refs else "", stray, like.text, metadata)
            )

    @rule(place=PLACES)
    def copy_row(self, place: int) -> None:
        ours = self.ours()
        if ours:
            self.added += 1
            like = ours[place % len(ours)]
            self.rows().append(replace(like, ref=f"copy-{self.added}" if self.own_refs else ""))

    @rule()
    def empty(self) -> None:
        self.rows().clear()

    @rule(again=st.booleans())
    def drop(self, again: bool) -> None:
        found = self.store.find_collection("confluence")
        if found:
            self.store.drop_collection(found)
            if again:
                self.store.create_collection("confluence")

    # -- what becomes of the manifest

    @rule()
    def back_up(self) -> None:
        shutil.rmtree(self.folder / "backup", ignore_errors=True)
        if (self.folder / "state").exists():
            shutil.copytree(self.folder / "state", self.folder / "backup")

    @precondition(lambda self: (self.folder / "backup").exists())
    @rule()
    def restore(self) -> None:
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        shutil.copytree(self.folder / "backup", self.folder / "state")

    @rule()
    def lose_the_manifest(self) -> None:
        shutil.rmtree(self.folder / "state", ignore_errors=True)

    # -- the night

    @rule()
    def night(self) -> None:
        self.bench.run()
        if not self.texts_changed:
            self.store_equals_site()

    @rule()
    def full_run(self) -> None:
        self.bench.run(plan=PlanSettings(allow_mass_delete="true", full=True))
        self.texts_changed = False
        self.store_equals_site()

    @rule()
    def repair(self) -> None:
        assert not self.bench.start().repair()
        self.texts_changed = False
        assert not self.bench.verify()
        self.store_equals_site()

    def store_equals_site(self) -> None:
        fresh = self.bench.fresh(self.folder / "fresh")
        shutil.rmtree(self.folder / "fresh")
        exact = self.capabilities.updates_metadata
        found = self.store.find_collection("confluence")
        assert found is not None
        ours = MemoryStore(self.capabilities)
        ours.create_collection("confluence")
        ours.shelves["confluence"].rows = self.ours()
        assert content(ours, exact=exact) == content(fresh, exact=exact)


class DamagedFiles(DamageMachine):
    capabilities = replace(FULL, updates_metadata=False, core_metadata=True)
    own_refs = True


@pytest.mark.hypothesis
@pytest.mark.parametrize("machine", [DamageMachine, DamagedFiles])
def test_the_store_equals_the_site_whatever_was_done_to_it_and_to_the_manifest(
    machine: type[DamageMachine],
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=4, stateful_step_count=10, deadline=None, database=None),
    )


@pytest.mark.crash
@pytest.mark.parametrize("machine", [DamageMachine, DamagedFiles])
def test_the_store_equals_the_site_in_long_stories_of_damage(machine: type[DamageMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=100, stateful_step_count=30, deadline=None, database=None),
    )
