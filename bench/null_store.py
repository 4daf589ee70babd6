"""A store that says yes and keeps nothing: what is left is the cost of reading, converting, cutting
and bookkeeping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from confluence_mirror.model import EVERYTHING, Chunk, Filter, StoredRef
from confluence_mirror.stores.base import (
    Capabilities,
    Collection,
    Hit,
    Memory,
    StoredRow,
    WriteResult,
)


class NullStore:
    """Fulfils ``Store``."""

    kind = "memory"
    location = place = "nowhere"

    def connect(self) -> Capabilities:
        return Capabilities(replaces=True, deletes=True, lists=False, updates_metadata=True)

    def learn_capabilities(self, memory: Memory, *, tries: bool) -> Capabilities:
        return self.connect()

    def find_collection(self, name: str) -> Collection | None:
        return Collection(name, name)

    def create_collection(self, name: str) -> Collection:
        return Collection(name, name)

    def drop_collection(self, collection: Collection) -> None:
        """Nothing is there."""

    def write_chunks(
        self, collection: Collection, chunks: Sequence[Chunk], replacing: Mapping[str, str]
    ) -> WriteResult:
        return WriteResult({chunk.id: "" for chunk in chunks})

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Nothing is there."""

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """Nothing is there."""

    def settle_writes(
        self, collection: Collection, in_doubt: Sequence[StoredRef]
    ) -> Mapping[str, str | None]:
        return {}

    def holds_data(self, collection: Collection) -> bool:
        return True

    def count_rows(self, collection: Collection) -> int | None:
        return None

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        return iter(())

    def fetch_chunks(
        self, collection: Collection, refs: Sequence[StoredRef], *, about: str
    ) -> list[Chunk]:
        return []

    def search(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[Hit]:
        return []

    def finish_writing(self, collection: Collection) -> None:
        """Nothing is there."""

    def close(self) -> None:
        """Nothing is open."""
