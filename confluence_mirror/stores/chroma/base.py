"""A store in Chroma, embedded or on a server: what both have in common.

Vectors are ours: no embedding function is ever registered with a collection. Documents and flat
metadata are stored as LangChain's and LlamaIndex's readers of Chroma expect them.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import EVERYTHING, Chunk, Filter, StoredRef, Vector
from confluence_mirror.stores.base import (
    Capabilities,
    Collection,
    Dimension,
    Embedding,
    Hit,
    Memory,
    StoredRow,
    WriteResult,
)
from confluence_mirror.stores.chroma.errors import TEXT_REFUSED, translated
from confluence_mirror.stores.chroma.search import nearest, nearest_ids
from confluence_mirror.stores.http import TooSlow
from confluence_mirror.stores.rows import NOT_UNICODE, is_unicode, picked, stored
from confluence_mirror.stores.vectors import Vectors
from confluence_mirror.wording import counted

Item = TypeVar("Item")
Client: TypeAlias = Any
Handle: TypeAlias = Any
"""Chroma's client and collection: the package is an extra, so its types may not be there."""

log = logging.getLogger("confluence_mirror.stores")

MODEL_KEY = "embedding_model"
DIMENSION_KEY = "embedding_dimension"
READ_LIMIT = 1000
"""Rows a request, when a collection is listed."""
CAN = Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True, filters=True)


