"""The tree of documents over any days and nights: pages come, go, move and take each other's names,
runs die at any instant, the manifest is lost; after a run that ends well the tree is what the site
shows, and the next one writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from confluence_mirror.document_store.folder import DocumentFolder
from tests.mirror.document_checks import check_tree
from tests.mirror.test_machine import BODIES, PAGES, QUICK, Killed, MirrorMachine
from tests.selection import only_quick

INSTANTS = 27
"""Of the day below."""
NAMES = ["Page 0", "Und/oder", "Und:oder", "und?ODER", "attachments", "Und_oder (1310725)", "CON"]


class MortalFolder(DocumentFolder):
    """Dies with the run: before and after each change."""

    def __init__(self, folder: Path, machine: TreeMachine) -> None:
        super().__init__(folder)
        self._machine = machine

    def write(self, files: Mapping[str, bytes]) -> Sequence[str]:
        hindered: list[str] = []
        for path, content in files.items():
            self._machine.step("a file is written", path)
            hindered += super().write({path: content})
            self._machine.step("a file was written", path)
        return hindered

    def remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._machine.step("a file is removed", path)
            super().remove([path])

    def _remove_empty(self, folder: Path) -> None:
        self._machine.step("empty folders are removed", str(folder))
        super()._remove_empty(folder)


class TreeMachine(MirrorMachine):
    @initialize()
    def begin(self) -> None:
        super().begin()
        self.tree = self.folder / "tree"
        self.tree.mkdir()
        (self.tree / "theirs.txt").write_text("theirs")
        self.bench.options["documents"] = MortalFolder(self.tree, self)

    @rule(title=PAGES, name=st.sampled_from(NAMES))
    def rename(self, title: str, name: str) -> None:
        others = {page.title for page in self.bench.site.content.values()}
        if name not in others and self.bench.site.get(self.ids[title]).status == "current":
            self.bench.site.rename(self.ids[title], name)
            self.whole = False

    @rule(title=PAGES, below=PAGES)
    def move(self, title: str, below: str) -> None:
        page, parent = (self.bench.site.get(self.ids[each]) for each in (title, below))
        above = parent
        while above.parent_id and above.id != page.id:
            above = self.bench.site.get(above.parent_id)
        if above.id != page.id and {page.status, parent.status} == {"current"}:
            self.bench.site.move(page.id, parent=parent.id)
            self.whole = False

    @rule(instant=st.integers(1, 60))
    def killed_late(self, instant: int) -> None:
        self.killed_run(instant)

    @invariant()
    def tree_equals_site(self) -> None:
        if not getattr(self, "whole", False):
            return
        check_tree(self.bench, self.tree, {"theirs.txt": b"theirs"})
        report = self.bench.run()
        assert not any(report.documents.values())

    @invariant()
    def store_equals_site(self) -> None:
        """The machine of the mirror compares stores."""


@pytest.mark.long
@pytest.mark.hypothesis
def test_the_tree_equals_the_site_after_every_run_that_ends_well() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(TreeMachine, settings=QUICK)


def a_day(machine: TreeMachine) -> None:
    """Names are taken, given back and exchanged; a page moves, one comes, one goes."""
    site, ids = machine.bench.site, machine.ids
    site.rename(ids["Page 0"], "Interim")
    site.rename(ids["Page 1"], "Page 0")
    site.rename(ids["Page 0"], "Page 1")
    site.move(ids["Page 2"], parent=ids["Page 1"])
    site.edit(ids["Page 2"], BODIES[1])
    site.trash(ids["Page 3"])
    ids["new"] = site.add("OPS", "Page/4", BODIES[2], parent=machine.home).id


def a_second_thought(machine: TreeMachine) -> None:
    """What the killed run was about to write is no longer wanted where it was."""
    site, ids = machine.bench.site, machine.ids
    site.rename(ids["Page 0"], "Elsewhere")
    site.trash(ids["Page 2"])
    site.restore(ids["Page 3"])
    site.rename(ids["new"], "Page:4")


@pytest.mark.parametrize("instant", only_quick(range(1, INSTANTS + 1), 5, 19, 21, 23, 25, 27))
def test_killed_at_any_instant_the_next_run_makes_what_is_wanted_by_then(instant: int) -> None:
    machine = TreeMachine()
    machine.begin()
    try:
        machine.bench.run()
        a_day(machine)
        machine.countdown = instant
        with pytest.raises(Killed):
            machine.bench.run()
        machine.countdown = 0
        a_second_thought(machine)
        machine.bench.run()
        machine.whole = True
        machine.tree_equals_site()
    finally:
        machine.teardown()


def test_folders_that_a_killed_run_left_empty_go_although_the_manifest_is_lost() -> None:
    machine = TreeMachine()
    machine.begin()
    try:
        machine.bench.run()
        machine.move("Page 2", "Page 0")
        for instant in range(1, 12):
            machine.killed_run(instant)
            machine.lose_the_manifest()
        machine.run_that_ends_well()
        machine.tree_equals_site()
    finally:
        machine.teardown()
