"""A store in plain dictionaries: for trying the mirror against every kind of store, in one
process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from confluence_mirror.errors import WrongSettings
from confluence_mirror.model import EVERYTHING, Chunk, Filter, Metadata, StoredRef
from confluence_mirror.stores.base import (
    Capabilities,
    Collection,
    Hit,
    Memory,
    StoredRow,
    WriteResult,
)
from confluence_mirror.stores.rows import matching, picked, stored

FULL = Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True, filters=True)
"""What Chroma and pgvector can do."""
APPEND_ONLY = Capabilities(
    replaces=False,
    deletes=False,
    lists=False,
    limits=("This store can only append: what must go, waits for a rotation.",),
)
"""What the dash variant of the Vector API can do."""


@dataclass(slots=True)
class Row:
    """One row as it lies in the store."""

    ref: str
    chunk_id: str
    text: str
    metadata: Metadata
    metadata_hash: str = ""


@dataclass(slots=True)
class Shelf:
    """A collection's rows, in the order of writing."""

    collection: Collection
    rows: list[Row] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """For the rows' own ids."""


class MemoryStore:
    """Fulfils ``Store``. It lives as long as the object, so that several runs can share one.

    ``own_refs`` gives each row an id of the store's own, as file stores do. ``refuses`` says why a
    text is never taken (empty: it is). ``settles`` False makes ``settle_writes`` answer None for
    every chunk, as a store does that can neither list nor be asked for a chunk. ``step`` is called
    with what is about to happen (``write``, ``remove``, ``update``) and the chunk's id, before each
    single change: raise there, and everything before it has happened.
    """

    kind = "memory"
    location = "this process"
    place = "this process"

    def __init__(
        self,
        capabilities: Capabilities = FULL,
        *,
        embedding_model: str = "all-MiniLM-L6-v2",
        own_refs: bool = False,
        settles: bool = True,
        refuses: Callable[[str], str] = lambda _text: "",
        step: Callable[[str, str], None] = lambda _what, _chunk_id: None,
    ) -> None:
        self.capabilities = capabilities
        self.shelves: dict[str, Shelf] = {}
        self.refuses = refuses
        self.step = step
        self._model = embedding_model
        self._own_refs = own_refs
        self._settles = settles
        self._made = 0

    def connect(self) -> Capabilities:
        """What the constructor was given."""
        return self.capabilities

    def learn_capabilities(self, memory: Memory, *, tries: bool) -> Capabilities:
        """See ``Store.learn_capabilities``: known without a trial."""
        return self.capabilities

    def find_collection(self, name: str) -> Collection | None:
        """By id, else by name; of several with one name, the newest."""
        shelf = self.shelves.get(name) or next(
            (shelf for shelf in reversed(self.shelves.values()) if shelf.collection.name == name),
            None,
        )
        if shelf is None:
            return None
        if shelf.collection.embedding_model != self._model:
            raise WrongSettings(
                f"Collection {name} holds vectors of {shelf.collection.embedding_model}, not of"
                f" {self._model}.",
                hint="Set EMBEDDING_MODEL_ID to it, or name another COLLECTION_ID.",
            )
        return shelf.collection

    def create_collection(self, name: str) -> Collection:
        """A new, empty one; its id is its name unless ``fresh_id_for_name``."""
        self._made += 1
        fresh = self.capabilities.fresh_id_for_name
        collection = Collection(f"mem_{self._made}" if fresh else name, name, self._model)
        self.shelves[collection.id] = Shelf(collection)
        return collection

    def drop_collection(self, collection: Collection) -> None:
        """Forget it."""
        self.shelves.pop(collection.id, None)

    def write_chunks(
        self, collection: Collection, chunks: Sequence[Chunk], replacing: Mapping[str, str]
    ) -> WriteResult:
        """Replaces where it is declared, appends elsewhere."""
        shelf = self.shelves[collection.id]
        rows = shelf.rows
        written: dict[str, str] = {}
        rejected: dict[str, str] = {}
        for chunk in chunks:
            if why := self.refuses(chunk.text):
                rejected[chunk.id] = why
                continue
            self.step("write", chunk.id)
            written[chunk.id] = ref = self._put(shelf, chunk)
            if self._own_refs:  # every older copy goes, known by its id or not
                old = replacing.get(chunk.id, ref)
                rows[:] = [
                    row
                    for row in rows
                    if row.ref == ref or (row.ref != old and row.chunk_id != chunk.id)
                ]
        return WriteResult(written, rejected)

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Of the rows that are there; others are passed over."""
        if not self.capabilities.updates_metadata:
            raise WrongSettings("This store cannot change metadata without a new write.")
        for chunk in chunks:
            self.step("update", chunk.id)
            for row in self.shelves[collection.id].rows:
                if row.chunk_id == chunk.id:
                    row.metadata, row.metadata_hash = dict(chunk.metadata), chunk.metadata_hash

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """Every row with the chunk's id, and the one with its ref."""
        if not self.capabilities.deletes:
            raise WrongSettings("This store cannot remove chunks.")
        rows = self.shelves[collection.id].rows
        for ref in refs:
            self.step("remove", ref.chunk_id)
            rows[:] = [
                row
                for row in rows
                if row.chunk_id != ref.chunk_id and not (ref.ref and row.ref == ref.ref)
            ]

    def settle_writes(
        self, collection: Collection, in_doubt: Sequence[StoredRef]
    ) -> Mapping[str, str | None]:
        """Looks; keeps one row with the right metadata hash of each, where single rows can be
        removed."""
        if self.capabilities.replaces and self.capabilities.deletes and not self._own_refs:
            return {}
        if not self._settles:
            return {ref.chunk_id: None for ref in in_doubt}
        rows = self.shelves[collection.id].rows
        answer: dict[str, str | None] = {}
        for ref in in_doubt:
            copies = [row for row in rows if row.chunk_id == ref.chunk_id]
            right = [row for row in copies if row.metadata_hash == ref.metadata_hash]
            if self.capabilities.deletes:
                leaving = {id(row) for row in copies if not right or row is not right[0]}
                rows[:] = [row for row in rows if id(row) not in leaving]
                copies = right[:1]
            if copies:
                answer[ref.chunk_id] = right[0].ref if len(copies) == len(right) == 1 else None
        return answer

    def holds_data(self, collection: Collection) -> bool:
        """Whether there is a row."""
        shelf = self.shelves.get(collection.id)
        return bool(shelf and shelf.rows)

    def count_rows(self, collection: Collection) -> int | None:
        """The rows, where they can be listed."""
        return len(self.shelves[collection.id].rows) if self.capabilities.lists else None

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        """Every row, as it was when the listing began. Rows with ids of their own carry the hash of
        their metadata."""
        for row in list(self.shelves[collection.id].rows):
            named = {
                **row.metadata,
                "chunk_id": row.chunk_id,
            }  # The core of the contract does not have it.
            known = row.metadata_hash if self._own_refs else ""
            found = stored(
                named, text=row.text if texts else None, ref=row.ref, metadata_hash=known
            )
            yield replace(found, metadata=row.metadata)

    def fetch_chunks(
        self, collection: Collection, refs: Sequence[StoredRef], *, about: str
    ) -> list[Chunk]:
        """From the listing."""
        return picked(self.list_rows(collection), refs)

    def search(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[Hit]:
        """By the words in common."""
        words = set(query.lower().split())
        hits = [
            Hit(row.text, row.metadata, float(len(words & set(row.text.lower().split()))))
            for row in self.shelves[collection.id].rows
        ]
        best = sorted(hits, key=lambda hit: -hit.score)
        return matching(best if self.capabilities.filters else best[:limit], where, pages)[:limit]

    def finish_writing(self, collection: Collection) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Nothing is held."""

    def _put(self, shelf: Shelf, chunk: Chunk) -> str:
        rows = shelf.rows
        ref = f"row-{next(shelf.numbers)}" if self._own_refs else ""
        row = Row(ref, chunk.id, chunk.text, dict(chunk.metadata), chunk.metadata_hash)
        if self.capabilities.replaces and not self._own_refs:
            for place, other in enumerate(rows):
                if other.chunk_id == chunk.id:
                    rows[place] = row
                    return ref
        rows.append(row)
        return ref
