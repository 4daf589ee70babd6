"""What a run begins with: the store and its manifest, what the store can do, the scope, and the
mirror as it is recorded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from confluence_mirror.errors import PermissionRefused, StateUnusable, WrongSettings
from confluence_mirror.manifest import NO_FTS5, Database, Manifest, can_index
from confluence_mirror.mirror.documents import Recipe
from confluence_mirror.mirror.events import (
    CollectionChosen,
    Emit,
    ScopeResolved,
    StoreConnected,
    StoreLearned,
)
from confluence_mirror.mirror.evidence import check_credential
from confluence_mirror.mirror.notices import Notices
from confluence_mirror.mirror.ownership import ResolvedSpec
from confluence_mirror.mirror.pointer import read_pointer
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.mirror.scope import recorded_spaces
from confluence_mirror.mirror.scope_change import check_unchanged
from confluence_mirror.mirror.scope_lookup import resolve_scope
from confluence_mirror.mirror.shards import Shards
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.window import is_reconcile_due
from confluence_mirror.stores.base import Store

log = logging.getLogger(__name__)


class Opening:
    """The first steps of a run, in the order in which they are done. Each tells what it found."""

    def __init__(
        self, source: Source, store: Store, emit: Emit, stop: Stop, notices: Notices
    ) -> None:
        self._notices = notices
        self._source = source
        self._store = store
        self._emit = emit
        self._stop = stop

    @contextmanager
    def recorded_store(
        self, job: MirrorSpec, *, read_only: bool = False
    ) -> Iterator[RecordedStore]:
        """The store and its manifest, before it is known what only a trial shows."""
        can = self._store.connect()
        self._emit(StoreConnected(self._store.kind, self._store.location, job.write_mode))
        database = Database(
            job.state_url,
            read_only=read_only,
            timeout=job.state_timeout_s,
            sleep=self._stop.pause,
        )
        with closing(database):
            if job.recipe.text_index and not (read_only or can_index(database)):
                self._notices.tell(NO_FTS5)
            manifest, place = Manifest(database), (self._store.kind, self._store.place)
            shards = (
                Shards(manifest, place, job.collection, job.site, job.shard) if job.shard else None
            )
            yield RecordedStore(self._store, can, manifest, self._stop.look, job.embedder, shards)

    def learn_capabilities(self, recorded: RecordedStore, *, tries: bool) -> RecordedStore:
        """With what the store can do: as it is remembered, or tried out where this run holds the
        lock."""
        can = self._store.learn_capabilities(recorded.manifest, tries=tries)
        log.info("store: %s at %s", self._store.kind, self._store.location)
        self._emit(StoreLearned(can.limits))
        for sentence in can.limits:
            log.info("%s", sentence)
        return replace(recorded, capabilities=can)

    def resolve_spec(
        self, job: MirrorSpec, recorded: RecordedStore, *, writes: bool
    ) -> ResolvedSpec:
        """The spec with its scope looked up: of a shard, its part. ``writes``: which that is may be
        recorded."""
        known = next(iter(recorded.current_generations(job.collection, job.site)), None)
        try:
            scope = resolve_scope(self._source, job.wanted, known.scope if known else "")
        except PermissionRefused:
            check_credential(self._source)
            raise
        if recorded.shards is not None:
            scope = recorded.shards.divide_scope(scope, writes=writes)
        keys = tuple(space.key for space in scope.spaces)
        self._emit(ScopeResolved(keys, scope.lone_tree() or None, scope.labels, scope.items()))
        now, skew = self._source.current_time(), self._source.clock_skew()
        return ResolvedSpec(
            job.site,
            job.collection,
            scope,
            lambda record: check_unchanged(
                scope, job.collection, self._source, record, change_meant=job.change_scope
            ),
            job.write_mode,
            job.change_scope,
            now,
            job.remembered_id or read_pointer(job.state_dir),
            whole=lambda generation: (
                job.plan.only is None and is_reconcile_due(generation, job.plan, now, skew)
            ),
            deep=job.deep or job.plan.full,
        )

    def recorded_mirror(self, job: MirrorSpec, recorded: RecordedStore) -> StoredMirror:
        """The mirror as the manifest has it, in its collection."""
        generations = recorded.current_generations(job.collection, job.site)
        if not generations:
            raise StateUnusable(
                f"{recorded.manifest.database.place} records no finished run for collection"
                f" {job.collection}, so there is nothing to compare the store with.",
                hint="Run a sync first.",
            )
        generation = generations[0]
        collection = self._store.find_collection(generation.collection_id)
        if collection is None:
            raise WrongSettings(
                f"Collection {generation.collection_name} is not in {self._store.location}.",
                hint="A sync fills it again.",
            )
        self._emit(CollectionChosen(collection.name, collection.id))
        self._emit(ScopeResolved(recorded_spaces(generation.scope)))
        return recorded.open_generation(generation, collection, *generations[1:])


def prepare_index(mirror: StoredMirror, recipe: Recipe) -> None:
    """Before a plan: the text index is there, or has gone where it is switched off."""
    if recipe.text_index:
        mirror.record.texts.prepare()
    else:
        mirror.record.texts.clear()
