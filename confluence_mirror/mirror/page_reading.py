"""Bodies of planned pages and child documents, converted, cut and compared with the manifest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from confluence_mirror.batches import in_batches
from confluence_mirror.errors import IncompleteEvidence, PageFailed
from confluence_mirror.manifest import ChunkRow, PageRow
from confluence_mirror.mirror.documents import Document, Drafts, Names, Recipe
from confluence_mirror.mirror.own_bodies import read_bodies
from confluence_mirror.mirror.page_diff import PageDiff, diff_page
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.workers import Workers
from confluence_mirror.model import CHILD_TYPES, PAGE_TYPES, Body, PageRef

GROUP = 25
"""Pages whose names are resolved and whose rows are read together."""


class Fail(Protocol):
    """What is told of a page that cannot be read or converted."""

    def __call__(self, ref: PageRef, reason: str, row: PageRow | None, *, counts: bool) -> None:
        """``counts``: the failure is known to lie in the page."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A group of pages that a worker is converting."""

    refs: list[PageRef]
    rows: dict[str, PageRow]
    stored: dict[str, list[ChunkRow]]
    documents: Future[list[Document | str]]


class PageReading:
    """Reads what one plan writes."""

    def __init__(
        self,
        mirror: StoredMirror,
        source: Source,
        scope: Scope,
        recipe: Recipe,
        stop: Stop,
        fail: Fail,
        *,
        append_only: bool,
    ) -> None:
        """``append_only`` as in ``Applier``."""
        self._to = mirror
        self._record = mirror.record
        self._source = source
        self._scope = scope
        self._spaces = scope.spaces_by_id()
        self._recipe = recipe
        self._fingerprints = recipe.fingerprints()
        self._stop = stop
        self._fail = fail
        self._append_only = append_only
        self._bodies_came = False

    def read_pages(self, plan: Plan, workers: Workers) -> Iterator[list[PageDiff]]:
        """Groups of pages, converted, cut and compared with the manifest.

        While one group is written, the next ones are read and converted; how many is bounded, so
        memory is, too.
        """
        names = plan.early.names if plan.early else Names(self._source)
        drafts = Drafts(self._source, plan.listing, self._scope, names)
        bodies = chain(
            self._bodies(plan),
            self._source.read_children(plan.listing.scheduled_children()),
        )
        begun: deque[_Begun] = deque()
        for group in in_batches(bodies, GROUP):
            begun.append(self._begin_group(plan, drafts, workers, group))
            if len(begun) > workers.ahead:
                yield self._compare_group(plan, begun.popleft())
        while begun:
            yield self._compare_group(plan, begun.popleft())

    def _bodies(self, plan: Plan) -> Iterator[tuple[str, Body | PageFailed | None]]:
        """Those first that were read while the listing went on."""
        early = plan.early
        if early is not None:
            yield from early.select_planned(plan.listing)
        refs = plan.listing.scheduled_refs()
        yield from read_bodies(
            self._source,
            (ref for ref in refs if early is None or ref.id not in early.taken),
            self._recipe.body_format,
            own=plan.readers is not None,
        )

    def _begin_group(
        self,
        plan: Plan,
        drafts: Drafts,
        workers: Workers,
        group: Sequence[tuple[str, Body | PageFailed | None]],
    ) -> _Begun:
        """Hand a group's bodies to a worker, with what the manifest knows of their pages."""
        ids = [page_id for page_id, _ in group]
        rows = self._record.pages(ids)
        bodies: list[tuple[Body, str]] = []
        self._bodies_came = self._bodies_came or any(isinstance(body, Body) for _, body in group)
        self._look_for(plan, [page_id for page_id, body in group if body is None], rows)
        for page_id, body in group:
            if isinstance(body, PageFailed):
                ref = plan.listing.refs([page_id])[page_id]
                self._fail(ref, body.reason, rows.get(page_id), counts=body.lies_in_page)
            elif body is not None and self._is_wanted(body.ref):
                # What moved away between the listing and the read is left to the next run.
                row = rows.get(page_id)
                bodies.append((body, row.author if row else ""))
        refs = [body.ref for body, _ in bodies]
        stored = self._record.chunks_of([ref.id for ref in refs])
        return _Begun(refs, rows, stored, workers.submit(drafts.of(bodies)))

    def _is_wanted(self, ref: PageRef) -> bool:
        child = ref.type in CHILD_TYPES
        return ref.space_id in self._spaces and (not child or self._scope.wants(ref))

    def _look_for(self, plan: Plan, ids: Sequence[str], rows: Mapping[str, PageRow]) -> None:
        """Pages that were listed as current and came without a body: what has gone meanwhile is
        left to the next run, any other one has failed."""
        refs = plan.listing.refs(ids)
        for page_type in PAGE_TYPES:
            wanted = [ref for ref in refs.values() if ref.type == page_type]
            try:
                found = (
                    self._source.look_up([ref.id for ref in wanted], page_type) if wanted else {}
                )
            except IncompleteEvidence:
                found = {}
            for ref in wanted:
                now = found.get(ref.id)
                if now is None or now.is_current_in(self._spaces):
                    reason = "it is listed as current, but Confluence gives no body for it"
                    self._fail(ref, reason, rows.get(ref.id), counts=self._bodies_came)

    def _compare_group(self, plan: Plan, begun: _Begun) -> list[PageDiff]:
        """A group's diffs; a page that could not be converted is recorded."""
        diffs = []
        # A signal, or a spent budget, does not wait for a page.
        while not wait([begun.documents], timeout=1).done:
            self._stop.check()
        kinds = plan.listing.kinds_among([ref.id for ref in begun.refs])
        for ref, document in zip(begun.refs, begun.documents.result(), strict=True):
            row = begun.rows.get(ref.id)
            if isinstance(document, str):
                why = f"cannot be converted: {document}"
                self._fail(ref, why, row, counts=True)
            else:
                diffs.append(
                    diff_page(
                        document,
                        kinds[ref.id],
                        self._fingerprints[ref.type],
                        row,
                        begun.stored[ref.id],
                        self._to.capabilities,
                        self._recipe,
                        append_only=self._append_only,
                    )
                )
        return diffs
