"""Rotate: build a new collection beside the old one, and move the pointer when it is complete.

For stores that cannot remove or replace. The pointer moves only when every page is written and
counted, when the removals that this means have passed the same evidence and guard as any other, and
when no page that the old collection held has failed. Pages that were given up keep their last good
chunks. A rotation that is interrupted is continued by the next run.

A new collection is one whose id nothing recorded has: what a version, a name or a status says does
not make it new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from confluence_mirror.errors import Refused, Unfinished, WrongSettings
from confluence_mirror.manifest import Generation, PageRow
from confluence_mirror.mirror.carry import carry_over
from confluence_mirror.mirror.ownership import ResolvedSpec, UndecidedWrites
from confluence_mirror.mirror.page_diff import NeedsRotation
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.stores.base import Collection, CollectionExists
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)


class Rotation:
    """Builds the next collection of one mirror."""

    def __init__(self, recorded: RecordedStore, spec: ResolvedSpec) -> None:
        self._recorded = recorded
        self._manifest = recorded.manifest
        self._store = recorded.store
        self._can = recorded.capabilities
        self._spec = spec
        self._attempts: dict[str, int] = {}
        """How often pages of the collection under construction had failed before this run."""

    def build_collection(self, fill: Callable[[StoredMirror], Plan]) -> tuple[StoredMirror, Plan]:
        """Fill the collection under construction with ``fill`` (plan and apply), begun anew where
        it cannot go on."""
        new = self._under_construction()
        self._attempts = {row.id: row.attempts for row in self._failed_rows(new)}
        try:
            self._settle_open_chunks(new)
            return new, fill(new)
        except (NeedsRotation, UndecidedWrites):
            log.warning("the collection under construction cannot be continued: beginning anew")
            self._retire_generation(new.generation, new.collection)
        new = self._under_construction()
        self._attempts = {}
        return new, fill(new)

    def _under_construction(self) -> StoredMirror:
        for generation in self._recorded.generations(self._spec.collection):
            if generation.state == "building" and generation.site == self._spec.site:
                collection = self._store.find_collection(generation.collection_id)
                if (
                    collection
                    and generation.scope == self._spec.scope.record()
                    and self._is_new(collection, generation)
                ):
                    log.info("continuing the collection under construction: %s", collection.name)
                    return self._place_in(generation, collection)
                self._retire_generation(generation, collection)
        return self._make_collection()

    def _make_collection(self) -> StoredMirror:
        """A collection that was not there before.

        Where the store gives each creation an id of its own, it has the name in use, so that
        readers who go by the name follow by themselves. Where that turns out to be wrong, it gets a
        name of its own.
        """
        names = (self._spec.collection,) if self._can.fresh_id_for_name else ()
        for name in (*names, self._unused_name()):
            try:
                return self._make_as(name)
            except CollectionExists as error:
                log.warning("%s", error)
        raise WrongSettings(
            f"{self._store.kind} at {self._store.location} makes no new collection beside"
            f" {self._spec.collection}, so a rotation is not possible.",
            hint="Set COLLECTION_ID to a name that is not in use there.",
        )

    def _make_as(self, name: str) -> StoredMirror:
        """Recorded before it is made, so that a run that dies in between leaves no collection that
        nobody knows of.

        Where only the store says what its id will be, that can be recorded no earlier than
        afterwards.
        """
        recorded = (
            None if name == self._spec.collection else self._record_begun(Collection(name, name))
        )
        try:
            collection = self._store.create_collection(name)
            if not self._is_new(collection, recorded):
                raise CollectionExists(
                    f"collection {collection.id} is the one in use, not a new one"
                )
        except CollectionExists:
            if recorded is not None:
                self._manifest.forget_generation(recorded)
            raise
        log.info("building a new collection: %s", collection.name)
        if recorded is None:
            return self._recorded.open_generation(self._record_begun(collection), collection)
        return self._place_in(recorded, collection)

    def _is_new(self, collection: Collection, generation: Generation | None) -> bool:
        """Whether no other generation has this collection, by the id that the store gives it."""
        others = self._recorded.generations(self._spec.collection)
        return all(
            each.collection_id != collection.id
            for each in others
            if generation is None or each.id != generation.id
        )

    def _place_in(self, generation: Generation, collection: Collection) -> StoredMirror:
        """The generation in the collection that the store made for it, recorded as such."""
        known = (generation.collection_id, generation.collection_name)
        if known != (collection.id, collection.name):
            generation = self._manifest.assign_collection(
                generation, collection.id, collection.name
            )
        return self._recorded.open_generation(generation, collection)

    def _record_begun(self, collection: Collection) -> Generation:
        spec = self._spec
        return self._recorded.begin_generation(
            spec.site,
            spec.collection,
            collection,
            "building",
            spec.scope.record(),
            made_by_us=True,
        )

    def _unused_name(self) -> str:
        moment = datetime.now(UTC)
        while self._store.find_collection(
            name := f"{self._spec.collection}-{moment:%Y%m%dT%H%M%SZ}"
        ):
            moment += timedelta(seconds=1)  # what is there must never be filled a second time
        return name

    def _settle_open_chunks(self, new: StoredMirror) -> None:
        doubt = new.record.in_doubt()
        if not doubt:
            return
        answers = self._store.settle_writes(new.collection, [row.stored() for row in doubt])
        unknown = [row for row in doubt if row.id in answers and answers[row.id] is None]
        if unknown:
            raise UndecidedWrites(new, len(unknown))
        new.record.commit((), [row.id for row in doubt if row.id not in answers])
        there = {row.id: ref for row in doubt if (ref := answers.get(row.id)) is not None}
        new.record.confirm(there)

    def _retire_generation(self, generation: Generation, collection: Collection | None) -> None:
        """Forget a generation; its collection goes with it where we made it and the store can."""
        if collection is not None and generation.made_by_us and self._can.drops_collections:
            try:
                if self._recorded.drop_collection(collection, [generation]):
                    log.info("collection %s removed", generation.collection_name)
            except WrongSettings as cannot:
                log.info("%s", cannot)
        self._manifest.forget_generation(generation)

    def finish_rotation(
        self, new: StoredMirror, old: StoredMirror | None, agreed: Sequence[str]
    ) -> tuple[StoredMirror, list[PageRow]]:
        """Check the new collection against the old one and move the pointer; the mirror as it is
        now, and the pages that were given up, whose last good chunks it has.

        ``agreed`` are the pages whose removal has passed evidence and guard.
        """
        held = self._rows_held_in(old, self._failed_rows(new))
        failed = [
            self._count_failure(row, new, held.get(row.id), old) for row in self._failed_rows(new)
        ]
        lasting = [row for row in failed if row.id in held]
        blocking = [row for row in lasting if not row.quarantined and not held[row.id].quarantined]
        if blocking:
            raise Unfinished(
                f"{counted(len(blocking), 'page')} failed (first {blocking[0].id}:"
                f" {blocking[0].reason}), so the new collection {new.collection.name} is not"
                " complete and readers stay on the"
                " old one.",
                hint="Run again: it is continued.",
            )
        for row in lasting:
            assert old is not None
            carry_over(row, held[row.id], old, new)
        self._require_nothing_lost(new, old, agreed)
        recorded, there = new.record.chunk_count(), self._store.count_rows(new.collection)
        if there is not None and there != recorded:
            raise Unfinished(
                f"The new collection {new.collection.name} holds {counted(there, 'chunk')}"
                f" instead of {recorded:,}; readers stay on the old one.",
                hint="Run again.",
            )
        self._manifest.promote(new.generation)
        log.info("the mirror is now collection %s", new.collection.name)
        current = replace(new.generation, state="current")
        return self._recorded.open_generation(current, new.collection), lasting

    def _failed_rows(self, mirror: StoredMirror) -> list[PageRow]:
        rows = (row for rows in mirror.record.all_pages() for row in rows)
        return [row for row in rows if row.version is None or row.reason]

    def _rows_held_in(
        self, old: StoredMirror | None, failed: Sequence[PageRow]
    ) -> dict[str, PageRow]:
        """The rows of these pages in the collection that is read."""
        return old.record.pages([row.id for row in failed]) if old else {}

    def _count_failure(
        self, row: PageRow, new: StoredMirror, held: PageRow | None, old: StoredMirror | None
    ) -> PageRow:
        """A failed page with its failures counted on from night to night: it is recorded where
        readers are, too, since the collection under construction may have to be begun anew, and its
        counts with it."""
        if held is None or old is None:
            return row
        same = held.attempts if held.tried == row.tried else 0
        again = row.attempts > self._attempts.get(row.id, 0)
        row = replace(row, attempts=max(row.attempts, same + again))
        new.record.fail([row])
        told = replace(
            held, attempts=row.attempts, reason=row.reason, tried=row.tried, cause=row.cause
        )
        old.record.fail([told])
        return row

    def _require_nothing_lost(
        self, new: StoredMirror, old: StoredMirror | None, agreed: Sequence[str]
    ) -> None:
        if old is None:
            return
        allowed = set(agreed)
        for rows in old.record.all_pages():
            present = new.record.pages([row.id for row in rows])
            lost = [
                row
                for row in rows
                if row.id not in present and row.id not in allowed and row.version is not None
            ]
            if lost:
                raise Refused(
                    f"The new collection lacks {counted(len(lost), 'page')} of the old one (first"
                    f" {lost[0].id}) without evidence; readers stay on the old one.",
                    hint="Run again.",
                )

    def clean_up(self, current: Generation, keep: int) -> None:
        """Drop collections that we made and no longer need, keeping ``keep`` with the current one.
        Its namesakes go in any case: a reader who goes by the name must find one."""
        kept = 1
        for generation in self._recorded.generations(self._spec.collection):
            if generation.state != "retired" or generation.site != self._spec.site:
                continue
            if generation.collection_name != current.collection_name and kept < keep:
                kept += 1
                continue
            self._retire_generation(
                generation, self._store.find_collection(generation.collection_id)
            )
