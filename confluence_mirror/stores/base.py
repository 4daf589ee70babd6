"""The Protocol that every store fulfils, and what a store says that it can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.model import (
    EVERYTHING,
    Chunk,
    Filter,
    Metadata,
    StoredRef,
    Unembedded,
    Vector,
)

Dimension: TypeAlias = int | Callable[[], int]
"""Numbers in a vector; where a server has to be asked for it, that is left until a vector is
needed."""


class ChunkEmbedder(Protocol):
    """Embeds chunks for a store that takes vectors. May be called by ``concurrency`` threads at a
    time.

    Raises what ``embedding.Embedder`` does.
    """

    @property
    def concurrency(self) -> int:
        """Calls at a time that make it quicker."""

    @property
    def batch_size(self) -> int:
        """Texts that a call is best given."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Vector | Unembedded]:
        """One vector per chunk's text, in order, or why there is none."""


class Embedding(Protocol):
    """What a store that takes vectors is given beside them: questions are embedded in another way
    than chunks."""

    @property
    def form(self) -> str:
        """Names the form in which chunks are embedded; empty: as they are stored. A vector of
        another form is one of another text."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Vector | Unembedded]:
        """One vector per chunk's text, in order, or why there is none: for a store that has lost
        vectors of rows that it holds."""

    def embed_question(self, words: str) -> Vector | Unembedded:
        """The vector of a question, however long it is, or why there is none."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do. The mirror asks this, never a store's name."""

    replaces: bool
    """Writing an id that is there replaces it. Where this is False a second write appends a
    copy."""
    deletes: bool
    """Single chunks can be removed."""
    lists: bool
    """Every chunk can be listed: verify and adoption work."""
    updates_metadata: bool = False
    """``update_metadata`` changes metadata without embedding again."""
    filters: bool = False
    """A search is filled to its limit under a filter by the store itself, as far as there are so
    many chunks that it leaves. Elsewhere only what one request brings is filtered."""
    atomic: bool = False
    """A page goes from old to new in one step: the store is an ``AtomicStore``."""
    core_metadata: bool = False
    """Keeps only the core of the metadata contract, long texts cut (see ``mirror.metadata``)."""
    drops_collections: bool = True
    """Whole collections can be removed, so that a rotation can clean up behind itself."""
    fresh_id_for_name: bool = False
    """Creating a collection with a name in use gives a new id beside it (Llama Stack): a rotation
    keeps the name."""
    dies_at_restart: bool = False
    """A restart of the server kills every collection, an empty one too, though it is still
    there."""
    proves_refusals: bool = False
    """A chunk comes back as refused only after the store was seen to take another one, or values
    are judged one by one, as a database does."""
    max_text_tokens: int | None = None
    """Longest text that the store keeps in one piece; None: no limit known."""
    untried: bool = False
    """Whether it replaces is found out by the next sync; until then ``replaces`` is an
    assumption."""
    limits: tuple[str, ...] = ()
    """Sentences for the operator, logged at the start: "this Vector API cannot delete" …"""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as the store knows it."""

    id: str
    """The id that the store gives it, which may differ from its name."""
    name: str
    embedding_model: str = ""
    """Empty where the store does not say."""
    made_by_us: bool = False
    """The store itself says that we made it. What a manifest says of it counts as well."""
    opened_by_name: bool = False
    """The store's own client opens it by its name, which no other collection has; else by its
    id."""

    @property
    def opened_by(self) -> str:
        """What a reader passes to the store."""
        return self.name if self.opened_by_name else self.id


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row that a listing of the store gave."""

    chunk_id: str
    """Empty for a row that is not ours."""
    page_id: str
    site_id: str
    """Empty for a row that is not ours."""
    ref: str = ""
    metadata_hash: str = ""
    """Where the store's row carries it; else empty."""
    text: str | None = None
    metadata: Metadata | None = None
    """The metadata in the store, where a listing gives it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer to a query, best first."""

    text: str
    metadata: Metadata
    score: float
    """Comparable only within one answer."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of each chunk of one ``write_chunks``."""

    written: Mapping[str, str] = field(default_factory=dict)
    """Chunk id → the store's own id for it (empty where it has none)."""
    rejected: Mapping[str, str] = field(default_factory=dict)
    """Chunk id → why the store refuses this very text."""


class Memory(Protocol):
    """What runs remember of servers, by name: the manifest."""

    def read_known(self, name: str) -> str | None:
        """What an earlier run remembered; None: nothing."""

    def record_known(self, name: str, value: str) -> None:
        """For the runs to come."""

    def forget_known(self, name: str) -> None:
        """It no longer holds. Unknown names are no error."""


class CollectionExists(StoreUnavailable):
    """A collection that was to be made anew turned out to be one that was there before."""


