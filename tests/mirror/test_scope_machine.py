"""Any tree, any scope, anything that happens to both, a run that dies at any instant: after a run
that ends well, the store holds the pages that the words of the scope name, and no others."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import SampleGateway, Site
from confluence_sandbox.content import Content
from tests.mirror.harness import Bench, content
from tests.mirror.test_machine import Killed
from tests.servers.memory_store import FULL, MemoryStore

SPACES = ("OPS", "LIB")
LABELS = ("draft", "runbook")
ROOTS = (0, 1, 2)
"""Elements that may begin a tree: they are moved, and never go away."""
ELEMENT = st.integers(0, 8)
KIND = st.sampled_from(["page", "page", "folder", "blogpost"])
ITEM = st.one_of(
    st.sampled_from(SPACES).map(lambda key: ("space", key)),
    st.sampled_from(ROOTS).map(lambda number: ("tree", number)),
    ELEMENT.map(lambda number: ("page", number)),
)


class ScopeMachine(RuleBasedStateMachine):
    @initialize(
        kinds=st.lists(KIND, min_size=9, max_size=9),
        parents=st.lists(st.integers(-1, 8), min_size=9, max_size=9),
        items=st.lists(ITEM, max_size=3),
        excluded=st.sets(st.sampled_from(ROOTS), max_size=1),
        labels=st.sets(st.sampled_from(LABELS), max_size=1),
    )
    def begin(
        self,
        kinds: list[str],
        parents: list[int],
        items: list[tuple[str, object]],
        excluded: set[int],
        labels: set[str],
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="scopes-"))
        self.countdown, self.whole = 0, False
        site = Site()
        for key in SPACES:
            site.add_space(key, key)
        self.made: list[Content] = []
        for number, kind in enumerate(kinds):
            kind = ("page", "folder", "page")[number] if number in ROOTS else kind
            above = parents[number] if parents[number] < number and kind != "blogpost" else -1
            parent = self.made[above] if above >= 0 and kind != "blogpost" else None
            parent = None if parent is not None and parent.type == "blogpost" else parent
            space = site.space_of(parent).key if parent else SPACES[number % 2]
            text = f"<p>number {number}.</p>"
            self.made.append(site.add(space, f"No {number}", text, parent=parent, type=kind))
        self.gateway = SampleGateway(site)
        self.store = MemoryStore(FULL, step=self.step)
        self.bench = Bench(
            self.gateway,
            self.folder / "state",
            self.store,
            settings=PlanSettings(allow_mass_delete="true"),
        )
        self.set_scope(items, excluded, labels)

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.bench.close()
            self.gateway.close()
            shutil.rmtree(self.folder)

    def step(self, what: str, chunk_id: str) -> None:
        if self.countdown:
            self.countdown -= 1
            if not self.countdown:
                raise Killed(what)

    # -- the day

    @rule(
        items=st.lists(ITEM, max_size=3),
        excluded=st.sets(st.sampled_from(ROOTS), max_size=1),
        labels=st.sets(st.sampled_from(LABELS), max_size=1),
    )
    def set_scope(
        self, items: list[tuple[str, object]], excluded: set[int], labels: set[str]
    ) -> None:
        """A scope of which everything is there today."""
        named = {
            f"{kind}:{value if kind == 'space' else self.made[int(str(value))].id}"
            for kind, value in items
            if kind != "page" or self.is_page(int(str(value)))
        }
        self.bench.wanted = ScopeSpec(
            items=tuple(sorted(named)),
            exclude_labels=tuple(labels),
            exclude_trees=tuple(self.made[number].id for number in excluded),
        )
        self.whole = False

    def is_page(self, number: int) -> bool:
        each = self.made[number]
        return each.type != "folder" and each.status == "current"

    @rule(number=ELEMENT, below=st.integers(-1, 8), space=st.sampled_from(SPACES))
    def move(self, number: int, below: int, space: str) -> None:
        site, moved = self.bench.site, self.made[number]
        above = self.made[below] if below >= 0 else None
        if moved.status != "current" or moved.type == "blogpost":
            return
        if above is None:
            site.move_space(moved, space)
        elif above.status == "current" and above.type != "blogpost":
            if moved is above or moved in site.ancestors(above):
                return
            site.move(moved, parent=above)
        self.whole = False

    @rule(number=ELEMENT, labels=st.sets(st.sampled_from(LABELS)))
    def relabel(self, number: int, labels: set[str]) -> None:
        self.bench.site.relabel(self.made[number], sorted(labels))
        self.whole = False

    @rule(number=st.integers(3, 8))
    def trash_or_restore(self, number: int) -> None:
        site, each = self.bench.site, self.made[number]
        if each.type == "folder":
            return
        (site.trash if each.status == "current" else site.restore)(each)
        self.whole = False

    # -- the night

    @rule(instant=st.integers(1, 6))
    def killed_run(self, instant: int) -> None:
        self.countdown = instant
        try:
            self.run()
        except Killed:
            self.whole = False
        self.countdown = 0

    @rule()
    def run(self) -> None:
        self.bench.run(change_scope=True)
        self.whole = True

    @invariant()
    def store_holds_what_the_scope_names(self) -> None:
        if getattr(self, "whole", False):
            held = {str(metadata["page_id"]) for _, metadata in content(self.store).values()}
            assert held == {each.id for each in self.bench.site.current() if self.is_named(each)}

    def is_named(self, each: Content) -> bool:
        """By the words of the settings alone."""
        site, wanted = self.bench.site, self.bench.wanted
        above = {node.id for node in [each, *site.ancestors(each)]}
        names = {f"space:{site.space_of(each).key}", f"page:{each.id}"}
        names |= {f"tree:{node}" for node in above}
        barred = {name for _, name in each.labels} & {*wanted.exclude_labels}
        barred |= above & {*wanted.exclude_trees}
        return (not wanted.items or bool(names & {*wanted.items})) and not barred


@pytest.mark.hypothesis
def test_the_store_holds_what_the_words_of_the_scope_name_after_every_run_that_ends_well() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    quick = settings(max_examples=15, stateful_step_count=10, deadline=None)
    run_state_machine_as_test(ScopeMachine, settings=quick)
