"""What a run would find before it plans: the manifest as that run would have it, without writing
anything anywhere."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace

from confluence_mirror.manifest import Database, Generation, Manifest
from confluence_mirror.mirror.ownership import Claim, Ownership
from confluence_mirror.mirror.verify import Comparison, Drift
from confluence_mirror.report import RunReport
from confluence_mirror.stores.base import Capabilities, Collection, Store


class Rehearsal:
    """Opens the recorded mirror as a run would (``Ownership.open``), on a copy in memory where that
    would change it."""

    def __init__(
        self, stack: ExitStack, store: Store, can: Capabilities, claim: Claim, report: RunReport
    ) -> None:
        self._stack = stack
        self._store = store
        self._can = can
        self._claim = claim
        self._report = report
        self.outside: set[str] = set()
        """Spaces of rows that another mirror has written into the collection."""

    def open(self, manifest: Manifest) -> tuple[Manifest, Generation]:
        """The manifest to plan with. Raises what a run would be refused for; what it would repair
        goes into the report."""
        ownership = Ownership(manifest, self._store, self._can, self._claim)
        generation = ownership.look()
        collection = self._answering(generation) if generation else None
        if generation is None or collection is None:
            ownership.check_begin()
            return self._begin()
        if not (self._can.lists and ownership.is_due(generation, collection)):
            return manifest, generation
        found = Drift()
        for part in self._comparison(manifest, generation, collection).parts():
            found.add(part)
        if not found:
            return manifest, generation
        found.tell(self._report)
        scratch = self._scratch()
        copy = _copied(manifest, generation, scratch)
        takeover = Ownership(scratch, self._store, self._can, self._claim).takeover(writes=False)
        self.outside = takeover.compare(copy, collection, deep=self._claim.deep)
        return scratch, copy

    def _comparison(
        self, manifest: Manifest, generation: Generation, collection: Collection
    ) -> Comparison:
        return Comparison(
            self._store, self._can, collection, manifest, generation, deep=self._claim.deep
        )

    def _answering(self, generation: Generation) -> Collection | None:
        """The collection of a mirror; None where it is gone, or has lost its data."""
        collection = self._store.find(generation.collection_id)
        return collection if collection is not None and self._store.holds_data(collection) else None

    def _begin(self) -> tuple[Manifest, Generation]:
        """A generation that holds what the store's own rows say, where they can be listed."""
        scratch, claim = self._scratch(), self._claim
        ownership = Ownership(scratch, self._store, self._can, claim)
        if ownership.named() is not None and self._can.lists:
            found = ownership.open(writes=False)
            assert found.generation is not None
            return scratch, found.generation
        name = (claim.collection, claim.collection)
        begun = scratch.begin(
            claim.site,
            (self._store.kind, self._store.place),
            claim.collection,
            name,
            "current",
            claim.scope.record(),
            False,
        )
        return scratch, begun

    def _scratch(self) -> Manifest:
        """An empty manifest in memory."""
        return Manifest(self._stack.enter_context(closing(Database("sqlite:///", read_only=True))))


def _copied(manifest: Manifest, generation: Generation, scratch: Manifest) -> Generation:
    """The generation in another manifest."""
    found = (generation.collection_id, generation.collection_name)
    made = scratch.begin(
        generation.site,
        (generation.store, generation.place),
        generation.collection,
        found,
        generation.state,
        generation.scope,
        generation.made_by_us,
    )
    for pages in manifest.all_pages(generation):
        scratch.record_found(made, pages, [])
    for chunks in manifest.all_chunks(generation):
        scratch.record_found(made, [], chunks)
    return replace(made, watermark=generation.watermark, reconciled_at=generation.reconciled_at)
