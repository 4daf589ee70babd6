"""A store together with what the manifest records of it, and one mirror in it: what the rest of the
mirror works on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Collection as Among
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace

from confluence_mirror.batches import in_batches
from confluence_mirror.errors import Refused
from confluence_mirror.manifest import Generation, Manifest, Record
from confluence_mirror.manifest.locks import hold_lock
from confluence_mirror.manifest.records import State
from confluence_mirror.mirror.scope import describe_scope
from confluence_mirror.mirror.shards import Shards, lock_name
from confluence_mirror.model import Chunk, Unembedded
from confluence_mirror.stores.base import Capabilities, ChunkEmbedder, Collection, Store

log = logging.getLogger(__name__)

SOME_HITS = 20
"""Rows that are looked at to tell whose a collection is."""


def _never_stop() -> None:
    """Nothing ends this run early."""


@dataclass(frozen=True, slots=True)
class StoredMirror:
    """One mirror in its store: the collection that holds it, and the record of what we wrote
    there."""

    store: Store
    capabilities: Capabilities
    collection: Collection
    record: Record
    check: Callable[[], None] = _never_stop
    """Called in long loops; what it raises ends the run."""
    embedder: ChunkEmbedder | None = None
    """None: the store embeds."""
    shards: Shards | None = None
    """Where it is one of several in this collection."""

    @property
    def generation(self) -> Generation:
        """Who it is: site, store, place and collection, and how far it has come."""
        return self.record.generation

    @property
    def site(self) -> str:
        """The site that it mirrors."""
        return self.record.generation.site

    def embed_chunks(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """A few chunks, as the store is given them; those for which there is no vector are left
        out."""
        if self.embedder is None:
            return list(chunks)
        found: list[Chunk] = []
        for some in in_batches(chunks, self.embedder.batch_size):
            vectors = self.embedder([chunk.text for chunk in some])
            found += [
                replace(chunk, vector=vector)
                for chunk, vector in zip(some, vectors, strict=True)
                if not isinstance(vector, Unembedded)
            ]
        return found


@dataclass(frozen=True, slots=True)
class RecordedStore:
    """A store, what it can do, and the manifest of what we wrote there.

    Everything here is of this very store, wherever another job with the same manifest keeps a
    collection of the same name. Collections are named by what is set (``COLLECTION_ID``).
    """

    store: Store
    capabilities: Capabilities
    manifest: Manifest
    check: Callable[[], None] = _never_stop
    """Called in long loops; what it raises ends the run."""
    embedder: ChunkEmbedder | None = None
    """None: the store embeds."""
    shards: Shards | None = None
    """Where the run is of one shard of its mirror."""

    @property
    def shard(self) -> str:
        """The shard as it is recorded; empty where the run is of the whole mirror."""
        return str(self.shards.own) if self.shards else ""

    def open_generation(
        self, generation: Generation, collection: Collection, *others: Generation
    ) -> StoredMirror:
        """One generation in the collection that holds it, read as one with ``others``."""
        record = self.manifest.of(generation, *others)
        return StoredMirror(
            self.store,
            self.capabilities,
            collection,
            record,
            self.check,
            self.embedder,
            self.shards,
        )

    def generations(self, name: str) -> list[Generation]:
        """Every generation under this name that is of this run's shard, of any site, newest
        first."""
        return [each for each in self.every_generation(name) if each.shard == self.shard]

    def every_generation(self, name: str) -> list[Generation]:
        """Every generation under this name, of any site and shard, newest first.

        Revision 1 of the manifest did not know where a store is: its generations belong to the
        store that has their collection, with rows that they record, and are recorded as such by the
        first run that writes. A store that has moved to another address has no record there: it is
        taken over from its rows, as after a lost manifest.
        """
        store, manifest = self.store, self.manifest
        known = manifest.generations(store.kind, store.place, name)
        if known:
            return known
        unplaced = manifest.generations(store.kind, "", name)
        if not any(self._is_here(each) for each in unplaced if each.state != "retired"):
            return []
        if not manifest.database.read_only:
            log.info(
                "the manifest's record of collection %s belongs to %s from now on",
                name,
                store.location,
            )
            manifest.record_place(store.place, unplaced)
        return [replace(each, place=store.place) for each in unplaced]

    def current_generations(self, name: str, site: str) -> list[Generation]:
        """Those that together are a site's mirror: one, or where it is run in shards each of them.
        A run of one shard is given its own alone."""
        known = self.generations(name) if self.shards else self.every_generation(name)
        return [each for each in known if each.state == "current" and each.site == site]

    def begin_generation(
        self,
        site: str,
        name: str,
        collection: Collection,
        state: State,
        scope: str,
        *,
        made_by_us: bool,
    ) -> Generation:
        """Record a new generation in a collection of this store."""
        return self.manifest.begin(
            site,
            (self.store.kind, self.store.place),
            name,
            (collection.id, collection.name),
            state,
            scope,
            made_by_us,
            self.shard,
        )

    @contextmanager
    def hold_lock(self, name: str, wait_s: float) -> Iterator[None]:
        """The mirror's lock; ``Unfinished`` where another run holds it for longer than ``wait_s``
        seconds."""
        kind, place, database = self.store.kind, self.store.place, self.manifest.database
        with ExitStack() as locks:
            if self.manifest.generations(kind, "", name):
                # A run of the version before, which may still be at work, knows the mirror by this
                # name.
                locks.enter_context(hold_lock(database, f"{kind}:{name}", wait_s))
            own = lock_name((kind, place), name, self.shard)
            locks.enter_context(hold_lock(database, own, wait_s))
            yield

    def hold_mirror_lock(self, name: str, wait_s: float) -> AbstractContextManager[None]:
        """For a shard: what one of them does alone. A run of the whole mirror holds it all the
        time."""
        key = lock_name((self.store.kind, self.store.place), name)
        return hold_lock(self.manifest.database, key, wait_s) if self.shards else nullcontext()

    def hold_shard_lock(
        self, generation: Generation, wait_s: float
    ) -> AbstractContextManager[None]:
        """Another shard's lock: it is not at work."""
        place = (self.store.kind, self.store.place)
        key = lock_name(place, generation.collection, generation.shard)
        return hold_lock(self.manifest.database, key, wait_s)

    def require_free(self, found: Collection, name: str) -> None:
        """Raise ``Refused`` where another mirror of this manifest has the collection, under another
        name."""
        for other in self.owners(found):
            if other.collection != name:
                raise Refused(
                    f"Collection {found.name} ({found.id}) at {self.store.location} is the mirror"
                    f" of another job: COLLECTION_ID={other.collection},"
                    f" {describe_scope(other.scope)}. No page was read or removed.",
                    hint="Set another COLLECTION_ID.",
                )

    def owners(self, collection: Collection) -> list[Generation]:
        """The generations in force or under construction in a collection, whatever name is set."""
        return self.manifest.owners(self.store.kind, self.store.place, collection.id)

    def drop_collection(self, collection: Collection, given_up: Among[Generation] = ()) -> bool:
        """Remove a collection, unless a mirror is in it at this moment; whether it was removed. No
        collection leaves a store but by this.

        ``given_up`` are mirrors that are meant to go with it. Compared are the ids that the store
        gives, since a name, a version or an earlier record may say that two collections differ that
        are one.
        """
        leaving = {generation.id for generation in given_up}
        for generation in self.owners(collection):
            if generation.id not in leaving:
                log.warning(
                    "collection %s is in use (COLLECTION_ID=%s): it stays",
                    collection.id,
                    generation.collection,
                )
                return False
        self.store.drop_collection(collection)
        return True

    def _is_here(self, generation: Generation) -> bool:
        """Whether the collection of a generation is in this store. An id that the store gave is
        proof; where the id is but the name, another store may have one of that name, so that its
        rows must be recorded ones."""
        found = self.store.find_collection(generation.collection_id)
        if found is None or found.id != generation.collection_id:
            return False
        record = self.manifest.of(generation)
        if found.id != found.name or not record.chunk_count():
            return True
        hits = self.store.search(found, "a page of documentation", SOME_HITS)
        ids = [str(hit.metadata["chunk_id"]) for hit in hits if "chunk_id" in hit.metadata]
        return bool(record.chunks(ids))
