"""Whatever is renamed, moved, relabelled or lost: after a run that compares all, every key of every
chunk's metadata is what a store that is filled anew holds."""

from __future__ import annotations

import shutil
import tempfile
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

from confluence_mirror.errors import SyncError
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import SampleGateway, Site
from tests.mirror.harness import Bench, content
from tests.mirror.test_machine import Killed
from tests.servers.memory_store import FULL, MemoryStore

KINDS = ["page", "folder", "page", "whiteboard", "page"]
"""One below the other, under a page at the root, and each with a page below."""
WORDS = ["alpha", "beta", "gamma", "delta"]
LABELS = [f"label-{number}" for number in range(6)]
ASKED = ("title", "breadcrumb", "labels", "version", "space_key", "space_name")
"""Compared with the site itself too."""
PLACES = st.integers(0, 2 * len(KINDS))
REFUSED = [
    "/content/search$",
    r"/labels$",
    r"/(folders|whiteboards)/\d+$",
    "/user/bulk|users-bulk",
    r"/v2/pages/\d+$",
]


class MetadataMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="metadata-"))
        self.countdown = 0
        site = Site()
        site.add_space("OPS", "Operations")
        site.add_space("ZOO", "Zoo")
        self.ada = site.add_person("Ada")
        at = site.add("OPS", "Root", "<p>root.</p>", author=self.ada.account_id).id
        self.nodes = [at]
        for depth, kind in enumerate(KINDS):
            at = site.add(
                "OPS", f"Level {depth}", f"<p>level {depth}.</p>", type=kind, parent=at
            ).id
            text = f"<h2>One</h2><p>leaf {depth}.</p>"
            leaf = site.add("OPS", f"Leaf {depth}", text, parent=at, author=self.ada.account_id).id
            self.nodes += [at, leaf]
        self.gateway = SampleGateway(site, nested_labels=2)
        self.store = MemoryStore(FULL, step=self.step)
        self.bench = Bench(
            self.gateway, self.folder / "state", self.store, settings=PlanSettings(concurrency=1)
        )
        self.whole = False

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.gateway.close()
            shutil.rmtree(self.folder)

    def step(self, what: str, chunk_id: str) -> None:
        if self.countdown:
            self.countdown -= 1
            if not self.countdown:
                raise Killed(what)

    # -- the day

    @rule(at=PLACES, word=st.sampled_from(WORDS))
    def rename(self, at: int, word: str) -> None:
        self.bench.site.rename(self.nodes[at], f"{word} {at}")
        self.whole = False

    @rule(at=st.integers(1, 2 * len(KINDS)), below=PLACES)
    def move(self, at: int, below: int) -> None:
        site, moved, target = self.bench.site, self.nodes[at], self.nodes[below]
        if moved == target or moved in {each.id for each in site.ancestors(target)}:
            return
        site.move(moved, parent=target)
        self.whole = False

    @rule(at=st.integers(1, 2 * len(KINDS)), space=st.sampled_from(["OPS", "ZOO"]))
    def move_to_the_root_of_a_space(self, at: int, space: str) -> None:
        self.bench.site.move_space(self.nodes[at], space)
        self.whole = False

    @rule(at=PLACES, labels=st.sets(st.sampled_from(LABELS)))
    def relabel(self, at: int, labels: set[str]) -> None:
        self.bench.site.relabel(self.nodes[at], sorted(labels))
        self.whole = False

    @rule(at=PLACES)
    def save_again(self, at: int) -> None:
        self.bench.site.edit(self.nodes[at])
        self.whole = False

    @rule(space=st.sampled_from(["OPS", "ZOO"]), word=st.sampled_from(WORDS))
    def rename_a_space(self, space: str, word: str) -> None:
        self.bench.site.rename_space(space, word)
        self.whole = False

    @rule(name=st.sampled_from(["Ada", "Ada L.", "Countess of Lovelace"]))
    def rename_the_author(self, name: str) -> None:
        self.ada.display_name = name

    # -- the night

    def night(self) -> None:
        self.whole = False
        try:
            self.bench.run()
        except (Killed, SyncError):
            return
        finally:
            self.countdown = 0
            self.gateway.clear()
        self.whole = True

    @rule()
    def run(self) -> None:
        self.night()
        assert self.whole

    @rule(instant=st.integers(1, 20))
    def run_that_is_killed(self, instant: int) -> None:
        self.countdown = instant
        self.night()

    @rule(path=st.sampled_from(REFUSED), status=st.sampled_from([403, 500]))
    def run_in_a_bad_hour(self, path: str, status: int) -> None:
        self.gateway.fault(path, status=status)
        self.night()
        self.whole = False  # what was not told is made good by the next run

    @rule()
    def lose_the_manifest(self) -> None:
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        self.whole = False

    @invariant()
    def metadata_is_that_of_a_store_filled_anew(self) -> None:
        if not getattr(self, "whole", False):
            return
        fresh = content(self.bench.fresh(self.folder / "fresh"))
        shutil.rmtree(self.folder / "fresh")
        held = content(self.store)
        for _, metadata in [*held.values(), *fresh.values()]:
            # The author's name is as it was when it was first read.
            assert metadata.pop("author") in {"Sync Robot", "Ada", "Ada L.", "Countess of Lovelace"}
        assert held == fresh
        for _, metadata in held.values():
            assert {key: metadata[key] for key in ASKED} == self.as_the_site_has_it(
                str(metadata["page_id"])
            )

    def as_the_site_has_it(self, page_id: str) -> dict[str, object]:
        site, page = self.bench.site, self.bench.site.get(page_id)
        space = site.space_of(page)
        return {
            "title": page.title,
            "breadcrumb": " > ".join(above.title for above in site.ancestors(page)),
            "labels": ",".join(sorted(name for _, name in page.labels)),
            "version": page.version.number,
            "space_key": space.key,
            "space_name": space.name,
        }


@pytest.mark.long
def test_the_metadata_is_that_of_a_store_filled_anew_after_every_run_that_compares_all() -> None:
    run_state_machine_as_test(
        MetadataMachine, settings=settings(max_examples=12, stateful_step_count=12, deadline=None)
    )
