"""Make the store what the plan says. Safe to kill: the next plan finishes it.

Order of each page's write (the manifest has the why): intent → new chunks → stale chunks out → the
page's row. Never delete-then-insert: a page that was answerable stays answerable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import cast

from confluence_mirror.batches import in_batches
from confluence_mirror.errors import SyncError
from confluence_mirror.manifest import Cause, ChunkRow, PageRow, TextRow
from confluence_mirror.mirror.compare import page_url
from confluence_mirror.mirror.cost import Pace
from confluence_mirror.mirror.documents import Recipe, text_rows
from confluence_mirror.mirror.embedding_stage import EmbeddingStage
from confluence_mirror.mirror.events import (
    ChunksCounted,
    Emit,
    FileUnreadable,
    PageNotWritten,
    PageWritten,
    PhaseAdvanced,
    PhaseBegan,
    StoreTouched,
)
from confluence_mirror.mirror.page_diff import (
    PageDiff,
    failed_row,
    written_row,
)
from confluence_mirror.mirror.page_reading import GROUP, PageReading
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.planned_tree import PlannedTree
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.refusals import Refusals
from confluence_mirror.mirror.removal import Removal
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.workers import Workers
from confluence_mirror.model import PageRef
from confluence_mirror.stores.base import AtomicStore, Replacement

log = logging.getLogger(__name__)

REMOVE_PAGES = 50


class Applier:
    """Applies one plan to one mirror."""

    def __init__(
        self,
        mirror: StoredMirror,
        source: Source,
        scope: Scope,
        recipe: Recipe,
        emit: Emit,
        stop: Stop,
        pace: Pace,
        *,
        batch_size: int = 100,
        append_only: bool = False,
    ) -> None:
        """``pace`` counts what is written. ``append_only`` (``WRITE_MODE=append``): stale chunks
        stay, and are counted."""
        self._to = mirror
        self._record = mirror.record
        self._batch_size = batch_size
        self._append_only = append_only
        self._source = source
        self._scope = scope
        self._recipe = recipe
        self._fingerprints = recipe.fingerprints()
        self._emit = emit
        self._stop = stop
        self._pace = pace
        self._done = 0
        self._tree: PlannedTree | None = None
        self._refusals = Refusals(mirror)
        self.failed: dict[str, PageNotWritten] = {}
        """Pages that failed in this run, by id."""
        self.refused: dict[str, str] = {}
        """Page id → why, for each that the store or the embedder refused in this run."""

    def apply(self, plan: Plan) -> None:
        """Remove, then write: what has left must not go on answering because something else cannot
        be written.

        Raises ``NeedsRotation`` before anything is written that would need it.
        """
        with self._pace.timed():
            self._apply(plan)
        self._emit(PhaseBegan("finishing"))

    def _apply(self, plan: Plan) -> None:
        Removal(self._to, self._emit, self._stop, append_only=self._append_only).apply(plan)
        waiting: list[PageDiff] = []
        self._done = 0
        self._tree = plan.tree
        self._emit(PhaseBegan("writing", plan.work()))
        if plan.work():
            self._recipe.require()
        reading = PageReading(
            self._to,
            self._source,
            self._scope,
            self._recipe,
            self._stop,
            self._note_unreadable,
            append_only=self._append_only,
        )
        early = plan.early.finish() if plan.early else None
        broken: list[SyncError] = []
        with (
            closing(early or Workers(self._recipe, plan.work())) as workers,
            closing(EmbeddingStage(self._to, self._stop, broken)) as stage,
        ):
            for diffs in stage.embed_pages(reading.read_pages(plan, workers)):
                for diff in diffs:
                    if diff.rejected:
                        self._give_up_page(diff)
                        continue
                    waiting.append(diff)
                    if (
                        sum(len(each.send) for each in waiting) >= self._batch_size
                        or len(waiting) >= 4 * GROUP
                    ):
                        self._flush_batch(waiting)
                        waiting = []
        self._flush_batch(waiting)
        if broken:
            raise broken[0]
        self._refusals.end()
        if plan.tree is not None:
            for ref, failure in plan.tree.write_files(plan.listing, self._source, self._stop.check):
                row = self._record.pages([ref.id]).get(ref.id)
                why, counts = failure.reason, failure.lies_in_page
                self._record_failure(ref, why, row, "page", counts=counts)

    # -- writing

    def _flush_batch(self, diffs: Sequence[PageDiff]) -> None:
        """One batch of pages, all the way: not cut in two by a signal."""
        if not diffs:
            return
        with self._stop.batch():
            self._emit(StoreTouched())
            self._record.intend([diff.intent() for diff in diffs])
            atomic = self._to.capabilities.atomic
            last = self._replace_pages(diffs) if atomic else self._send_chunks(diffs)
            good = [diff for diff in diffs if not diff.rejected]
            gone = [row for diff in good for row in diff.stale]
            if gone and self._to.capabilities.deletes:
                if not atomic:
                    self._record.confirm(last)
                    last = {}
                    leaving = [row.stored() for row in gone]
                    self._to.store.remove_chunks(self._to.collection, leaving)
                self._emit(ChunksCounted("removed", len(gone)))
            if self._tree is not None:
                self._record.confirm(last)
                good, last = self._write_documents(self._tree, good), {}
            self._commit_pages(good, gone, last)
            self._undo_all(
                [diff for diff in diffs if diff.rejected],
                others_taken=any(diff.written for diff in diffs),
            )
        self._pace.note_batch(diffs)
        self._advance(len(diffs))

    def _advance(self, pages: int) -> None:
        self._done += pages
        self._emit(PhaseAdvanced(self._done))

    def _send_chunks(self, diffs: Sequence[PageDiff]) -> dict[str, str]:
        """New chunks, in batches that may span pages; each is confirmed before the next is sent.

        Given back is what the last batch wrote, to be confirmed together with what comes next.
        """
        of_page = {diff.document.ref.id: diff for diff in diffs}
        last: dict[str, str] = {}
        for batch in in_batches([chunk for diff in diffs for chunk in diff.send], self._batch_size):
            self._record.confirm(last)
            replacing = {
                c.id: of_page[c.page_id].refs[c.id]
                for c in batch
                if c.id in of_page[c.page_id].refs
            }
            result = self._to.store.write_chunks(self._to.collection, batch, replacing)
            last = dict(result.written)
            self._emit(ChunksCounted("sent", len(result.written)))
            if result.written:
                self._refusals.took()
            for chunk in batch:
                of_page[chunk.page_id].note_result(chunk.id, result)
        patched = [chunk for diff in diffs for chunk in diff.patch]
        for batch in in_batches(patched, self._batch_size):
            self._record.confirm(last)
            self._to.store.update_metadata(self._to.collection, batch)
            last = {c.id: of_page[c.page_id].refs.get(c.id, "") for c in batch}
            self._emit(ChunksCounted("metadata_updated", len(batch)))
        return last

    def _replace_pages(self, diffs: Sequence[PageDiff]) -> dict[str, str]:
        """New chunks, new metadata and what is stale in one step for each page; given back is what
        was written."""
        pages = [
            Replacement(diff.send, diff.patch, [row.stored() for row in diff.stale])
            for diff in diffs
        ]
        result = cast(AtomicStore, self._to.store).replace_pages(self._to.collection, pages)
        written = dict(result.written)
        self._emit(ChunksCounted("sent", len(written)))
        if written:
            self._refusals.took()
        for diff in diffs:
            chunks = [*diff.send, *diff.patch]
            refused = [chunk for chunk in chunks if chunk.id in result.rejected]
            for chunk in refused or diff.send:
                diff.note_result(chunk.id, result)
            if not refused:
                written |= {chunk.id: diff.refs.get(chunk.id, "") for chunk in diff.patch}
                self._emit(ChunksCounted("metadata_updated", len(diff.patch)))
        return written

    def _write_documents(self, tree: PlannedTree, diffs: Sequence[PageDiff]) -> list[PageDiff]:
        """Whole pages into the tree; those that could be written. In time for the rows that vouch
        for them, and after the chunks: what those are refused for is no document either."""
        failed = tree.write([diff.document for diff in diffs])
        for diff in diffs:
            ref = diff.document.ref
            if ref.id in failed:
                row = self._record.pages([ref.id]).get(ref.id)
                self._record_failure(ref, failed[ref.id], row, "page", counts=True)
        return [diff for diff in diffs if diff.document.ref.id not in failed]

    def _commit_pages(
        self, diffs: Sequence[PageDiff], gone: Sequence[ChunkRow], written: Mapping[str, str]
    ) -> None:
        ids = [row.id for row in gone]
        removed = self._to.capabilities.deletes
        rows = [written_row(diff.document, diff.fingerprint) for diff in diffs]
        texts = self._texts_of(diffs) if self._recipe.text_index else None
        self._record.commit(rows, ids if removed else (), () if removed else ids, written, texts)
        if not removed:
            self._emit(ChunksCounted("not_removable", len(ids)))
        for diff in diffs:
            touched = bool(diff.send or diff.patch or diff.stale)
            self._emit(PageWritten(diff.kind, touched, diff.document.way, diff.document.ref.type))
            if diff.document.unreadable:
                ref, reason = diff.document.ref, diff.document.unreadable
                self._emit(FileUnreadable(ref.id, ref.parent_id or "", ref.title, reason))
            self._emit(ChunksCounted("kept", diff.kept))

    def _texts_of(self, diffs: Sequence[PageDiff]) -> list[TextRow]:
        spaces = self._scope.spaces_by_id()
        rows: list[TextRow] = []
        for diff in diffs:
            ref = diff.document.ref
            rows += text_rows(diff.document, spaces[ref.space_id], page_url(self._source, ref))
        return rows

    def _undo_all(self, refused: Sequence[PageDiff], *, others_taken: bool) -> None:
        """Pages with chunks that are refused: take back their other new ones, keep their last good
        ones.

        ``others_taken``: the store took other chunks of this batch.
        """
        if not refused:
            return
        reasons = [diff.refusal() for diff in refused]
        proved = others_taken or self._refusals.lie_in_pages(reasons)
        for diff in refused:
            self._undo_page(diff, counts=proved)

    def _undo_page(self, diff: PageDiff, *, counts: bool) -> None:
        ref = diff.document.ref
        new = [
            chunk for chunk in diff.send if chunk.id in diff.written and chunk.id not in diff.known
        ]
        undone: list[str] = []
        if self._to.capabilities.deletes:
            refs = [
                ChunkRow(c.id, ref.id, "there", c.metadata_hash, diff.written[c.id]).stored()
                for c in new
            ]
            self._to.store.remove_chunks(self._to.collection, refs)
            undone = [chunk.id for chunk in diff.send if chunk.id not in diff.known]
        self._refuse_page(diff, "store", counts=counts, undone=undone)

    def _give_up_page(self, diff: PageDiff) -> None:
        """A page with a chunk that is not embedded: nothing of it is sent."""
        self._refuse_page(diff, "embedder", counts=True)
        self._advance(1)

    def _refuse_page(
        self, diff: PageDiff, cause: Cause, *, counts: bool, undone: Sequence[str] = ()
    ) -> None:
        ref, why = diff.document.ref, diff.refusal()
        row = self._record.pages([ref.id]).get(ref.id)
        self._record_failure(ref, why, row, cause, counts=counts, undone=undone)
        self.refused[ref.id] = why

    def _note_unreadable(
        self, ref: PageRef, reason: str, row: PageRow | None, *, counts: bool
    ) -> None:
        self._record_failure(ref, reason, row, "page", counts=counts)

    def _record_failure(
        self,
        ref: PageRef,
        reason: str,
        row: PageRow | None,
        cause: Cause,
        *,
        counts: bool,
        undone: Sequence[str] = (),
    ) -> None:
        """Record a failure; the page keeps its last good chunks and is tried again in the next run.

        ``counts``: towards giving it up, since it is known to lie in the page.
        """
        fingerprint = self._fingerprints[ref.type]
        failed = failed_row(ref, row, reason, cause, fingerprint, counts=counts)
        self._record.fail([failed], undone)
        told = PageNotWritten(
            ref.id, ref.title, reason, failed.attempts, failed.quarantined, ref.type
        )
        self.failed[ref.id] = told
        self._emit(told)
        log.warning("page %s %r failed: %s", ref.id, ref.title, reason)
