"""Whose collection is it: finding the mirror that this run continues, or making it.

A mirror is one site and one scope in one collection; the collection is known by the id that the
store gives it. Rows that are not ours are never touched, adopted or counted as drift.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from confluence_mirror.errors import Refused
from confluence_mirror.manifest import ChunkRow, Generation, Record
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.scope_change import ScopeChange
from confluence_mirror.mirror.takeover import Takeover
from confluence_mirror.stores.base import Capabilities, Collection
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

WriteMode = Literal["auto", "rotate", "append"]

PAUSE = timedelta(hours=25)
"""A nightly job's last comparison is no longer ago. Otherwise the manifest may come from a
backup."""
MAKING_S = 60
"""Within so many seconds another shard has made the collection that all of them need."""


@dataclass(frozen=True, slots=True)
class ResolvedSpec:
    """What this run asks for, its scope looked up in Confluence."""

    site: str
    collection: str
    scope: Scope
    scope_change: Callable[[Record], ScopeChange | None]
    """How the scope differs from that of a recorded mirror; None where it does not. Raises
    ``Refused`` where that may not be."""
    write_mode: WriteMode = "auto"
    change_scope: bool = False
    now: datetime | None = None
    """By the gateway's clock; None: by ours."""
    remembered_id: str = ""
    """The collection's id as someone remembers it: believed only where the store gives it the right
    name."""
    whole: Callable[[Generation], bool] = lambda _generation: True
    """Whether this run compares the whole scope: then the ids in the store are compared too."""
    deep: bool = False
    """Texts are compared as well, and metadata on every store."""


@dataclass(frozen=True, slots=True)
class OpenedMirror:
    """The mirror as it stands; None where only a rotation can begin it."""

    mirror: StoredMirror | None
    must_rotate: bool = False
    """What is in the collection cannot be told for certain, so another must be built."""
    outside: frozenset[str] = frozenset()
    """Spaces of rows that another mirror of this site has written into the collection. They were
    left alone."""


STAYS_FOR_EVER = "WRITE_MODE=append: what changes or disappears in Confluence stays in the store"


def log_write_mode(mode: WriteMode, can: Capabilities) -> None:
    """Say which write mode is in force and why."""
    if can.deletes and can.replaces:
        why = "the store replaces and removes chunks by id"
    else:
        why = (
            "new chunks are added; as soon as something must go, a new collection is built"
            " (rotation)"
        )
    log.info("write mode: %s%s", mode, f": {why}" if mode == "auto" else "")