class ChromaCollections(ABC):
    """Fulfils ``Store`` over a Chroma client that a subclass opens."""

    kind = "chroma"
    location = ""
    place = ""

    def __init__(
        self, embed: Embedding, dimension: Dimension, model_id: str, batch_size: int
    ) -> None:
        self._vectors = Vectors(embed, dimension, model_id)
        self._model_id = model_id
        self._batch_size = batch_size
        self._opened: Client | None = None
        self._handles: dict[str, Handle] = {}

    @abstractmethod
    def connect(self) -> Capabilities:
        """Chroma can do everything."""

    @abstractmethod
    def _open_client(self) -> Client:
        """A client. Raises what ``translated`` knows."""

    def _connected_client(self) -> Client:
        if self._opened is None:
            self._opened = self._open_client()
        return self._opened

    def learn_capabilities(self, memory: Memory, *, tries: bool) -> Capabilities:
        """See ``Store.learn_capabilities``: known without a trial."""
        return CAN

    def find_collection(self, name: str) -> Collection | None:
        """By id, else by name."""
        with translated(self.location):
            found = self._by_id(name) or self._by_name(name)
            if found is None:
                return None
            self._check_model(found)
        return self._known_collection(found)

    def create_collection(self, name: str) -> Collection:
        """Cosine distance; the model and the dimension stand in the collection's metadata."""
        metadata: dict[str, Any] = {
            "owner": "confluence-sync",
            MODEL_KEY: self._model_id,
            DIMENSION_KEY: self._vectors.dimension,
        }
        with translated(self.location, f"collection {name} was not made"):
            made = self._connected_client().get_or_create_collection(
                name,
                metadata=metadata,
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
            )
        log.info("collection %s made at %s", name, self.location)
        return self._known_collection(made)

    def drop_collection(self, collection: Collection) -> None:
        """Absent is fine."""
        with translated(self.location):
            found = self._by_id(collection.id)
            if found is not None:
                self._connected_client().delete_collection(found.name)
        self._handles.pop(collection.id, None)

    def write_chunks(
        self,
        collection: Collection,
        chunks: Sequence[Chunk],
        replacing: Mapping[str, str],
    ) -> WriteResult:
        """Upsert."""
        rejected = {chunk.id: NOT_UNICODE for chunk in chunks if not is_unicode(chunk)}
        handle = self._handle_of(collection)
        dimension = _vector_length(handle)
        for batch in self._in_batches([chunk for chunk in chunks if chunk.id not in rejected]):
            vectors = self._vectors.of_chunks(batch, collection.name, dimension)
            self._upsert_halving(handle, batch, vectors, rejected)
        return WriteResult({chunk.id: "" for chunk in chunks if chunk.id not in rejected}, rejected)

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Text and vector untouched; absent ids are passed over."""
        handle = self._handle_of(collection)
        for batch in self._in_batches(chunks):
            with translated(self.location):
                handle.update(
                    [chunk.id for chunk in batch],
                    metadatas=[dict(chunk.metadata) for chunk in batch],
                )

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """By id; absent ones are no error."""
        handle = self._handle_of(collection)
        for batch in self._in_batches(refs):
            with translated(self.location):
                handle.delete([ref.chunk_id for ref in batch])

    def settle_writes(
        self,
        collection: Collection,
        in_doubt: Sequence[StoredRef],
    ) -> Mapping[str, str | None]:
        """Nothing to find out: rows are replaced and removed by our own ids."""
        return {}

    def holds_data(self, collection: Collection) -> bool:
        """One row can be read, with its text."""
        with translated(self.location):
            return bool(self._handle_of(collection).get(limit=1, include=["documents"])["ids"])

    def count_rows(self, collection: Collection) -> int | None:
        """All rows, ours or not."""
        with translated(self.location):
            return int(self._handle_of(collection).count())

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        """Page by page, in the order of the store."""
        handle = self._handle_of(collection)
        wanted = ["documents", "metadatas"] if texts else ["metadatas"]
        offset = 0
        while True:
            with translated(self.location):
                page = handle.get(limit=READ_LIMIT, offset=offset, include=wanted)
            metadatas = page["metadatas"] or []
            documents = (page["documents"] or []) if texts else [None] * len(metadatas)
            for text, metadata in zip(documents, metadatas, strict=True):
                yield stored(metadata, text=(text or "") if texts else None)
            offset += len(page["ids"])
            if len(page["ids"]) < READ_LIMIT:
                return

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
        """By cosine; the score is 1 − distance."""
        handle, vector = self._embed_question(collection, query)
        with translated(self.location):
            return nearest(handle, vector, limit, where, pages)

    def search_ids(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[str]:
        """See ``SearchesIds``: a row's id is the chunk's."""
        handle, vector = self._embed_question(collection, query)
        with translated(self.location):
            return nearest_ids(handle, vector, limit, where, pages)

    def _embed_question(self, collection: Collection, query: str) -> tuple[Handle, Vector]:
        with translated(self.location):
            handle = self._handle_of(collection)
        return handle, self._vectors.of_query(query, collection.name, _vector_length(handle))

    def finish_writing(self, collection: Collection) -> None:  # noqa: B027 - nothing is to be done
        """Chroma keeps its own index."""

    def close(self) -> None:
        """Let go of the client."""
        self._handles.clear()
        opened, self._opened = self._opened, None
        if opened is not None:
            with translated(self.location):
                opened.close()

    def _upsert_halving(
        self,
        handle: Handle,
        chunks: Sequence[Chunk],
        vectors: Sequence[Any],
        rejected: dict[str, str],
    ) -> None:
        """A write that is refused, or not answered in time, is halved."""
        try:
            with translated(self.location, f"{counted(len(chunks), 'chunk')} not written"):
                handle.upsert(
                    ids=[chunk.id for chunk in chunks],
                    embeddings=list(vectors),
                    documents=[chunk.text for chunk in chunks],
                    metadatas=[dict(chunk.metadata) for chunk in chunks],
                )
                return
        except TEXT_REFUSED as error:
            if len(chunks) == 1:
                rejected[chunks[0].id] = f"Chroma refuses it: {error or type(error).__name__}"
                return
        except TooSlow:
            if len(chunks) == 1:
                raise
        middle = len(chunks) // 2
        self._upsert_halving(handle, chunks[:middle], vectors[:middle], rejected)
        self._upsert_halving(handle, chunks[middle:], vectors[middle:], rejected)

    def _in_batches(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        with translated(self.location):
            size = min(self._batch_size, self._connected_client().get_max_batch_size())
        for start in range(0, len(items), size):
            yield items[start : start + size]

    def _by_id(self, name: str) -> Handle | None:
        return next(
            (one for one in self._connected_client().list_collections() if str(one.id) == name),
            None,
        )

    def _by_name(self, name: str) -> Handle | None:
        return next(
            (one for one in self._connected_client().list_collections() if one.name == name), None
        )

    def _known_collection(self, found: Handle) -> Collection:
        self._handles[str(found.id)] = found
        model = (found.metadata or {}).get(MODEL_KEY, "")
        return Collection(str(found.id), found.name, str(model), opened_by_name=True)

    def _handle_of(self, collection: Collection) -> Handle:
        handle = self._handles.get(collection.id)
        if handle is None:
            with translated(self.location):
                handle = self._by_id(collection.id)
        if handle is None:
            raise StoreUnavailable(
                f"Collection {collection.name} is gone from {self.location}.", hint="Run again."
            )
        self._handles[collection.id] = handle
        return handle

    def _check_model(self, found: Handle) -> None:
        model = (found.metadata or {}).get(MODEL_KEY)
        if model is not None and model != self._model_id:
            raise WrongSettings(
                f"Collection {found.name} holds vectors of {model}, not of {self._model_id};"
                " nothing was written to it.",
                hint="Set EMBEDDING_MODEL_ID to it, or name another COLLECTION_ID.",
            )
        if self._vectors.known_dimension is not None:
            self._vectors.check(self._vectors.known_dimension, found.name, _vector_length(found))


def _vector_length(found: Handle) -> int | None:
    """Numbers in a vector of the collection: as its metadata says, else as its first row has it."""
    dimension = (found.metadata or {}).get(DIMENSION_KEY)
    if isinstance(dimension, int):
        return dimension
    with translated(""):
        first = found.get(limit=1, include=["embeddings"])["embeddings"]
    return len(first[0]) if first is not None and len(first) else None
