"""Make the store what the plan says. Safe to kill: the next plan finishes it.

Order of each page's write (the manifest has the why): intent → new chunks → stale chunks out → the
page's row. Never delete-then-insert: a page that was answerable stays answerable.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import cast

from confluence_mirror.errors import IncompleteEvidence, PageFailed
from confluence_mirror.manifest import Cause, ChunkRow, Intent, PageRow
from confluence_mirror.mirror.batches import batches
from confluence_mirror.mirror.compare import tried
from confluence_mirror.mirror.documents import Document, Drafts, Recipe, grouped
from confluence_mirror.mirror.events import (
    ChunksCounted,
    Emit,
    PageNotWritten,
    PagesRemoved,
    PageWritten,
    PhaseAdvanced,
    PhaseBegan,
    StoreTouched,
)
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.refusals import Refusals
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.workers import Workers
from confluence_mirror.model import Body, Chunk, PageRef
from confluence_mirror.stores.base import AtomicStore, Replacement, WriteResult

log = logging.getLogger(__name__)

GROUP = 25
"""Pages whose names are resolved and whose rows are read together."""
REMOVE_PAGES = 50


class NeedsRotation(Exception):
    """Something must go, or change, that this store cannot remove or replace."""


@dataclass(slots=True)
class Work:
    """One page's chunk diff."""

    document: Document
    kind: str
    send: list[Chunk]
    """New text, or a copy whose metadata must be written anew."""
    patch: list[Chunk]
    """Stored as they should be, but for metadata that the store can update."""
    stale: list[ChunkRow]
    kept: int
    """Chunks whose text was there already."""
    refs: dict[str, str]
    """Chunk id → the store's own id of the copy that is there."""
    known: frozenset[str]
    """Chunks that were, or may have been, in the store before."""
    written: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    """Chunk id → why the store or the embedder refuses it."""
    by_store: bool = False
    """The store refuses one of them."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A group of pages that a worker is converting."""

    refs: list[PageRef]
    rows: dict[str, PageRow]
    stored: dict[str, list[ChunkRow]]
    documents: Future[list[Document | str]]


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
        *,
        batch_size: int = 100,
        append_only: bool = False,
    ) -> None:
        """``append_only`` (``WRITE_MODE=append``): stale chunks stay, and are counted."""
        self._to = mirror
        self._record = mirror.record
        self._batch_size = batch_size
        self._append_only = append_only
        self._source = source
        self._scope = scope
        self._recipe = recipe
        self._fingerprint = recipe.fingerprint()
        self._emit = emit
        self._stop = stop
        self._done = 0
        self._bodies_came = False
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
        self._remove(plan)
        waiting: list[Work] = []
        self._done = 0
        self._emit(PhaseBegan("writing", plan.work()))
        if plan.work():
            self._recipe.require()
        with closing(Workers(self._recipe, plan.work())) as workers:
            for works in self._read(plan, workers):
                for work in works:
                    waiting.append(work)
                    if (
                        sum(len(each.send) for each in waiting) >= self._batch_size
                        or len(waiting) >= 4 * GROUP
                    ):
                        self._flush(waiting)
                        waiting = []
        self._flush(waiting)
        self._refusals.end()

    # -- reading
    # ----------------------------------------------------------------------------------------------

    def _read(self, plan: Plan, workers: Workers) -> Iterator[list[Work]]:
        """Groups of pages, converted, cut and compared with the manifest.

        While one group is written, the next ones are read and converted; how many is bounded, so
        memory is, too.
        """
        drafts = Drafts(self._source, plan.listing, self._scope)
        bodies = self._source.read(plan.listing.scheduled(), self._recipe.body_format)
        begun: deque[_Begun] = deque()
        for group in batches(bodies, GROUP):
            begun.append(self._begin(plan, drafts, workers, group))
            if len(begun) > workers.ahead:
                yield self._compared(plan, begun.popleft())
        while begun:
            yield self._compared(plan, begun.popleft())

    def _begin(
        self,
        plan: Plan,
        drafts: Drafts,
        workers: Workers,
        group: Sequence[tuple[str, Body | PageFailed | None]],
    ) -> _Begun:
        """Hand a group's bodies to a worker, with what the manifest knows of their pages."""
        ids = [page_id for page_id, _ in group]
        rows = self._record.pages(ids)
        spaces = self._scope.by_id()
        bodies: list[tuple[Body, str]] = []
        self._bodies_came = self._bodies_came or any(isinstance(body, Body) for _, body in group)
        self._look_for(plan, [page_id for page_id, body in group if body is None], rows)
        for page_id, body in group:
            if isinstance(body, PageFailed):
                ref = plan.listing.refs([page_id])[page_id]
                self._fail(ref, body.reason, rows.get(page_id), "page", counts=body.lies_in_page)
            elif body is not None and body.ref.space_id in spaces:
                # A page that moved away between the listing and the read is left to the next run.
                row = rows.get(page_id)
                bodies.append((body, row.author if row else ""))
        refs = [body.ref for body, _ in bodies]
        stored = self._record.chunks_of([ref.id for ref in refs])
        return _Begun(refs, rows, stored, workers.submit(drafts.of(bodies)))

    def _look_for(self, plan: Plan, ids: Sequence[str], rows: Mapping[str, PageRow]) -> None:
        """Pages that were listed as current and came without a body: what has gone meanwhile is
        left to the next run, any other one has failed."""
        refs = plan.listing.refs(ids)
        spaces = self._scope.by_id()
        for page_type in ("page", "blogpost"):
            wanted = [ref for ref in refs.values() if ref.type == page_type]
            try:
                found = self._source.ask([ref.id for ref in wanted], page_type) if wanted else {}
            except IncompleteEvidence:
                found = {}
            for ref in wanted:
                now = found.get(ref.id)
                if now is None or (now.status == "current" and now.space_id in spaces):
                    reason = "it is listed as current, but Confluence gives no body for it"
                    self._fail(ref, reason, rows.get(ref.id), "page", counts=self._bodies_came)

    def _compared(self, plan: Plan, begun: _Begun) -> list[Work]:
        """A group's diffs; a page that could not be converted is recorded."""
        works = []
        while not wait(
            [begun.documents], timeout=1
        ).done:  # a signal, or a spent budget, does not wait for a page
            self._stop.check()
        for ref, document in zip(begun.refs, begun.documents.result(), strict=True):
            if isinstance(document, str):
                self._fail(
                    ref,
                    f"cannot be converted: {document}",
                    begun.rows.get(ref.id),
                    "page",
                    counts=True,
                )
            else:
                works.append(self._diff(document, plan.listing.kind(ref.id), begun.stored[ref.id]))
        return works

    def _diff(self, document: Document, kind: str, stored: list[ChunkRow]) -> Work:
        wanted = {chunk.id: chunk for chunk in document.chunks}
        there = {row.id: row for row in stored if row.state == "there"}
        known = {row.id for row in stored}
        can = self._to.capabilities
        differs = [
            c
            for c in wanted.values()
            if c.id in there and there[c.id].metadata_hash != c.metadata_hash
        ]
        send = [chunk for chunk in wanted.values() if chunk.id not in there]
        patch: list[Chunk] = []
        if can.updates_metadata:
            patch = differs
        elif not self._append_only:
            send += differs
        stale = [row for row in stored if row.id not in wanted]
        copies = any(chunk.id in known for chunk in send)
        if not self._append_only and ((stale and not can.deletes) or (copies and not can.replaces)):
            raise NeedsRotation(document.ref.id)
        refs = {row.id: row.ref for row in stored if row.ref}
        return Work(
            document, kind, send, patch, stale, len(wanted) - len(send), refs, frozenset(known)
        )

    # -- writing
    # ----------------------------------------------------------------------------------------------

    def _flush(self, works: Sequence[Work]) -> None:
        """One batch of pages, all the way: not cut in two by a signal."""
        if not works:
            return
        with self._stop.batch():
            self._emit(StoreTouched())
            self._record.intend([self._intent(work) for work in works])
            atomic = self._to.capabilities.atomic
            last = self._replace(works) if atomic else self._send(works)
            good = [work for work in works if not work.rejected]
            gone = [row for work in good for row in work.stale]
            if gone and self._to.capabilities.deletes:
                if not atomic:
                    self._record.confirm(last)
                    last = {}
                    self._to.store.remove(self._to.collection, [row.stored() for row in gone])
                self._emit(ChunksCounted("removed", len(gone)))
            self._commit(good, gone, last)
            self._undo_all(
                [work for work in works if work.rejected],
                others_taken=any(work.written for work in works),
            )
        self._done += len(works)
        self._emit(PhaseAdvanced(self._done))

    def _intent(self, work: Work) -> Intent:
        sending = {chunk.id: chunk.metadata_hash for chunk in (*work.send, *work.patch)}
        return Intent(work.document.ref, sending, tuple(row.id for row in work.stale))

    def _send(self, works: Sequence[Work]) -> dict[str, str]:
        """New chunks, in batches that may span pages; each is confirmed before the next is sent.

        Given back is what the last batch wrote, to be confirmed together with what comes next.
        """
        of_page = {work.document.ref.id: work for work in works}
        last: dict[str, str] = {}
        for batch in grouped([chunk for work in works for chunk in work.send], self._batch_size):
            self._record.confirm(last)
            replacing = {
                c.id: of_page[c.page_id].refs[c.id]
                for c in batch
                if c.id in of_page[c.page_id].refs
            }
            result = self._to.store.write(self._to.collection, batch, replacing)
            last = dict(result.written)
            self._emit(ChunksCounted("sent", len(result.written)))
            if result.written:
                self._refusals.took()
            for chunk in batch:
                self._note(of_page[chunk.page_id], chunk.id, result)
        for batch in grouped([chunk for work in works for chunk in work.patch], self._batch_size):
            self._record.confirm(last)
            self._to.store.update_metadata(self._to.collection, batch)
            last = {c.id: of_page[c.page_id].refs.get(c.id, "") for c in batch}
            self._emit(ChunksCounted("metadata_updated", len(batch)))
        return last

    def _replace(self, works: Sequence[Work]) -> dict[str, str]:
        """New chunks, new metadata and what is stale in one step for each page; given back is what
        was written."""
        pages = [
            Replacement(work.send, work.patch, [row.stored() for row in work.stale])
            for work in works
        ]
        result = cast(AtomicStore, self._to.store).replace(self._to.collection, pages)
        written = dict(result.written)
        self._emit(ChunksCounted("sent", len(written)))
        if written:
            self._refusals.took()
        for work in works:
            chunks = [*work.send, *work.patch]
            refused = [
                chunk
                for chunk in chunks
                if chunk.id in result.rejected or chunk.id in result.unembedded
            ]
            for chunk in refused or work.send:
                self._note(work, chunk.id, result)
            if not refused:
                written |= {chunk.id: work.refs.get(chunk.id, "") for chunk in work.patch}
                self._emit(ChunksCounted("metadata_updated", len(work.patch)))
        return written

    def _note(self, work: Work, chunk_id: str, result: WriteResult) -> None:
        if chunk_id in result.written:
            work.written[chunk_id] = result.written[chunk_id]
        elif chunk_id in result.rejected:
            work.rejected[chunk_id] = f"the store refuses it: {result.rejected[chunk_id]}"
            work.by_store = True
        elif chunk_id in result.unembedded:
            work.rejected[chunk_id] = f"it is not embedded: {result.unembedded[chunk_id]}"
        else:
            raise AssertionError(f"the store said nothing of chunk {chunk_id}")

    def _commit(
        self, works: Sequence[Work], gone: Sequence[ChunkRow], written: Mapping[str, str]
    ) -> None:
        ids = [row.id for row in gone]
        removed = self._to.capabilities.deletes
        rows = [self._row(work.document) for work in works]
        self._record.commit(rows, ids if removed else (), () if removed else ids, written)
        if not removed:
            self._emit(ChunksCounted("not_removable", len(ids)))
        for work in works:
            touched = bool(work.send or work.patch or work.stale)
            self._emit(PageWritten(work.kind, touched, work.document.way))
            self._emit(ChunksCounted("kept", work.kept))

    def _row(self, document: Document) -> PageRow:
        ref = document.ref
        return PageRow(
            ref.id,
            ref.type,
            ref.space_id,
            ref.parent_id,
            ref.parent_type,
            ref.title,
            document.author,
            document.labels,
            ref.version,
            document.metadata_hash,
            self._fingerprint,
            pending=document.pending,
        )

    def _undo_all(self, refused: Sequence[Work], *, others_taken: bool) -> None:
        """Pages with chunks that are refused: take back their other new ones, keep their last good
        ones.

        ``others_taken``: the store took other chunks of this batch.
        """
        by_store = [_reason(work) for work in refused if work.by_store]
        proved = not by_store or others_taken or self._refusals.lie_in_pages(by_store)
        for work in refused:
            self._undo(work, counts=proved or not work.by_store)

    def _undo(self, work: Work, *, counts: bool) -> None:
        ref = work.document.ref
        new = [
            chunk for chunk in work.send if chunk.id in work.written and chunk.id not in work.known
        ]
        undone: list[str] = []
        if self._to.capabilities.deletes:
            refs = [
                ChunkRow(c.id, ref.id, "there", c.metadata_hash, work.written[c.id]).stored()
                for c in new
            ]
            self._to.store.remove(self._to.collection, refs)
            undone = [chunk.id for chunk in work.send if chunk.id not in work.known]
        row = self._record.pages([ref.id]).get(ref.id)
        cause: Cause = "store" if work.by_store else "embedder"
        self._fail(ref, _reason(work), row, cause, counts=counts, undone=undone)
        self.refused[ref.id] = _reason(work)

    def _fail(
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
        this_try = tried(ref, self._fingerprint)
        before = row.attempts if row and row.tried == this_try else 0
        base = row or PageRow(
            ref.id,
            ref.type,
            ref.space_id,
            ref.parent_id,
            ref.parent_type,
            ref.title,
            "",
            (),
            None,
            "",
            "",
        )
        failed = replace(
            base, attempts=before + int(counts), reason=reason[:500], tried=this_try, cause=cause
        )
        self._record.fail([failed], undone)
        told = PageNotWritten(ref.id, ref.title, reason, failed.attempts, failed.quarantined)
        self.failed[ref.id] = told
        self._emit(told)
        log.warning("page %s %r failed: %s", ref.id, ref.title, reason)

    # -- removing
    # ----------------------------------------------------------------------------------------------

    def _remove(self, plan: Plan) -> None:
        """Pages that have left, each with its evidence (``plan.remove``)."""
        if not plan.remove:
            return
        if not self._to.capabilities.deletes and not self._append_only:
            raise NeedsRotation("removals")
        self._emit(PhaseBegan("removing", len(plan.remove)))
        removed = 0
        for ids in batches(plan.remove, REMOVE_PAGES):
            with self._stop.batch():
                self._remove_pages(ids)
            removed += len(ids)
            self._emit(PhaseAdvanced(removed))

    def _remove_pages(self, ids: Sequence[str]) -> None:
        stored = self._record.chunks_of(ids)
        chunks = [row for rows in stored.values() for row in rows]
        if not self._to.capabilities.deletes:
            self._emit(ChunksCounted("not_removable", len(chunks)))
            return
        self._emit(StoreTouched())
        self._record.intend_removal(ids)
        self._to.store.remove(self._to.collection, [row.stored() for row in chunks])
        self._record.commit_removal(ids)
        self._emit(ChunksCounted("removed", len(chunks)))
        self._emit(PagesRemoved(len(ids)))


def _reason(work: Work) -> str:
    first = next(iter(work.rejected.values()))
    return f"of its chunks {len(work.rejected)} cannot be stored; of the first: {first}"
