"""What a run would find before it plans: the manifest as that run would have it, without writing
anything anywhere."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace

from confluence_mirror.manifest import Database, Generation, Manifest, Record
from confluence_mirror.mirror.events import Emit
from confluence_mirror.mirror.ownership import Ownership, ResolvedSpec
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.mirror.verify import Drift, StoreComparison
from confluence_mirror.stores.base import Collection


class Rehearsal:
    """Opens the recorded mirror as a run would (``Ownership.open_generation``), on a copy in memory
    where that would change it."""

    def __init__(
        self, stack: ExitStack, recorded: RecordedStore, spec: ResolvedSpec, emit: Emit
    ) -> None:
        self._stack = stack
        self._recorded = recorded
        self._spec = spec
        self._emit = emit
        self.outside: set[str] = set()
        """Spaces of rows that another mirror has written into the collection."""

    def open(self) -> Record:
        """The record to plan with. Raises what a run would be refused for; what it would repair
        is emitted as drift."""
        ownership = Ownership(self._recorded, self._spec)
        mirror = self._find_answering(ownership.preview_generation())
        if mirror is None:
            ownership.check_begin()
            return self._begin_in_memory()
        if not (mirror.capabilities.lists and ownership.is_due(mirror)):
            return mirror.record
        found = Drift()
        for part in StoreComparison(mirror, deep=self._spec.deep).parts():
            found.add(part)
        if not found:
            return mirror.record
        found.tell(self._emit)
        scratch = self._empty_manifest()
        copy = scratch.open_generation(_copy_into(mirror, scratch), mirror.collection)
        takeover = Ownership(scratch, self._spec).takeover(copy, writes=False)
        self.outside = takeover.compare_rows(deep=self._spec.deep)
        return copy.record

    def _find_answering(self, generation: Generation | None) -> StoredMirror | None:
        """The mirror in its collection; None where that is gone, or has lost its data."""
        store = self._recorded.store
        collection = store.find_collection(generation.collection_id) if generation else None
        if generation is None or collection is None or not store.holds_data(collection):
            return None
        return self._recorded.open_generation(generation, collection)

    def _begin_in_memory(self) -> Record:
        """A record of what the store's own rows say, where they can be listed."""
        scratch, spec = self._empty_manifest(), self._spec
        ownership = Ownership(scratch, spec)
        if ownership.named_collection() is not None and scratch.capabilities.lists:
            found = ownership.open_generation(writes=False)
            assert found.mirror is not None
            return found.mirror.record
        nothing = Collection(spec.collection, spec.collection)
        begun = scratch.begin_generation(
            spec.site,
            spec.collection,
            nothing,
            "current",
            spec.scope.record(),
            made_by_us=False,
        )
        return scratch.manifest.of(begun)

    def _empty_manifest(self) -> RecordedStore:
        """The store with an empty manifest in memory."""
        database = self._stack.enter_context(closing(Database("sqlite:///", read_only=True)))
        return replace(self._recorded, manifest=Manifest(database))


def _copy_into(mirror: StoredMirror, scratch: RecordedStore) -> Generation:
    """The generation in another manifest."""
    generation, collection = mirror.generation, mirror.collection
    made = scratch.begin_generation(
        generation.site,
        generation.collection,
        collection,
        generation.state,
        generation.scope,
        made_by_us=generation.made_by_us,
    )
    copy = scratch.manifest.of(made)
    for pages in mirror.record.all_pages():
        copy.record_found(pages, [])
    for chunks in mirror.record.all_chunks():
        copy.record_found([], chunks)
    return replace(made, watermark=generation.watermark, reconciled_at=generation.reconciled_at)
