"""Reading bodies: in batches, several at a time, in bounded memory.

A batch that is too heavy for Confluence, or refused, is halved until the page at fault stands
alone, so that it fails by itself.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from confluence_mirror.confluence.background import read_ahead
from confluence_mirror.confluence.gateway import ATTEMPTS, Gateway, Params
from confluence_mirror.confluence.paging import Row, iter_rows
from confluence_mirror.confluence.records import parse_page_body, row_id
from confluence_mirror.confluence.refusals import AccessRefused, QuestionRefused, Unanswered
from confluence_mirror.confluence.routes import BLOGPOST, BLOGPOSTS, PAGE, PAGES
from confluence_mirror.errors import IncompleteEvidence, PageFailed, SourceUnavailable, SyncError
from confluence_mirror.model import Body, BodyFormat, DocumentType, PageRef

Outcome = tuple[str, Body | PageFailed | None]
_Found = tuple[str, Body | PageFailed | SyncError | None]
"""The same before it is decided whose fault a failed request was."""

BATCH = 100
"""Ids per request: the API allows 250, but nobody is on record as having put so many into one
address."""

_LEAST_BATCH = 10
_HEAVY_BATCH = 8_000_000
_ATTEMPTS_FOR_A_BATCH = 2
_GONE_FOR_GOOD = (405, 410, 501)
"""The route itself is refused, whatever the request."""
_FAILURES_IN_A_ROW = 8
_FAILURES_WITHOUT_A_SUCCESS = 24


class Reader:
    """Reads bodies for one source. One object per call of ``read_bodies``."""

    def __init__(self, gateway: Gateway, body_format: BodyFormat, concurrency: int) -> None:
        self._gateway = gateway
        self._format: BodyFormat = body_format
        self._concurrency = concurrency
        self._batch = BATCH if body_format == "storage" else 1
        self._waiting: dict[DocumentType, list[PageRef]] = {"page": [], "blogpost": []}
        self._lock = threading.Lock()
        self._last_good: dict[DocumentType, PageRef] = {}
        self._failures: Counter[DocumentType] = Counter()

    def read_bodies(self, refs: Iterable[PageRef]) -> Iterator[Outcome]:
        """Bodies, as batches come in. ``refs`` is taken on the caller's thread, a few batches
        ahead."""
        source = iter(refs)
        batches = iter(lambda: self._next_batch(source), [])
        for outcomes in read_ahead(self._read_batch, batches, self._concurrency):
            yield from outcomes

    def _next_batch(self, source: Iterator[PageRef]) -> list[PageRef]:
        """Of one type, so that it is one request: the rarer ones wait until they fill a batch, or
        until the end."""
        for ref in source:
            batch = self._waiting[ref.type]
            batch.append(ref)
            if len(batch) >= self._batch:
                self._waiting[ref.type] = []
                return batch
        page_type: DocumentType = "page" if self._waiting["page"] else "blogpost"
        rest = self._waiting[page_type]
        self._waiting[page_type] = rest[self._batch :]
        return rest[: self._batch]

    def _read_batch(self, batch: Sequence[PageRef]) -> list[Outcome]:
        found = (
            self._read_storage_format(batch)
            if self._format == "storage"
            else [self._read_rendered_format(ref) for ref in batch]
        )
        return [
            (page_id, self._as_page_failure(each) if isinstance(each, SyncError) else each)
            for page_id, each in found
        ]

    def _read_storage_format(self, refs: Sequence[PageRef]) -> list[_Found]:
        """Pages of one type by one request; by two of half the size where that is too heavy."""
        route = PAGES if refs[0].type == "page" else BLOGPOSTS
        ids = [ref.id for ref in refs]
        params: Params = {
            "id": ids,
            "body-format": "storage",
            "status": "current",
            "limit": len(ids),
        }
        attempts = ATTEMPTS if len(refs) == 1 else _ATTEMPTS_FOR_A_BATCH
        try:
            found = {
                row_id(row): row
                for row in iter_rows(self._gateway, route, params, attempts=attempts, shrink=False)
            }
        except (Unanswered, QuestionRefused, AccessRefused, IncompleteEvidence) as failure:
            if not _may_lie_in_a_page(failure):
                raise
            if len(refs) == 1:
                self._note_failure(refs[0], failure)
                return [(refs[0].id, failure)]
            middle = len(refs) // 2
            return self._read_storage_format(refs[:middle]) + self._read_storage_format(
                refs[middle:]
            )
        outcomes: list[_Found] = [
            (ref.id, self._body_in_row(found.get(ref.id), ref)) for ref in refs
        ]
        self._note_success(refs[0].type, outcomes)
        return outcomes

    def _body_in_row(self, row: Row | None, ref: PageRef) -> Body | PageFailed | None:
        if row is None or row.get("status", "current") != "current":
            return None
        body = parse_page_body(row, ref, self._format)
        return PageFailed(body) if isinstance(body, str) else body

    def _read_rendered_format(self, ref: PageRef) -> _Found:
        """One page as Confluence renders it: lists do not give that format."""
        route = PAGE if ref.type == "page" else BLOGPOST
        params = {"body-format": self._format, "status": "current"}
        try:
            row = self._gateway.request_json(route, params, node_id=ref.id).data
        except (Unanswered, QuestionRefused, AccessRefused) as failure:
            if not _may_lie_in_a_page(failure):
                raise
            if isinstance(failure, AccessRefused) and self._is_gone(failure):
                return ref.id, None
            self._note_failure(ref, failure)
            return ref.id, failure
        outcome = ref.id, self._body_in_row(row, ref)
        self._note_success(ref.type, [outcome])
        return outcome

    def _is_gone(self, refusal: AccessRefused) -> bool:
        """A 404 that is not the credential's."""
        return refusal.status == 404 and (refusal.genuine or self._gateway.accepts_credential())

    # --- is it the page, or the site? ---

    def _note_success(self, page_type: DocumentType, outcomes: Sequence[_Found]) -> None:
        bodies = [outcome for _, outcome in outcomes if isinstance(outcome, Body)]
        with self._lock:
            self._failures[page_type] = 0
            if bodies:
                self._last_good[page_type] = bodies[-1].ref
            if sum(len(body.value) for body in bodies) > _HEAVY_BATCH:
                self._batch = max(_LEAST_BATCH, self._batch // 2) if self._batch > 1 else 1

    def _note_failure(self, ref: PageRef, failure: SyncError) -> None:
        """One page failed. Raises where page after page fails because the site or the credential
        does."""
        with self._lock:
            self._failures[ref.type] += 1
            failures, good = self._failures[ref.type], self._last_good.get(ref.type)
        refused = isinstance(failure, AccessRefused | QuestionRefused)
        if isinstance(failure, AccessRefused) and not self._gateway.accepts_credential():
            raise failure
        if failures % _FAILURES_IN_A_ROW == 0:
            if good is not None:
                self._read_again(good)
            elif failures >= _FAILURES_WITHOUT_A_SUCCESS and refused:
                raise failure
            elif failures >= _FAILURES_WITHOUT_A_SUCCESS:
                raise SourceUnavailable(
                    "Confluence returns no page bodies.", hint="Run again later."
                ) from None

    def _as_page_failure(self, failure: SyncError) -> PageFailed:
        """A refusal or a 5xx lies in the page only where other pages could be read; what the
        network did never does."""
        others_read = bool(self._last_good)
        if isinstance(failure, QuestionRefused | AccessRefused):
            too_large = isinstance(failure, QuestionRefused) and failure.too_large
            reason = f"Confluence refuses to return it: {Exception.__str__(failure)}"
            return PageFailed(reason, lies_in_page=too_large or others_read)
        if isinstance(failure, Unanswered):
            lies_in_page = failure.status >= 500 and others_read
            return PageFailed(
                f"Confluence could not return it: {failure.reason}", lies_in_page=lies_in_page
            )
        return PageFailed(str(failure), lies_in_page=False)

    def _read_again(self, good: PageRef) -> None:
        """The circuit: a page that was read before in this run must be readable still."""
        route = PAGES if good.type == "page" else BLOGPOSTS
        self._gateway.request_json(route, {"id": good.id, "body-format": "storage", "limit": 1})


def _may_lie_in_a_page(failure: Exception) -> bool:
    if isinstance(failure, Unanswered):
        return failure.heavy
    if isinstance(failure, AccessRefused):
        return not failure.scope
    return not isinstance(failure, QuestionRefused) or failure.status not in _GONE_FOR_GOOD