class Store(Protocol):
    """A vector store. One object serves one run, from one thread.

    Every method raises ``StoreUnavailable`` when the store does not answer after this layer's own
    retries, ``PermissionRefused`` for 401 and 403, ``WrongSettings`` for what only another setting
    can fix. After a ``StoreUnavailable`` from ``write_chunks`` or ``remove_chunks`` nothing is
    known of the chunks named in it: some, all or none may have been applied; the caller finishes
    the work in the next run.
    """

    kind: str
    """``vector-api``, ``llama``, ``chroma``, ``pgvector``, ``embedded`` or ``memory``."""
    location: str
    """Where it is, for people: an origin or a folder, never a credential."""
    place: str
    """Where it is, for the manifest, known after ``connect``: no two stores of a kind have the
    same."""

    def connect(self) -> Capabilities:
        """Find out what the server is, by reads without side effects, and what it can do as far as
        reads show it. Called once, first."""

    def learn_capabilities(self, memory: Memory, *, tries: bool) -> Capabilities:
        """What the server can do where only a trial shows it: once, and remembered. Called once,
        after ``connect``.

        ``tries``: the run holds the mirror's lock and writes; else only what is remembered counts,
        or what reads show. Nothing is written where it is known. Raises ``StoreUnavailable`` where
        trials are not conclusive. Stores that need no trial answer as ``connect`` did.
        """

    def find_collection(self, name: str) -> Collection | None:
        """The collection of this name, or with this id; None if there is none. Creates nothing.

        Raises ``WrongSettings`` if it exists with another embedding model or dimension than we are
        set to.
        """

    def create_collection(self, name: str) -> Collection:
        """Make a new collection (with the configured embedding model). Only called after
        ``find_collection`` gave None, or where ``fresh_id_for_name`` allows a second of the same
        name.

        Raises ``CollectionExists`` where the server gives one that it had before.
        """

    def drop_collection(self, collection: Collection) -> None:
        """Remove a whole collection that we made. Absent: no error. ``WrongSettings`` where the
        server cannot, though it did not say so before."""

    def write_chunks(
        self, collection: Collection, chunks: Sequence[Chunk], replacing: Mapping[str, str]
    ) -> WriteResult:
        """Store chunks under their ids, with their vectors where the store does not embed by
        itself. Idempotent where ``replaces``.

        ``replacing`` maps a chunk id to the store's own id of the copy that this write takes the
        place of, for stores whose rows have ids of their own: the new row is complete before the
        old one goes. A batch that is too large or too slow is split here; a chunk that the store
        refuses is isolated and returned in ``rejected``. Whether the store takes any other is for
        the caller to find out.
        """

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Change the metadata of stored chunks, text and vector untouched. Only where
        ``updates_metadata``."""

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """Remove chunks. Absent ones are no error. Only where ``deletes``."""

    def settle_writes(
        self, collection: Collection, in_doubt: Sequence[StoredRef]
    ) -> Mapping[str, str | None]:
        """Find out about chunks whose write or removal may or may not have happened, in an earlier
        run.

        Removes copies that a crash left behind. Returns chunk id → the store's own id, for each
        that is certainly there exactly once with that metadata hash; None for each where the store
        cannot tell. An id that is not in the answer is certainly absent. A store that replaces and
        deletes by id may answer ``{}``: writing or removing again is then harmless.
        """

    def holds_data(self, collection: Collection) -> bool:
        """A cheap canary: does the collection answer with at least one chunk? False: it lost its
        data."""

    def count_rows(self, collection: Collection) -> int | None:
        """The number of rows in the collection, ours or not; None where the store cannot say."""

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        """Every row. Ending without an exception means: complete. Only where ``lists``.

        ``texts`` False: whose each row is, and its metadata, alone; where that is cheaper, texts
        are left out.
        """

    def fetch_chunks(
        self, collection: Collection, refs: Sequence[StoredRef], *, about: str
    ) -> list[Chunk]:
        """These chunks as they are stored, text and metadata; those that cannot be had are left
        out.

        ``about``: words that their texts hold, for stores that can only be asked. Slow: for a few
        chunks, seldom.
        """

    def search(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The nearest chunks, best first, at most ``limit`` (1 to 200): of those that ``where``
        leaves and, where ``pages`` are given, of these pages alone (their ids).

        Where ``filters``, ``limit`` is reached as far as there are so many. Elsewhere one request
        is answered, and what it brings is judged by the metadata that is stored: that may be older
        than the page (``mirror.metadata.VOLATILE``) or cut, so whoever knows the pages better asks
        for everything.
        """

    def finish_writing(self, collection: Collection) -> None:
        """All that a run had to write is written: what is done once rather than row by row, such as
        an index.

        May take long, and may be cut off at any instant: the next run does what is lacking.
        Idempotent.
        """

    def close(self) -> None:
        """Let go of connections: nothing that a run depends on happens here. Idempotent."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """What turns one page in the store from old to new."""

    chunks: Sequence[Chunk]
    """New, or with a new text."""
    patches: Sequence[Chunk]
    """StoredRow already; their metadata alone is new."""
    stale: Sequence[StoredRef]


class AtomicStore(Store, Protocol):
    """A store where whoever reads sees all of a page as it was, or all of it as it is."""

    def replace_pages(self, collection: Collection, pages: Sequence[Replacement]) -> WriteResult:
        """Write the new chunks, change metadata, and remove what is stale, all of it at once for
        each page.

        A page of which a chunk is rejected stays as it was: none of its chunks is in ``written``.
        """


@runtime_checkable
class ComparesRows(Protocol):
    """A store that takes vectors, and knows whether it has one already."""

    def unlike_stored(self, collection: Collection, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """Those that are not there as they should be, and so need a vector to be written. The
        others may be written without."""


@runtime_checkable
class SearchesIds(Protocol):
    """A store that finds sooner than it reads: for whoever has the rows elsewhere."""

    def search_ids(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[str]:
        """The ids of the nearest chunks, best first, of those that are left by as much of ``where``
        and ``pages`` as the store filters by itself: whoever asks looks at the rest, and asks for
        more. Fewer than ``limit`` where there are no more."""
