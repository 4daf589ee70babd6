"""The test that matters most: anything may happen to the site, and a run may die at any instant;
after a run that ends well the store equals the site (invariants 1 and 2)."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from confluence_mirror.mirror import early_pages
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.stores.base import Capabilities
from confluence_sandbox import SampleGateway, Site
from tests.mirror.harness import Bench, content
from tests.mirror.inline_reader import InlineReader
from tests.selection import only_quick
from tests.servers.memory_store import APPEND_ONLY, FULL, MemoryStore

TITLES = [f"Page {n}" for n in range(5)]
BODIES = [
    "<h2>One</h2><p>alpha beta gamma delta epsilon zeta eta theta iota kappa.</p><h2>Two</h2><p>lambda mu nu xi.</p>",
    "<h2>One</h2><p>alpha beta gamma delta epsilon zeta eta theta iota kappa.</p><h2>Two</h2><p>omicron pi rho.</p>",
    "<h2>Three</h2><p>sigma tau upsilon phi chi psi omega and once more sigma tau upsilon phi chi psi omega.</p>",
    "<p>alpha beta.</p><p>alpha beta.</p>",
    "",
]
REMARKS = ["<p>Works.</p>", "<p>It does not.</p><p>Not here.</p>", ""]
DEEDS = ["edit", "reply", "resolve", "remove", "lift"]
"""``lift``: a comment goes, and its replies begin threads."""
FILES = [b"alpha of a file", b"one page\fanother page", b"locked", b""]
FILE_DEEDS = ["upload", "rename", "move", "label", "trash or restore"]
PAGES = st.sampled_from(TITLES)
NO_LISTING = replace(FULL, lists=False, updates_metadata=False)
UPSERT_ONLY = Capabilities(replaces=True, deletes=False, lists=False)


class Killed(BaseException):
    """Stands for kill -9: nothing in the program may catch it."""


class MirrorMachine(RuleBasedStateMachine):
    capabilities = FULL
    own_refs = False

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.countdown = 0
        site = Site()
        site.add_space("OPS", "Operations")
        self.home = site.add("OPS", "Home", "<p>home.</p>").id
        self.ids = {
            title: site.add("OPS", title, BODIES[0], parent=self.home).id for title in TITLES
        }
        self.gateway = SampleGateway(site)
        self.store = MemoryStore(self.capabilities, own_refs=self.own_refs, step=self.step)
        self.bench = Bench(
            self.gateway,
            self.folder / "state",
            self.store,
            ScopeSpec(children=("attachment", "comment")),
            PlanSettings(allow_mass_delete="true"),
        )
        self.bench.chunks = type(self.bench.chunks)(24, 0)
        self.bench.reader = InlineReader()
        self.whole = False
        self.embedded: dict[str, int] = {}

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.gateway.close()
            shutil.rmtree(self.folder)

    def step(self, what: str, chunk_id: str) -> None:
        """Before each single change in the store; the instant of death counts down here."""
        if self.countdown:
            self.countdown -= 1
            if not self.countdown:
                raise Killed(what)

    # -- the day

    @rule(title=PAGES, text=st.sampled_from(BODIES))
    def edit(self, title: str, text: str) -> None:
        if self.bench.site.get(self.ids[title]).status == "current":
            self.bench.site.edit(self.ids[title], text)
            self.whole = False

    @rule(title=PAGES, labels=st.sets(st.sampled_from(["a", "b"])))
    def relabel(self, title: str, labels: set[str]) -> None:
        self.bench.site.relabel(self.ids[title], sorted(labels))
        self.whole = False

    @rule(title=PAGES)
    def trash_or_restore(self, title: str) -> None:
        page = self.bench.site.get(self.ids[title])
        (self.bench.site.trash if page.status == "current" else self.bench.site.restore)(page.id)
        self.whole = False

    @rule(title=PAGES)
    def restrict_or_free(self, title: str) -> None:
        page = self.bench.site.get(self.ids[title])
        (self.bench.site.unrestrict if page.restricted else self.bench.site.restrict)(page.id)
        self.whole = False

    @rule(title=PAGES, text=st.sampled_from(REMARKS), marked=st.sampled_from(["", "alpha"]))
    def comment(self, title: str, text: str, marked: str) -> None:
        page = self.bench.site.get(self.ids[title])
        if page.status == "current" and len(self.bench.site.comments) < 6:
            marked = marked if f"<p>{marked}" in page.body else ""
            self.bench.site.add_comment(page, text, marked=marked)
            self.whole = False

    @precondition(lambda self: self.bench.site.comments)
    @rule(which=st.integers(0, 5), text=st.sampled_from(REMARKS), what=st.sampled_from(DEEDS))
    def change_comment(self, which: int, text: str, what: str) -> None:
        site = self.bench.site
        chosen = sorted(site.comments)[which % len(site.comments)]
        inline = site.comment(chosen).location == "inline"
        if what == "edit":
            site.edit_comment(chosen, text)
        elif what == "reply":
            site.add_reply(chosen, text)
        elif what == "resolve" and inline and not site.comment(chosen).reply_to:
            again = site.comment(chosen).resolution == "resolved"
            (site.reopen_comment if again else site.resolve_comment)(chosen)
        elif what in ("remove", "lift"):
            site.remove_comment(chosen, keep_replies=what == "lift")
        self.whole = False

    @rule(title=PAGES, name=st.sampled_from(["a.txt", "b.txt"]), data=st.sampled_from(FILES))
    def attach(self, title: str, name: str, data: bytes) -> None:
        if self.bench.site.get(self.ids[title]).status == "current":
            self.bench.site.attach_file(self.ids[title], name, data)
            self.whole = False

    @precondition(lambda self: self.bench.site.files)
    @rule(
        which=st.integers(0, 5),
        title=PAGES,
        data=st.sampled_from(FILES),
        what=st.sampled_from(FILE_DEEDS),
    )
    def change_file(self, which: int, title: str, data: bytes, what: str) -> None:
        site = self.bench.site
        chosen = site.files[sorted(site.files)[which % len(site.files)]]
        if what == "upload":
            site.upload_version(chosen, data)
        elif what == "rename":
            site.rename_file(chosen, f"{which}.txt")
        elif what == "move":
            site.move_file(chosen, self.ids[title])
        elif what == "label":
            site.relabel(chosen.id, ["file"])
        elif chosen.status == "current":
            site.trash_file(chosen)
        else:
            site.restore_file(chosen)
        self.whole = False

    # -- the night

    def run(self) -> None:
        """Pages of a first load are read beside the listing, however few there are."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(early_pages, "ENOUGH_PAGES", 1)
            self.bench.run()

    @rule(instant=st.integers(1, 12))
    def killed_run(self, instant: int) -> None:
        self.countdown = instant
        try:
            self.run()
        except Killed:
            self.whole = False
        else:
            self.whole = True
        self.countdown = 0

    @rule(instant=st.integers(1, 14))
    def run_killed_at_a_commit(self, instant: int) -> None:
        from confluence_mirror.manifest import Database

        left = [instant]
        honest = Database.run

        def run(database: Database, statement: str, *values: object) -> object:
            if statement == "COMMIT":
                left[0] -= 1
                if not left[0]:
                    raise Killed("before a commit")
            return honest(database, statement, *values)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Database, "run", run)
            try:
                self.run()
            except Killed:
                self.whole = False
            else:
                self.whole = True

    @rule()
    def run_that_ends_well(self) -> None:
        self.run()
        self.whole = True

    @precondition(lambda self: self.capabilities.lists or self.capabilities.replaces is False)
    @rule()
    def lose_the_manifest(self) -> None:
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        self.whole = False

    @invariant()
    def store_equals_site(self) -> None:
        if not getattr(self, "whole", False):
            return
        pointer = (self.folder / "state" / "CURRENT_COLLECTION").read_text().strip()
        fresh = self.bench.fresh(self.folder / "fresh")
        shutil.rmtree(self.folder / "fresh")
        exact = self.capabilities.updates_metadata
        assert content(self.store, pointer, exact=exact) == content(fresh, exact=exact)


class WithoutListing(MirrorMachine):
    capabilities = NO_LISTING


class FileStore(MirrorMachine):
    capabilities = replace(FULL, updates_metadata=False, core_metadata=True)
    own_refs = True


class UpsertOnly(MirrorMachine):
    capabilities = UPSERT_ONLY


class AppendOnly(MirrorMachine):
    capabilities = APPEND_ONLY


QUICK = settings(max_examples=12, stateful_step_count=12, deadline=None)


@pytest.mark.hypothesis
@pytest.mark.parametrize(
    "machine",
    only_quick(
        [MirrorMachine, WithoutListing, FileStore, UpsertOnly, AppendOnly],
        MirrorMachine,
        AppendOnly,
    ),
)
def test_the_store_equals_the_site_after_every_run_that_ends_well(
    machine: type[MirrorMachine],
) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=QUICK)
