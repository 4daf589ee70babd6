"""One mirror under test: a sample site behind its gateway, a store, a manifest on disk, and runs of
the real engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from confluence_mirror.chunking import ChunkSettings, load_tokenizer
from confluence_mirror.confluence.attachments import Attachments
from confluence_mirror.confluence.attachments import FileReader as ReadsFiles
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.files import FileReader
from confluence_mirror.mirror.documents import RecipeSpec
from confluence_mirror.mirror.run import Run
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.verify import Drift
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.runs.report import RunReport
from confluence_mirror.stores.base import Store
from confluence_sandbox import SampleGateway, Site
from tests.manifest.index_checks import check_index
from tests.servers.memory_store import MemoryStore

TOKENIZER = load_tokenizer("cl100k_base")
VOLATILE = frozenset({"version", "modified_at", "chunk_index", "chunk_count"})


@dataclass
class Bench:
    """Everything that a run of one mirror needs; ``run`` is a night."""

    gateway: SampleGateway
    state: Path
    store: Store = field(default_factory=MemoryStore)
    wanted: ScopeSpec = ScopeSpec()
    settings: PlanSettings = PlanSettings()
    chunks: ChunkSettings = ChunkSettings(120, 20)
    options: dict[str, Any] = field(default_factory=dict)
    reader: ReadsFiles = field(default_factory=lambda: FileReader("eng"))
    most_mb: int = 100
    _open: ConfluenceSource | None = field(default=None, init=False, repr=False)

    @property
    def site(self) -> Site:
        return self.gateway.site

    def job(self, **changes: Any) -> MirrorSpec:
        options = {"lock_wait_s": 0.0, **self.options, **changes}
        plan = options.pop("plan", self.settings)
        chunks = options.pop("chunks", self.chunks)
        text_index = options.pop("text_index", True)
        body_format = options.pop("body_format", "storage")
        form, advice = options.pop("form", ""), options.pop("advice", "")
        documents = options.get("documents")
        return MirrorSpec(
            site=self.gateway.cloud_id,
            wanted=options.pop("wanted", self.wanted),
            collection=options.pop("collection", "confluence"),
            state_url=options.pop("state_url", f"sqlite:///{self.state / 'manifest.db'}"),
            state_dir=self.state,
            recipe=RecipeSpec(
                self.gateway.cloud_id,
                TOKENIZER,
                chunks,
                chunks,
                body_format,
                text_index=text_index,
                form=form,
                advice=advice,
                tree=documents.place if documents else "",
            ),
            plan=plan,
            **options,
        )

    def source(self) -> ConfluenceSource:
        client = Gateway(
            self.gateway.url,
            self.gateway.cloud_id,
            self.gateway.user,
            self.gateway.token,
            sleep=lambda _: None,
        )
        attachments = Attachments(client, self.reader, most_mb=self.most_mb, concurrency=2)
        return ConfluenceSource(client, children={"attachment": attachments})

    def start(self, store: Store | None = None, **changes: Any) -> Run:
        """A run to begin. The connections of the one before are closed: a test may need hundreds of
        runs."""
        self.close()
        self.report = RunReport(site_id=self.gateway.cloud_id)
        self.stop = Stop()
        self._open = self.source()
        return Run(
            self.job(**changes), self._open, store or self.store, self.report.hear, self.stop
        )

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def run(self, store: Store | None = None, **changes: Any) -> RunReport:
        """A night. Raises what the run ends with, where that is not success."""
        self.start(store, **changes).sync()
        manifest = self.state / "manifest.db"
        if manifest.exists() and changes.get("text_index", True):
            check_index(manifest)
        return self.report

    def verify(self, **changes: Any) -> Drift:
        return self.start(**changes).verify()

    def fresh(self, tmp: Path, **changes: Any) -> MemoryStore:
        """A store built from scratch from the site as it is now."""
        assert isinstance(self.store, MemoryStore)
        store = MemoryStore(replace(self.store.capabilities))
        other = Bench(
            self.gateway, tmp, store, self.wanted, self.settings, self.chunks, self.options
        )
        other.reader = self.reader
        other.run(**changes)
        other.close()
        return store


def content(
    store: MemoryStore, collection: str = "confluence", *, exact: bool = True
) -> dict[str, tuple[str, dict[str, Any]]]:
    """What the store holds by chunk id: text and metadata. Fails where an id is there twice."""
    found = store.find_collection(collection)
    if found is None:
        return {}
    rows: dict[str, tuple[str, dict[str, Any]]] = {}
    for row in store.shelves[found.id].rows:
        assert row.chunk_id not in rows, f"chunk {row.chunk_id} is there twice"
        metadata = {
            key: value for key, value in row.metadata.items() if exact or key not in VOLATILE
        }
        rows[row.chunk_id] = (row.text, metadata)
    return rows
