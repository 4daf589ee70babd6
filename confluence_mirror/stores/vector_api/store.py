"""The generic Vector API, over plain HTTP: the server embeds. Two variants, dash and underscore."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from confluence_mirror.addresses import server_name
from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import EVERYTHING, Chunk, Filter, Metadata, StoredRef
from confluence_mirror.net.batch_size import BatchSize
from confluence_mirror.stores.base import (
    Capabilities,
    Collection,
    CollectionExists,
    Hit,
    Memory,
    StoredRow,
    WriteResult,
)
from confluence_mirror.stores.discover import (
    Discovered,
    EmbeddingModel,
    Variant,
    discover_by,
    resolve_model,
    same_model,
)
from confluence_mirror.stores.family import remember_family
from confluence_mirror.stores.http import Api, OutcomeUnknown, StoreAnswer
from confluence_mirror.stores.rows import matching, picked, stored
from confluence_mirror.stores.vector_api.learn import NOT_YET, Learning
from confluence_mirror.stores.vector_api.settle import LOOK_LIMIT, settle
from confluence_mirror.stores.vector_api.wire import (
    DashWire,
    Dialect,
    FoundRow,
    UnderscoreWire,
    hits_of,
)
from confluence_mirror.stores.vector_api.write import Writer
from confluence_mirror.stores.waiting import NOT_IMPLEMENTED, Sleep, ask_until_certain, look_until
from confluence_mirror.wording import counted

log = logging.getLogger("confluence_mirror.stores")

_LOOKS_EMPTY = 1.0
"""Seconds for which a collection must answer with nothing before it is taken for empty."""
_APPENDS = "This Vector API appends: an edited chunk cannot take the place of the old one."
_KEEPS = "This Vector API cannot remove single chunks: what must go, waits for a rotation."
_HIDES = "This Vector API cannot list its chunks: it cannot be verified by reading it back."
_STAYS = "This Vector API cannot remove collections: those that a rotation leaves behind stay."


class VectorApiStore:
    """Fulfils ``Store`` over either variant of the Vector API.

    ``variant`` None: found out. ``probe_prefix`` (``<COLLECTION_ID>-probe``) begins the names of
    the collections in which the underscore variant is tried out. ``hash_metadata`` gives the hash
    of stored metadata as ``Chunk.metadata_hash`` has it: without it, ``settle_writes`` cannot tell
    of a chunk that it finds. ``discovered`` saves asking again. ``timeout`` in seconds: a write
    that is shown later than that is none; ``batch_size`` in chunks per request.
    """

    kind = "vector-api"

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        variant: Variant | None = None,
        embedding_model: str = "all-MiniLM-L6-v2",
        timeout: float = 30.0,
        ca_bundle: str | None = None,
        batch_size: int = 100,
        probe_prefix: str = "confluence-probe",
        hash_metadata: Callable[[Metadata], str] | None = None,
        discovered: Discovered | None = None,
        api: Api | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._api = api or Api(
            base_url, token or "", timeout=timeout, ca_bundle=ca_bundle or "", sleep=sleep
        )
        self.location = self._api.location
        self.place = server_name(self.location)
        self._where = f"The vector store at {self.location}"
        self._variant = variant
        self._wanted_model = embedding_model
        self._batch_size = batch_size
        self._size = BatchSize(batch_size)
        self._timeout = timeout
        self._sleep = sleep
        self._probe_prefix = probe_prefix
        self._hash_metadata = hash_metadata
        self._discovered = discovered
        self._underscore = UnderscoreWire(self._api, sleep)
        self._wire: Dialect = self._underscore
        self._can = Capabilities(replaces=False, deletes=False, lists=False)
        self._contradicted: Callable[[], None] = _undo_nothing

    def connect(self) -> Capabilities:
        """Which variant, and for the dash variant what it can do. The underscore variant's
        abilities are learned."""
        found = self._discovered or discover_by(self._api, self._variant, sleep=self._sleep)
        if found.family == "dash":
            self._wire = DashWire(self._api, self._sleep)
            self._can = _dash_can(found, self._wire.collections() or ())
        elif found.family != "underscore":
            raise WrongSettings(
                f"{self._where} is {found.describe()}.", hint="Use it as one: STORE=llama."
            )
        self._discovered = found
        return self._can

    def learn_capabilities(self, memory: Memory, *, tries: bool) -> Capabilities:
        """See ``Store.learn_capabilities``. A server that was of another kind in earlier runs is
        believed only where that is set."""
        found = self._discovered
        assert found is not None
        remember_family(
            memory, self.place, found, self._where, chosen=self._variant is not None, tries=tries
        )
        if found.family == "underscore":
            self._can = self._learn_abilities(memory, found, tries=tries)
        log.info("%s at %s: %s", found.describe(), self.location, _describe_abilities(self._can))
        return self._can

    def _learn_abilities(self, memory: Memory, found: Discovered, *, tries: bool) -> Capabilities:
        model = resolve_model(found.models, self._wanted_model) or EmbeddingModel(
            self._wanted_model
        )
        learning = Learning(
            self._api,
            self._underscore,
            found,
            model,
            self.place,
            self._probe_prefix,
            self._timeout,
            self._sleep,
        )
        known = learning.learn_server(memory) if tries else learning.recall_server(memory)
        self._contradicted = partial(learning.forget_server, memory) if tries else _undo_nothing
        can = known.abilities
        said = [
            (can.replaces or bool(known.notes), _APPENDS),
            (can.deletes, _KEEPS),
            (can.lists, _HIDES),
            (can.drops, _STAYS),
        ]
        limits = known.notes + tuple(sentence for has, sentence in said if not has)
        return Capabilities(
            can.replaces,
            can.deletes,
            can.lists,
            drops_collections=can.drops,
            untried=NOT_YET in known.notes,
            limits=limits,
        )

    def find_collection(self, name: str) -> Collection | None:
        """By id, else by name. Several of one name are refused: only an id says which is meant."""
        known = self._wire.collections()
        if known is None:
            return Collection(name, name) if self._query_rows(name) is not None else None
        matching = [one for one in known if one.id == name] or [
            one for one in known if one.name == name
        ]
        if len(matching) > 1:
            ids = ", ".join(one.id for one in matching)
            raise WrongSettings(
                f"{self._where} has {counted(len(matching), 'collection')} named {name} ({ids}).",
                hint="Set COLLECTION_ID to the id of the one that is meant.",
            )
        if not matching and self._query_rows(name):
            raise StoreUnavailable(
                f"{self._where} does not list collection {name}, and answers from it.",
                hint="Run again.",
            )
        if matching and matching[0].embedding_model:
            self._check_model(matching[0])
        return matching[0] if matching else None

    def _query_rows(self, collection_id: str) -> list[FoundRow] | None:
        """What a query of a collection brings; None where there is none (400, 404)."""
        query = lambda: self._wire.ask(collection_id, "Is there anything here?", 1)  # noqa: E731
        answer = ask_until_certain(query, self._sleep, self._where, "a query")
        hits = hits_of(answer)
        if hits is None and answer.status not in (400, 404):
            raise StoreUnavailable(f"{self._where} does not answer queries: {answer.describe()}.")
        return hits

    def create_collection(self, name: str) -> Collection:
        """With the configured embedding model, by the server's own name for it."""
        before = {one.id for one in self._wire.collections() or ()}
        try:
            answer = self._wire.create(name, self._resolve_model())
        except OutcomeUnknown:
            new = [
                one
                for one in self._wire.collections() or ()
                if one.id not in before and one.name == name
            ]
            if len(new) != 1:
                raise
            return new[0]
        if not answer.ok and answer.status != 409:
            raise self._not_created(name, answer)
        made = self._wire.made(name, answer)
        if made.id in before:
            raise CollectionExists(
                f"{self._where} gives collection {made.id}, which it had before, for a new one."
            )
        log.info("collection %s made at %s", name, self.location)
        return made

    def drop_collection(self, collection: Collection) -> None:
        """Absent is fine."""
        answer = self._wire.drop(collection.id)
        if answer.status in (405, NOT_IMPLEMENTED):
            raise WrongSettings(
                f"{self._where} cannot remove collections: {collection.id} stays.",
                hint="Remove it with the server's own tools.",
            )
        if not answer.ok and answer.status not in (400, 404):
            raise StoreUnavailable(
                f"{self._where} did not remove collection {collection.id}: {answer.describe()}."
            )

    def write_chunks(
        self,
        collection: Collection,
        chunks: Sequence[Chunk],
        replacing: Mapping[str, str],
    ) -> WriteResult:
        """Upsert on a server that replaces by id, else append."""
        writer = Writer(
            self._wire,
            collection.id,
            self._where,
            self._size,
            repeat=self._can.replaces,
            exists=lambda: self.find_collection(collection.id) is not None,
        )
        return writer.write(chunks)

    @property
    def limit_key(self) -> str:
        """See ``mirror.ports.LimitLearner``."""
        return f"write-batch {self.location}"

    def restore_limit(self, value: str) -> None:
        """See ``mirror.ports.LimitLearner``."""
        self._size.restore_limit(value)

    def learned_limit(self) -> str:
        """Chunks that the server takes at once."""
        return str(self._size.now)

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Not offered by either variant: write again."""
        raise WrongSettings(
            f"{self._where} cannot change metadata without a new write; nothing was changed."
        )

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """By chunk id, in batches; only the underscore variant, where it offers it."""
        if not self._can.deletes:
            raise WrongSettings(f"{self._where} cannot remove single chunks; nothing was removed.")
        ids = [ref.chunk_id for ref in refs]
        for start in range(0, len(ids), self._batch_size):
            answer = self._underscore.delete(collection.id, ids[start : start + self._batch_size])
            if answer.status in (405, NOT_IMPLEMENTED):
                self._contradicted()
            if not answer.ok and answer.status != 404:
                raise StoreUnavailable(
                    f"{self._where} did not remove chunks: {answer.describe()}.", hint="Run again."
                )

    def settle_writes(
        self, collection: Collection, in_doubt: Sequence[StoredRef]
    ) -> Mapping[str, str | None]:
        """By a listing where there is one, else by a query that brings back as much as it can."""
        if not in_doubt or (self._can.replaces and self._can.deletes):
            return {}
        listed = self._underscore.rows(collection.id) if self._can.lists else None
        answers, leaving = settle(self._wire, collection.id, in_doubt, listed, self._hash_metadata)
        if not self._can.deletes:
            return answers
        self.remove_chunks(collection, leaving)
        return {chunk_id: ref for chunk_id, ref in answers.items() if ref is not None}

    def holds_data(self, collection: Collection) -> bool:
        """A query brings at least one hit. One answer without any is not believed: a server that
        has just started may give it."""
        hits = look_until(lambda: self._query_rows(collection.id), bool, self._sleep, _LOOKS_EMPTY)
        return bool(hits)

    def count_rows(self, collection: Collection) -> int | None:
        """By a listing, where there is one."""
        return sum(1 for _ in self._underscore.rows(collection.id)) if self._can.lists else None

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        """Only the underscore variant, where it offers it; it has no listing without texts."""
        for row in self._underscore.rows(collection.id):
            yield stored(row.metadata, text=row.text if texts and row.has_text else None)

    def fetch_chunks(
        self, collection: Collection, refs: Sequence[StoredRef], *, about: str
    ) -> list[Chunk]:
        """From the listing; without one, from the answer to a query that brings back as much as it
        can."""
        if self._can.lists:
            return picked(self.list_rows(collection), refs)
        hits = hits_of(self._wire.ask(collection.id, about, LOOK_LIMIT)) or ()
        return picked((stored(hit.metadata, text=hit.text) for hit in hits), refs)

    def search(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[Hit]:
        """As the server ranks. It cannot filter: what one answer brings is filtered."""
        answer = self._wire.ask(collection.id, query, limit)
        hits = hits_of(answer)
        if hits is None:
            raise StoreUnavailable(f"{self._where} did not answer the query: {answer.describe()}.")
        found = [Hit(hit.text, hit.metadata, hit.score) for hit in hits]
        return matching(found, where, pages)[:limit]

    def finish_writing(self, collection: Collection) -> None:
        """The server keeps its own index."""

    def close(self) -> None:
        """Let go of the connections."""
        self._api.close()

    def _resolve_model(self) -> EmbeddingModel:
        models = self._discovered.models if self._discovered else ()
        model = resolve_model(models, self._wanted_model)
        if model is None and models:
            names = ", ".join(one.id for one in models)
            raise WrongSettings(
                f"{self._where} has no embedding model {self._wanted_model}; no collection was"
                " made.",
                hint=f"Set EMBEDDING_MODEL_ID to one of: {names}.",
            )
        return model or EmbeddingModel(self._wanted_model)

    def _check_model(self, collection: Collection) -> None:
        if not same_model(collection.embedding_model, self._wanted_model):
            raise WrongSettings(
                f"Collection {collection.name} is made for {collection.embedding_model}, not"
                f" {self._wanted_model}; nothing was written to it.",
                hint="Set EMBEDDING_MODEL_ID to it, or name another COLLECTION_ID.",
            )

    def _not_created(self, name: str, answer: StoreAnswer) -> Exception:
        said = f"{self._where} did not make collection {name}: {answer.describe()}."
        if answer.status < 500:
            return WrongSettings(said, hint="Check EMBEDDING_MODEL_ID and COLLECTION_ID.")
        return StoreUnavailable(said)


def _undo_nothing() -> None:
    """Nothing to take back."""


def _dash_can(found: Discovered, known: Sequence[Collection]) -> Capabilities:
    """Append only, whatever the server says. Ids of its own are seen by its version or by the rows
    that are there."""
    drops = found.offers("DELETE", "/v1/vector-dbs/{}") is not False
    numbers = found.version.split(".")[:3]
    newer = (
        len(numbers) == 3
        and all(part.isdecimal() for part in numbers)
        and tuple(map(int, numbers)) >= (0, 2, 21)
    )
    fresh = newer or any(one.id != one.name for one in known)
    limits = (_APPENDS, _KEEPS, _HIDES) if drops else (_APPENDS, _KEEPS, _HIDES, _STAYS)
    return Capabilities(
        False, False, False, drops_collections=drops, fresh_id_for_name=fresh, limits=limits
    )


def _describe_abilities(can: Capabilities) -> str:
    words = [
        "replaces by id" if can.replaces else "appends",
        "removes chunks" if can.deletes else "cannot remove chunks",
        "lists" if can.lists else "cannot list",
        "removes collections" if can.drops_collections else "cannot remove collections",
    ]
    return ", ".join(words)
