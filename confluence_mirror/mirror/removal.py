"""Pages that have left, out of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from confluence_mirror.batches import in_batches
from confluence_mirror.manifest import ChunkRow
from confluence_mirror.mirror.events import (
    ChunksCounted,
    Emit,
    PagesRemoved,
    PhaseAdvanced,
    PhaseBegan,
    StoreTouched,
)
from confluence_mirror.mirror.page_diff import NeedsRotation
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.planned_tree import PlannedTree
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.stop import Stop

BATCH = 50


class Removal:
    """Removes what a plan has evidence for (``plan.remove``)."""

    def __init__(self, mirror: StoredMirror, emit: Emit, stop: Stop, *, append_only: bool) -> None:
        """``append_only``: chunks stay where the store cannot remove them, and are counted."""
        self._to = mirror
        self._record = mirror.record
        self._emit = emit
        self._stop = stop
        self._append_only = append_only

    def apply(self, plan: Plan) -> None:
        """Remove them. Raises ``NeedsRotation`` before anything is removed where this store
        cannot."""
        if not plan.remove:
            return
        if not self._to.capabilities.deletes and not self._append_only:
            raise NeedsRotation("removals")
        self._emit(PhaseBegan("removing", len(plan.remove)))
        removed = 0
        for ids in in_batches(plan.remove, BATCH):
            with self._stop.batch():
                self._remove_pages(ids, plan.tree)
            removed += len(ids)
            self._emit(PhaseAdvanced(removed))

    def _remove_pages(self, ids: Sequence[str], tree: PlannedTree | None) -> None:
        if tree is not None:
            tree.remove(ids)
        stored = self._record.chunks_of(ids)
        chunks = [row for rows in stored.values() for row in rows]
        if not self._to.capabilities.deletes:
            self._emit(ChunksCounted("not_removable", len(chunks)))
            return
        types = Counter(row.type for row in self._record.pages(ids).values())
        self._emit(StoreTouched())
        self._record.intend_removal(ids)
        leaving = self._not_of_others(chunks)
        self._to.store.remove_chunks(self._to.collection, [row.stored() for row in leaving])
        self._record.commit_removal(ids)
        self._emit(ChunksCounted("removed", len(leaving)))
        for document_type, count in types.items():
            self._emit(PagesRemoved(count, document_type))

    def _not_of_others(self, chunks: Sequence[ChunkRow]) -> Sequence[ChunkRow]:
        """Without those that another shard records as well: a page that moved while both were at
        work is recorded by both for a night, and has one row for each chunk."""
        others = self._to.shards.record_of_others() if self._to.shards else None
        theirs = others.chunks([row.id for row in chunks]) if others else {}
        return [row for row in chunks if row.id not in theirs]
