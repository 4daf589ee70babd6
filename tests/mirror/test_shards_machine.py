"""A mirror in three shards: pages move between their spaces, spaces come and go, runs die or go on
side by side. No page is lost meanwhile, and after the nights of all shards the store equals the
site."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from confluence_mirror.errors import Unfinished
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Shard
from confluence_sandbox import SampleGateway, Site
from tests.mirror.harness import Bench, content
from tests.mirror.inline_reader import InlineReader
from tests.mirror.test_machine import BODIES, TITLES, Killed
from tests.servers.memory_store import MemoryStore

COUNT = 3
SPACES = ["ANN", "BOB", "CID", "DEE", "EVE"]
PAGES, SHARDS = st.sampled_from(TITLES), st.integers(0, COUNT - 1)
TEXTS = [body for body in BODIES if body]


class ShardsMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shards-"))
        self.at_step: Callable[[], object] | None = None
        self.countdown = 0
        site = Site()
        for key in SPACES[:-1]:
            site.add_space(key, f"Space {key}")
            site.add(key, f"Home of {key}", "<p>home.</p>")
        self.ids = {
            title: site.add(SPACES[n % 4], title, TEXTS[0]).id for n, title in enumerate(TITLES)
        }
        site.add_comment(site.get(self.ids[TITLES[0]]), "<p>Works.</p>")
        site.attach_file(self.ids[TITLES[1]], "a.txt", b"alpha of a file")
        self.gateway = SampleGateway(site)
        self.store = MemoryStore(step=self.step)
        self.benches = [self.bench_of(Shard(index, COUNT)) for index in range(COUNT)]
        self.answerable: set[str] = set()
        """Pages that were in the store after the last night of all, and have not left since."""
        self.nights_of_all([0, 1, 2])

    def bench_of(self, shard: Shard | None) -> Bench:
        made = Bench(
            self.gateway,
            self.folder / "state",
            self.store,
            ScopeSpec(children=("attachment", "comment")),
            PlanSettings(allow_mass_delete="true"),
            options={"shard": shard},
        )
        made.chunks, made.reader = type(made.chunks)(24, 0), InlineReader()
        return made

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.gateway.close()
            shutil.rmtree(self.folder)

    def step(self, _what: str, _chunk_id: str) -> None:
        if self.countdown:
            self.countdown -= 1
            if not self.countdown and self.at_step is not None:
                self.at_step()

    # -- the day

    @rule(title=PAGES, text=st.sampled_from(TEXTS))
    def edit(self, title: str, text: str) -> None:
        if self.gateway.site.get(self.ids[title]).status == "current":
            self.gateway.site.edit(self.ids[title], text)

    @rule(titles=st.lists(PAGES, min_size=1), place=st.integers(0, len(SPACES) - 1))
    def move(self, titles: list[str], place: int) -> None:
        site = self.gateway.site
        keys = sorted(space.key for space in site.spaces.values())
        for title in titles:
            if site.get(self.ids[title]).status == "current":
                site.move_space(self.ids[title], keys[place % len(keys)])

    @rule(place=st.integers(0, len(TITLES) - 1))
    def move_file(self, place: int) -> None:
        (file,) = self.gateway.site.files.values()
        if self.gateway.site.get(self.ids[TITLES[place]]).status == "current":
            self.gateway.site.move_file(file, self.ids[TITLES[place]])

    @rule(title=PAGES)
    def trash_or_restore(self, title: str) -> None:
        page = self.gateway.site.get(self.ids[title])
        if page.status == "current":
            self.answerable.discard(page.id)
            self.gateway.site.trash(page.id)
        else:
            self.gateway.site.restore(page.id)

    @rule()
    def a_space_comes(self) -> None:
        site = self.gateway.site
        if not any(space.key == SPACES[-1] for space in site.spaces.values()):
            site.add_space(SPACES[-1], "Space EVE")
            site.add(SPACES[-1], "Home of EVE", "<p>home.</p>")

    @rule()
    def a_space_goes(self) -> None:
        site = self.gateway.site
        there = [space.id for space in site.spaces.values() if space.key == SPACES[-1]]
        if there and not any(site.get(page).space_id in there for page in self.ids.values()):
            site.remove_space(SPACES[-1])

    # -- the night

    def run_shard(self, index: int) -> bool:
        """Whether it ended well; what another shard has not let go of is for its next run."""
        try:
            self.benches[index].run()
        except Unfinished:
            return False
        return True

    @rule(index=SHARDS)
    def run_one(self, index: int) -> None:
        self.run_shard(index)

    @rule(index=SHARDS, instant=st.integers(1, 12))
    def kill_one(self, index: int, instant: int) -> None:
        def die() -> None:
            raise Killed

        self.countdown, self.at_step = instant, die
        with suppress(Killed):
            self.run_shard(index)
        self.countdown = 0

    @rule(outer=SHARDS, inner=SHARDS, instant=st.integers(1, 12))
    def run_side_by_side(self, outer: int, inner: int, instant: int) -> None:
        if outer != inner:
            self.countdown, self.at_step = instant, partial(self.run_shard, inner)
            self.run_shard(outer)
            self.countdown = 0

    @rule(order=st.permutations(range(COUNT)))
    def nights_of_all(self, order: list[int]) -> None:
        for _ in range(2):
            ended = [self.run_shard(index) for index in order]
            if all(ended):
                break
        assert all(ended), "nobody else is at work"
        for index in order:
            assert not self.benches[index].verify()
        whole = self.bench_of(None)
        assert not whole.verify()
        fresh = whole.fresh(self.folder / "fresh", shard=None)
        shutil.rmtree(self.folder / "fresh")
        assert content(self.store) == content(fresh)
        self.answerable = {
            page for page in self.ids.values() if self.gateway.site.get(page).status == "current"
        }

    @invariant()
    def no_page_is_lost(self) -> None:
        if hasattr(self, "answerable"):
            stored = {str(metadata["page_id"]) for _, metadata in content(self.store).values()}
            assert self.answerable <= stored


@pytest.mark.hypothesis
def test_no_page_is_lost_between_shards_and_after_their_nights_the_store_equals_the_site() -> None:
    run_state_machine_as_test(
        ShardsMachine, settings=settings(max_examples=15, stateful_step_count=12, deadline=None)
    )
