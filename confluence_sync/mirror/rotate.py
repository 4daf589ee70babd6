"""Rotate: build a new collection beside the old one, and move the pointer when it is complete.

For stores that cannot remove or replace. The pointer moves only when every page is written and counted, when the
removals that this means have passed the same evidence and guard as any other, and when no page that the old
collection held has failed. A rotation that is interrupted is continued by the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluence_sync.errors import Refused, StateUnusable, Unfinished
from confluence_sync.manifest import Generation, Manifest
from confluence_sync.mirror.apply import NeedsRotation, Target
from confluence_sync.mirror.ownership import Claim, Undecided
from confluence_sync.mirror.plan import Plan
from confluence_sync.mirror.recorded import generations
from confluence_sync.stores.base import Capabilities, Collection, Store

log = logging.getLogger(__name__)

POINTER = "CURRENT_COLLECTION"
"""The file in the state folder that names the collection to read."""


class Rotation:
    """Builds the next collection of one mirror."""

    def __init__(
        self,
        manifest: Manifest,
        store: Store,
        can: Capabilities,
        claim: Claim,
        target: Callable[[Generation, Collection], Target],
    ) -> None:
        self._manifest = manifest
        self._store = store
        self._can = can
        self._claim = claim
        self._target = target

    def build(self, fill: Callable[[Target], Plan]) -> tuple[Generation, Collection, Plan]:
        """Fill the collection under construction with ``fill`` (plan and apply), begun anew where it cannot go on."""
        generation, collection = self._under_construction()
        target = self._target(generation, collection)
        try:
            self._settle(target)
            return generation, collection, fill(target)
        except (NeedsRotation, Undecided):
            log.warning("the collection under construction cannot be continued: beginning anew")
            self._abandon(generation, collection)
        generation, collection = self._under_construction()
        return generation, collection, fill(self._target(generation, collection))

    def _under_construction(self) -> tuple[Generation, Collection]:
        known = generations(self._manifest, self._store, self._claim.collection)
        for generation in known:
            if generation.state == "building" and generation.site == self._claim.site:
                collection = self._store.find(generation.collection_id)
                if collection and generation.scope == self._claim.scope.record():
                    log.info("continuing the collection under construction: %s", collection.name)
                    return generation, collection
                self._abandon(generation, collection)
        return self._make()

    def _make(self) -> tuple[Generation, Collection]:
        """Recorded before it is made, so that a run that dies in between leaves no collection that nobody knows of.

        Where only the store says what its id will be, that can be recorded no earlier than afterwards.
        """
        name = self._next_name()
        recorded = None if self._can.fresh_id_for_name else self._begin(name, name)
        collection = self._store.create(name)
        log.info("building a new collection: %s", collection.name)
        if recorded is None:
            return self._begin(collection.id, collection.name), collection
        return self._manifest.place(recorded, collection.id, collection.name), collection

    def _begin(self, collection_id: str, name: str) -> Generation:
        claim, found = self._claim, (collection_id, name)
        return self._manifest.begin(
            claim.site, (self._store.kind, self._store.place), claim.collection, found, "building",
            claim.scope.record(), True,
        )  # fmt: skip

    def _next_name(self) -> str:
        """A name in use, where the store gives each creation an id of its own, so that readers follow by themselves."""
        if self._can.fresh_id_for_name:
            return self._claim.collection
        moment = datetime.now(UTC)
        while self._store.find(name := f"{self._claim.collection}-{moment:%Y%m%dT%H%M%SZ}"):
            moment += timedelta(seconds=1)  # what is there must never be filled a second time
        return name

    def _settle(self, target: Target) -> None:
        doubt = self._manifest.in_doubt(target.generation)
        if not doubt:
            return
        answers = self._store.settle(target.collection, [row.stored() for row in doubt])
        unknown = [row for row in doubt if row.id in answers and answers[row.id] is None]
        if unknown:
            raise Undecided(target.generation, len(unknown))
        self._manifest.commit(target.generation, (), [row.id for row in doubt if row.id not in answers])
        there = {row.id: ref for row in doubt if (ref := answers.get(row.id)) is not None}
        self._manifest.confirm(target.generation, there)

    def _abandon(self, generation: Generation, collection: Collection | None) -> None:
        if collection is not None and generation.made_by_us and self._can.drops_collections:
            self._store.drop(collection)
        self._manifest.forget_generation(generation)

    def finish(
        self, new: Generation, collection: Collection, old: Generation | None, agreed: Sequence[str]
    ) -> Generation:
        """Check the new collection against the old one, move the pointer, and return the new current generation.

        ``agreed`` are the pages whose removal has passed evidence and guard.
        """
        failed = [row for rows in self._manifest.all_pages(new) for row in rows if row.version is None or row.reason]
        held = self._manifest.pages(old, [row.id for row in failed]) if old else {}
        blocking = [row for row in failed if row.id in held and not row.quarantined and not held[row.id].quarantined]
        if blocking:
            raise Unfinished(
                f"{len(blocking)} pages failed (first {blocking[0].id}: {blocking[0].reason}), so the new collection "
                f"{collection.name} is not complete and readers stay on the old one.",
                hint="Run again: it is continued.",
            )
        self._compare(new, old, agreed)
        recorded, counted = self._manifest.chunk_count(new), self._store.count(collection)
        if counted is not None and counted != recorded:
            raise Unfinished(
                f"The new collection {collection.name} holds {counted} chunks instead of {recorded}; readers stay on "
                "the old one.",
                hint="Run again.",
            )
        self._manifest.promote(new)
        log.info("the mirror is now collection %s", collection.name)
        return replace(new, state="current")

    def _compare(self, new: Generation, old: Generation | None, agreed: Sequence[str]) -> None:
        if old is None:
            return
        allowed = set(agreed)
        for rows in self._manifest.all_pages(old):
            present = self._manifest.pages(new, [row.id for row in rows])
            lost = [row for row in rows if row.id not in present and row.id not in allowed and row.version is not None]
            if lost:
                raise Refused(
                    f"The new collection lacks {len(lost)} pages of the old one (first {lost[0].id}) without evidence; "
                    "readers stay on the old one.",
                    hint="Run again.",
                )

    def clean_up(self, keep: int) -> None:
        """Drop collections that we made and no longer need, keeping ``keep`` with the current one."""
        retired = [
            each
            for each in generations(self._manifest, self._store, self._claim.collection)
            if each.state == "retired" and each.site == self._claim.site
        ]
        for generation in retired[0 if self._can.fresh_id_for_name else max(keep - 1, 0) :]:
            if generation.made_by_us and self._can.drops_collections:
                collection = self._store.find(generation.collection_id)
                if collection is not None:
                    self._store.drop(collection)
                    log.info("old collection %s removed", generation.collection_name)
            self._manifest.forget_generation(generation)


def point(state_dir: Path, collection: Collection) -> None:
    """Write the pointer file, in one step."""
    path = state_dir / POINTER
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(f"{collection.name}\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise StateUnusable(f"{path} cannot be written: {error.strerror}.") from None