class Ownership:
    """Finds or begins the generation that a run works on. Everything here happens under the
    mirror's lock."""

    def __init__(self, recorded: RecordedStore, spec: ResolvedSpec) -> None:
        self._recorded = recorded
        self._manifest = recorded.manifest
        self._store = recorded.store
        self._can = recorded.capabilities
        self._spec = spec

    def current(self) -> Generation | None:
        """The recorded generation; refuses a collection that mirrors another site."""
        known = self._recorded.generations(self._spec.collection)
        every = self._recorded.every_generation(self._spec.collection)
        others = [
            each for each in every if each.site != self._spec.site and each.state == "current"
        ]
        if others:
            raise Refused(
                f"Collection {self._spec.collection} mirrors site {others[0].site}; this run is"
                f" set to site {self._spec.site}. No page was read or removed.",
                hint="Set another COLLECTION_ID, or correct CONF_CLOUD_ID.",
            )
        return next((each for each in known if each.state == "current"), None)

    def open_generation(self, *, writes: bool = True) -> OpenedMirror:
        """Continue the recorded mirror, adopt what a lost manifest left behind, or begin a new one.

        ``writes`` False: nothing is changed in the store where a mirror begins that is there
        already.
        """
        generation = self.current()
        if generation is None:
            return self._begin_mirror(writes=writes)
        change = self._scope_change(generation)
        if change is not None:
            log.info("the scope changed: the whole of it is read. %s", change.describe())
            generation = self._manifest.rescope(generation, self._spec.scope.record())
        return self._check_store(generation)

    def preview_generation(self) -> Generation | None:
        """``open_generation`` for a run that writes nothing: the recorded mirror as this run would
        find it."""
        generation = self.current()
        if generation is None or self._scope_change(generation) is None:
            return generation
        return replace(
            generation, scope=self._spec.scope.record(), watermark=None, reconciled_at=None
        )

    def _scope_change(self, generation: Generation) -> ScopeChange | None:
        return self._spec.scope_change(self._manifest.of(generation))

    def _check_store(self, generation: Generation) -> OpenedMirror:
        """The store may have lost what the manifest vouches for: noticed before anything is
        skipped."""
        collection = self._store.find_collection(generation.collection_id)
        if collection is None:
            log.warning(
                "collection %s is gone from the store: filling a new one", generation.collection_id
            )
            self._manifest.forget_generation(generation)
            return self._begin_mirror()
        mirror = self._recorded.open_generation(generation, collection)
        written = mirror.record.chunk_count() > 0
        lost = not self._store.holds_data(collection) if written else self._is_dead(collection)
        if lost:
            log.warning("collection %s lost its data: filling it again", collection.name)
            return self._refill_emptied(mirror)
        if mirror.shards is not None:
            mirror.shards.take_moved(mirror.record)
        self._settle_open_chunks(mirror)
        if not (self._can.lists and self.is_due(mirror)):
            return OpenedMirror(mirror)
        found = self.takeover(mirror).compare_rows(deep=self._spec.deep)
        mirror.record.note_comparison(self._now())
        return OpenedMirror(mirror, outside=frozenset(found))

    def _now(self) -> datetime:
        return self._spec.now or datetime.now(UTC)

    def takeover(self, mirror: StoredMirror, *, writes: bool = True) -> Takeover:
        """Takes over into the record what the store's rows say."""
        spec = self._spec
        return Takeover(mirror, spec.scope, change_scope=spec.change_scope, writes=writes)

    def _refill_emptied(self, mirror: StoredMirror) -> OpenedMirror:
        """Forget what was written. A store that a restart has killed is dropped and made anew where
        it is ours."""
        generation, collection = mirror.generation, mirror.collection
        ours = (generation.made_by_us or collection.made_by_us) and self._can_make_anew()
        if ours and self._recorded.drop_collection(collection, [generation]):
            self._manifest.forget_generation(generation)
            return self._begin_mirror()
        mirror.record.clear()
        # All of it must be read again, whatever the window says.
        anew = self._manifest.rescope(generation, generation.scope)
        return OpenedMirror(self._recorded.open_generation(anew, collection))

    def _can_make_anew(self) -> bool:
        return self._can.drops_collections and self._can.fresh_id_for_name

    def _is_dead(self, collection: Collection) -> bool:
        """Our collection that counts rows and answers with none: a restart has killed it. An
        empty one is taken for dead where restarts kill: nothing is lost with it."""
        if not (collection.made_by_us and self._can_make_anew()):
            return False
        counts = self._can.dies_at_restart or self._store.count_rows(collection)
        return bool(counts) and not self._store.holds_data(collection)

    def is_due(self, mirror: StoredMirror) -> bool:
        """Ids are compared with every comparison of the whole scope. In between, where rows are
        certainly lost, or the manifest may come from a backup. A count proves nothing else: rows of
        others make up for lost ones."""
        generation = mirror.generation
        if self._spec.whole(generation):
            return True
        if generation.compared_at is None or self._now() - generation.compared_at > PAUSE:
            log.info("the last comparison is long ago: comparing the store with the manifest")
            return True
        count = self._store.count_rows(mirror.collection)
        recorded = mirror.record.chunk_count(confirmed=True)
        if count is None or count >= recorded:
            return False
        log.warning(
            "the store holds %s, the manifest %s: comparing them",
            counted(count, "row"),
            counted(recorded, "chunk"),
        )
        return True

    def named_collection(self) -> Collection | None:
        """The collection of this name in the store; of several, the one that is remembered."""
        hinted = (
            self._store.find_collection(self._spec.remembered_id)
            if self._spec.remembered_id
            else None
        )
        if hinted is not None and hinted.name == self._spec.collection:
            return hinted
        return self._store.find_collection(self._spec.collection)

    def _begin_mirror(self, *, writes: bool = True) -> OpenedMirror:
        spec, scope = self._spec, self._spec.scope.record()
        collection = self.named_collection()
        if collection is not None:
            self._recorded.require_free(collection, spec.collection)
        if collection is not None and writes and self._is_dead(collection):
            log.warning("collection %s answers nothing: it is made anew", collection.name)
            collection = None if self._recorded.drop_collection(collection) else collection
        there = collection is not None
        if collection is None:
            collection, there = self._make_collection()
        elif self._is_beyond_telling(collection):
            return self._cannot_continue(collection)
        elif not self._can.lists and self._store.holds_data(collection):
            log.warning(
                "no manifest for collection %s: every page is written again, over what is there",
                collection.name,
            )
        ours = collection.made_by_us or not there
        generation = self._recorded.begin_generation(
            spec.site, spec.collection, collection, "current", scope, made_by_us=ours
        )
        mirror = self._recorded.open_generation(generation, collection)
        if there and self._can.lists:
            self._adopt_rows(mirror, writes=writes)
        mirror.record.note_comparison(self._now())
        return OpenedMirror(mirror)

    def _make_collection(self) -> tuple[Collection, bool]:
        """The collection, and whether another shard has just made it."""
        name = self._spec.collection
        with self._recorded.hold_mirror_lock(name, MAKING_S):
            found = self._store.find_collection(name) if self._recorded.shards else None
            if found is not None:
                return found, True
            made = self._store.create_collection(name)
            return made, False

    def _adopt_rows(self, mirror: StoredMirror, *, writes: bool) -> None:
        """Take over what a lost manifest left behind; the generation is forgotten where that is
        refused."""
        try:
            self.takeover(mirror, writes=writes).adopt_rows()
        except Refused:
            self._manifest.forget_generation(mirror.generation)
            raise

    def check_begin(self) -> None:
        """Raise what a run is refused for that finds no record of its mirror."""
        collection = self.named_collection()
        if collection is None:
            return
        self._recorded.require_free(collection, self._spec.collection)
        if self._is_beyond_telling(collection):
            self._cannot_continue(collection)

    def _is_beyond_telling(self, collection: Collection) -> bool:
        """It holds data of which nothing is known, and a write could be a second copy."""
        return not self._can.lists and not self._can.replaces and self._store.holds_data(collection)

    def _cannot_continue(self, collection: Collection) -> OpenedMirror:
        """The manifest is lost, and this store can neither list nor replace: a second copy must not
        be appended."""
        if self._spec.write_mode == "append":
            raise Refused(
                f"Collection {collection.name} holds data, but the record of it is lost, and this"
                " store can neither list nor replace it; no chunk was written, since it would be a"
                " second copy.",
                hint=(
                    "Ways out: a volume for STATE_DIR, STATE_URL on PostgreSQL, or WRITE_MODE=auto"
                    " (rotation)."
                ),
            )
        log.warning(
            "no manifest for collection %s, which cannot be listed: building a new collection",
            collection.name,
        )
        return OpenedMirror(None)

    # -- what an earlier run left behind

    def _settle_open_chunks(self, mirror: StoredMirror) -> None:
        """Writes and removals that an earlier run left open."""
        if self._spec.write_mode == "append":
            return
        record = mirror.record
        doubt = record.in_doubt()
        if not doubt:
            return
        log.info("%s left in doubt by an earlier run", counted(len(doubt), "chunk"))
        answers = self._store.settle_writes(mirror.collection, [row.stored() for row in doubt])
        unknown = [row.id for row in doubt if row.id in answers and answers[row.id] is None]
        if unknown and not self._can.replaces:
            raise UndecidedWrites(mirror, len(unknown))
        if not self._can.replaces:
            # Certainly absent: sending them is no second copy.
            record.commit((), [row.id for row in doubt if row.id not in answers])
        there = {
            row.id: ref
            for row in doubt
            if (ref := answers.get(row.id)) is not None and row.state == "sending"
        }
        record.confirm(there)
        found = [
            ChunkRow(row.id, row.page, row.state, row.metadata_hash, ref)
            for row in doubt
            if (ref := answers.get(row.id)) is not None and row.state == "removing"
        ]
        record.record_found((), found)


class UndecidedWrites(Exception):
    """An append-only store cannot say whether a write of an earlier run arrived: the collection is
    abandoned."""

    def __init__(self, mirror: StoredMirror, chunks: int) -> None:
        name = mirror.generation.collection_name
        super().__init__(
            f"{counted(chunks, 'chunk')} of an earlier run may or may not be in {name}"
        )
        self.mirror = mirror


def open_mirror(recorded: RecordedStore, spec: ResolvedSpec) -> OpenedMirror:
    """The mirror that a run continues or begins; where an append-only store cannot say what it
    holds, one that another collection must take the place of."""
    try:
        return Ownership(recorded, spec).open_generation()
    except UndecidedWrites as doubt:
        log.warning("%s: building a new collection", doubt)
        return OpenedMirror(doubt.mirror, must_rotate=True)
