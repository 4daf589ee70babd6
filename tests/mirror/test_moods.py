"""Servers in random moods over several nights: what has left never answers beyond the first night
in which the store can remove, nothing is lost, and one night with well servers makes the store
exact."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from confluence_mirror.embedding import ServerEmbedder, ServerOptions
from confluence_mirror.errors import StoreUnavailable, SyncError
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Chunk, StoredRef
from confluence_mirror.stores.base import Collection, WriteResult
from confluence_mirror.stores.vectors import Vectors
from confluence_sandbox import SampleGateway, Site
from tests.mirror.harness import Bench, content
from tests.servers.embedding import HTML, EmbeddingServer, Moods
from tests.servers.memory_store import FULL, MemoryStore
from tests.stores.words import HashedWords

POISON, SLUDGE = "ununquadium", "sludge"
TITLES = [f"Page {number}" for number in range(6)]
BODIES = [
    "<p>alpha beta gamma delta epsilon.</p>",
    "<h2>One</h2><p>zeta eta theta iota kappa lambda.</p><h2>Two</h2><p>mu nu xi omicron pi rho sigma tau.</p>",
    f"<p>alpha beta.</p><h2>Bad</h2><p>{POISON} upsilon phi chi psi omega and more of it.</p>",
    f"<p>gamma.</p><h2>Mud</h2><p>{SLUDGE} upsilon phi chi psi omega and more of it.</p>",
    "",
]
EMBEDDER: dict[str, Callable[[], Moods]] = {
    "well": Moods,
    "refuses a text": lambda: Moods(refuses={POISON: (400, "invalid input")}),
    "fails over a text": lambda: Moods(refuses={POISON: (500, "json: unsupported value: NaN")}),
    "gives NaN for a text": lambda: Moods(spoils={POISON: float("nan")}),
    "cuts the connection over a text": lambda: Moods(cuts=POISON),
    "takes few": lambda: Moods(limit=2),
    "loads": lambda: Moods(loading=3),
    "is sick": lambda: Moods(sick=(500, "out of memory")),
    "refuses all": lambda: Moods(sick=(400, "no such deployment")),
    "answers HTML": lambda: Moods(sick=(502, HTML)),
    "refuses the key": lambda: Moods(sick=(401, "who are you")),
}
STORE = ["well", "refuses a text", "refuses all", "takes no writes", "is down"]


class Moody(MemoryStore):
    """A store that takes vectors, with moods of its own."""

    mood = "well"

    def __init__(self) -> None:
        super().__init__(replace(FULL))
        self._vectors = Vectors(HashedWords(), 48, "bge-m3")

    def write_chunks(
        self, collection: Collection, chunks: Sequence[Chunk], replacing: Mapping[str, str]
    ) -> WriteResult:
        self._vectors.of_chunks(chunks, collection.name, 48)
        if self.mood in ("takes no writes", "is down"):
            raise StoreUnavailable("The store does not answer.")
        refused = {chunk.id: "quota" for chunk in chunks if self.mood == "refuses all"}
        refused |= {
            chunk.id: "no"
            for chunk in chunks
            if self.mood == "refuses a text" and SLUDGE in chunk.text
        }
        done = super().write_chunks(
            collection, [chunk for chunk in chunks if chunk.id not in refused], replacing
        )
        return WriteResult(done.written, refused)

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        if self.mood == "is down":
            raise StoreUnavailable("The store does not answer.")
        super().remove_chunks(collection, refs)


class Nights(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.numbers = itertools.count()
        self.folder = Path(tempfile.mkdtemp(prefix="moods-"))
        site = Site()
        site.add_space("OPS", "Operations")
        self.home = site.add("OPS", "Home", "<p>home.</p>").id
        self.ids = {
            title: site.add("OPS", title, BODIES[0] + title, parent=self.home).id
            for title in TITLES
        }
        self.gateway = SampleGateway(site)
        self.model = EmbeddingServer(**{"bge-m3": 48}).__enter__()
        self.store = Moody()
        embedder = ServerEmbedder(
            self.model.url,
            "bge-m3",
            ServerOptions(timeout=5, patience=30),
            sleep=lambda _seconds: None,
        )
        self.bench = Bench(
            self.gateway,
            self.folder / "state",
            self.store,
            ScopeSpec(),
            PlanSettings(allow_mass_delete="true"),
        )
        self.bench.options["embedder"] = embedder
        self.bench.chunks = type(self.bench.chunks)(24, 0)
        self.well_night()

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.gateway.close()
            self.model.__exit__()
            shutil.rmtree(self.folder)

    @rule(title=st.sampled_from(TITLES), text=st.sampled_from(BODIES))
    def edit(self, title: str, text: str) -> None:
        if self.bench.site.get(self.ids[title]).status == "current":
            self.bench.site.edit(
                self.ids[title], f"{text}<p>{title}, edit {next(self.numbers)}.</p>"
            )

    @rule(title=st.sampled_from(TITLES))
    def trash_or_restore(self, title: str) -> None:
        page = self.bench.site.get(self.ids[title])
        (self.bench.site.trash if page.status == "current" else self.bench.site.restore)(page.id)

    @rule(
        embedder=st.sampled_from(sorted(EMBEDDER)),
        store=st.sampled_from(STORE),
        nights=st.integers(1, 4),
        edited=st.lists(st.sampled_from(TITLES), min_size=1, max_size=3),
        text=st.sampled_from(BODIES),
        leaving=st.sampled_from(TITLES),
    )
    def moody_nights(
        self, embedder: str, store: str, nights: int, edited: list[str], text: str, leaving: str
    ) -> None:
        for title in edited:
            self.edit(title, text)
        if self.bench.site.get(self.ids[leaving]).status == "current":
            self.bench.site.trash(self.ids[leaving])
        self.store.mood = store
        for _ in range(nights):
            self.model.moods = EMBEDDER[embedder]()
            try:
                self.bench.run()
            except SyncError:
                failed = True
            else:
                failed = False
            if store != "is down":
                assert self.answering() <= self.current()
            if store == "is down" or embedder in (
                "is sick",
                "refuses all",
                "answers HTML",
                "refuses the key",
            ):
                assert failed or self.is_exact()
            assert self.bench.report.quarantined == 0 or store != "refuses all"

    @rule()
    def well_night(self) -> None:
        self.model.moods, self.store.mood = Moods(), "well"
        self.bench.run()
        assert not self.bench.report.failures
        assert self.is_exact()
        assert not self.bench.verify()

    def current(self) -> set[str]:
        return {page.id for page in self.bench.site.content.values() if page.status == "current"}

    def answering(self) -> set[str]:
        return {str(metadata["page_id"]) for _, metadata in content(self.store).values()}

    def is_exact(self) -> bool:
        fresh = Bench(
            self.gateway,
            self.folder / "fresh",
            MemoryStore(replace(FULL)),
            chunks=self.bench.chunks,
        )
        fresh.run()
        shutil.rmtree(self.folder / "fresh")
        assert isinstance(fresh.store, MemoryStore)
        return content(self.store) == content(fresh.store)


@pytest.mark.long
def test_in_whatever_moods_servers_are_what_has_left_is_removed_and_a_well_night_makes_all_good() -> (
    None
):
    quick = settings(max_examples=8, stateful_step_count=8, deadline=None, phases=[Phase.generate])
    run_state_machine_as_test(Nights, settings=quick)
