"""A mirror to be searched: pages as a run would have left them, in a store and in the text index."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from confluence_mirror.chunking import ChunkSettings, chunk_page, load_tokenizer
from confluence_mirror.manifest import Database, Intent, Manifest, Record, TextRow
from confluence_mirror.model import Chunk
from confluence_mirror.search import Question, SearchResult
from confluence_mirror.search.searcher import Searched, Searcher
from confluence_mirror.stores.base import Capabilities
from tests.manifest.test_manifest import begin
from tests.manifest.test_manifest import ref as page_ref
from tests.manifest.test_manifest import row as page_row
from tests.servers.memory_store import FULL, MemoryStore

SITE = "site"
COUNTER = load_tokenizer("cl100k_base")


class Corpus(AbstractContextManager["Corpus"]):
    """A mirror in memory, to which pages are added."""

    def __init__(
        self, can: Capabilities = FULL, *, indexed: bool = True, tokens: int = 100
    ) -> None:
        self.store = MemoryStore(can)
        self.collection = self.store.create_collection("confluence")
        self._folder = TemporaryDirectory()
        self._database = Database(f"sqlite:///{self._folder.name}/manifest.db")
        manifest = Manifest(self._database)
        self.record: Record = manifest.of(begin(manifest, site=SITE))
        self.indexed = indexed
        self.keys: dict[str, str] = {}
        """``access`` keys by page id: those of pages that have one."""
        self._uncommitted: list[TextRow] = []
        self._size = ChunkSettings(tokens, tokens * 18 // 100)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def add(
        self, page_id: str, title: str, markdown: str, *, access: str = "", **about: Any
    ) -> list[TextRow]:
        """Write a page; ``about`` as in ``TextRow``, ``access`` its key."""
        if access:
            self.keys[page_id] = access
        pieces = chunk_page(
            markdown,
            title=title,
            site_id=SITE,
            page_id=page_id,
            settings=self._size,
            tokenizer=COUNTER,
        )
        page = TextRow(
            id="",
            page_id=page_id,
            position=0,
            title=title,
            heading="",
            url=f"https://site.example/{page_id}",
            page_type="page",
            space_key="OPS",
            labels=(),
            modified_at="2026-01-31T08:15:00Z",
            text="",
        )
        page = replace(page, **about)
        rows = [
            replace(
                page, id=each.id, position=each.index, heading=each.heading_path, text=each.text
            )
            for each in pieces
        ]
        self.store.write_chunks(self.collection, [chunk_of(row, access) for row in rows], {})
        self._uncommitted += rows
        return rows

    def ask(self, text: str, limit: int = 5, **options: Any) -> tuple[SearchResult, ...]:
        """The results of one question."""
        return self.ask_question(Question(text, limit, **options))

    def commit(self) -> None:
        """As a run does with a batch of pages."""
        rows, self._uncommitted = self._uncommitted, []
        if not rows:
            return
        chunks: dict[str, dict[str, str]] = {}
        for row in rows:
            chunks.setdefault(row.page_id, {})[row.id] = "hash"
        self.record.intend(
            [Intent(page_ref(page), ids, (), "print") for page, ids in chunks.items()]
        )
        written = {row.id: "" for row in rows}
        texts = rows if self.indexed else None
        self.record.commit(
            [page_row(page, access=self.keys.get(page, "")) for page in chunks],
            (),
            (),
            written,
            texts,
        )

    def ask_question(self, question: Question) -> tuple[SearchResult, ...]:
        """The same for a question that is made already."""
        return Searcher(self.searched(), COUNTER).answer(question).results

    def searched(self) -> Searched:
        """As it is searched."""
        self.commit()
        store = self.store
        return Searched(store, store.capabilities, self.collection, SITE, self.record)


def chunk_of(row: TextRow, access: str = "") -> Chunk:
    """As a store is given it."""
    metadata: dict[str, str | int] = {
        "source": "confluence",
        "site_id": SITE,
        "space_key": row.space_key,
        "page_id": row.page_id,
        "page_type": row.page_type,
        "title": row.title,
        "labels": ",".join(row.labels),
        "modified_at": row.modified_at,
        "url": row.url,
        "heading_path": row.heading,
        "chunk_index": row.position,
        "chunk_id": row.id,
        **({"access": access} if access else {}),
    }
    return Chunk(row.id, row.page_id, row.text, metadata, "hash")


def pages_of(results: Sequence[SearchResult]) -> list[str]:
    """The ids of their pages."""
    return [result.page_id for result in results]
