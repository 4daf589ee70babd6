"""Documents that hang on a page: found in bulk, decided by v2, removed with their page or on
evidence of their own.

The index nominates them, in every run that is not of named pages alone: an edit, a removal or a
resolution leaves its page's version as it is. What is recorded and not nominated, or nominated
otherwise than grown, is asked of v2, whose answers are consistent.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

from confluence_mirror.batches import in_batches, take_until_failure
from confluence_mirror.errors import NOT_ANSWERED, IncompleteEvidence, PermissionRefused, SyncError
from confluence_mirror.manifest import PageRow, Record
from confluence_mirror.mirror import evidence
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.model import ChildType, PageRef, Space, Version
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

MOST_ASKED = 1000
"""Child documents that one run asks v2 for, one by one; the next run goes on. An index that is
being rebuilt leaves out all of them."""
BATCH = 250

Chain = Callable[[], None]


class ChildDiscovery:
    """Lists the child documents of one plan, and says which of the recorded ones are gone."""

    def __init__(
        self,
        source: Source,
        record: Record,
        scope: Scope,
        fingerprints: Mapping[str, str],
        check: Callable[[], None],
    ) -> None:
        """``check``: see ``Discovery``."""
        self._source = source
        self._record = record
        self._scope = scope
        self._fingerprints = fingerprints
        self._check = check

    # -- listing

    def listings(self, plan: Plan, over: threading.Event) -> list[Chain]:
        """A listing for each space and type, to be run side by side until ``over`` is set."""
        return [
            partial(self._list_space, plan, child_type, space, over)
            for child_type in self._scope.child_types()
            for space in self._scope.listed_spaces()
        ]

    def _list_space(
        self, plan: Plan, child_type: ChildType, space: Space, over: threading.Event
    ) -> None:
        self._take(plan, self._source.list_children(child_type, space), over)

    def list_on(self, plan: Plan, page_ids: Sequence[str]) -> None:
        """The child documents of these pages alone, as far as they are listed: what hangs on
        another one goes with it."""
        refs = plan.listing.refs(page_ids)
        for child_type in self._scope.child_types():
            for space in self._scope.spaces:
                ids = [ref.id for ref in refs.values() if ref.space_id == space.id]
                if ids:
                    found = self._source.list_children(child_type, space, ids)
                    self._take(plan, found, threading.Event())

    def _take(self, plan: Plan, found: Iterator[PageRef], over: threading.Event) -> None:
        broken: list[SyncError] = []
        for refs in in_batches(take_until_failure(found, broken), BATCH):
            _add_to(plan, [ref for ref in refs if self._scope.wants(ref)])
            if over.is_set():
                break
        for failure in broken:
            _note_unlisted(plan, failure)

    def pages_to_look_at(self, plan: Plan) -> Iterator[str]:
        """Pages on which a child document differs from what is recorded, for a run that lists no
        pages; some more than once."""
        for refs in plan.listing.every_child():
            rows = self._record.pages([ref.id for ref in refs])
            for ref in refs:
                if ref.parent_id and self._differs(ref, rows.get(ref.id)):
                    yield ref.parent_id
        for recorded in self._record.children():
            listed = plan.listing.children([row.id for row in recorded])
            yield from (row.parent_id for row in recorded if row.parent_id and row.id not in listed)

    def _differs(self, ref: PageRef, row: PageRow | None) -> bool:
        return (
            row is None
            or row.version != ref.version
            or bool(row.reason or row.pending)
            or row.fingerprint != self._fingerprints[ref.type]
        )

    # -- what must leave

    def gather_evidence(self, plan: Plan, leaving: Collection[str]) -> list[str]:
        """The recorded child documents that must leave; ``leaving`` are the pages that do.

        Answers of v2 take the place of what the index said; what is not answered is not compared in
        this run, and stays.
        """
        pages = set(leaving)
        left: list[str] = []
        asked: list[PageRow] = []
        beyond = 0
        for rows in self._record.children():
            self._check()
            verdicts = list(self._judge(plan, rows, pages))
            left += [row.id for row, verdict in verdicts if verdict == "leaves"]
            in_doubt = [row for row, verdict in verdicts if verdict == "doubt"]
            room = MOST_ASKED - len(asked)
            asked += in_doubt[:room]
            beyond += len(in_doubt[room:])
            plan.listing.exclude_pages(row.id for row in in_doubt[room:])
        plan.listing.exclude_pages(left)
        if beyond:
            _note_unlisted(plan, _too_many(beyond))
        return left + self._ask(plan, asked)

    def _judge(
        self, plan: Plan, rows: Sequence[PageRow], leaving: set[str]
    ) -> Iterator[tuple[PageRow, str]]:
        listed = plan.listing.children([row.id for row in rows])
        shown = plan.listing.shown_ids(list(listed))
        parents = list({row.parent_id for row in rows if row.parent_id})
        standing = plan.listing.standing(parents)
        recorded = self._record.pages([each for each in parents if each not in standing])
        for row in rows:
            ref = listed.get(row.id)
            if row.type not in self._scope.child_types() and not plan.partial:
                yield row, "leaves"
            elif ref is not None and ref.id in shown:
                yield row, "stays" if _is_believed(ref, row) else "doubt"
            elif row.parent_id in leaving:
                yield row, "leaves"
            elif row.parent_id in standing:
                # Of a page that is undecided, nothing is decided.
                yield row, ("stays", "leaves", "doubt")[standing[row.parent_id] + 1]
            else:
                # A page that is recorded and not listed: no run of the whole scope, or no evidence.
                orphan = plan.reconcile and row.parent_id not in recorded
                yield row, "doubt" if orphan else "stays"

    def _ask(self, plan: Plan, rows: Sequence[PageRow]) -> list[str]:
        """What v2 says of these; given back are those that leave."""
        if not rows:
            return []
        listed = plan.listing.children([row.id for row in rows])
        plan.listing.exclude_pages(row.id for row in rows)
        try:
            wanted = [listed.get(row.id) or _ref_of_row(row) for row in rows]
            answers = self._source.look_up_children(wanted)
            gone = [row for row in rows if row.id not in answers]
            if gone:
                evidence.require_canary(self._source, plan.listing, self._scope, gone)
        except NOT_ANSWERED as failure:
            _note_unlisted(plan, failure)
            return []
        left = [row.id for row in gone]
        there = []
        for ref in answers.values():
            if not ref.status:
                plan.unknown[ref.id] = "Confluence does not say what became of it"
            elif self._scope.wants(ref):
                there.append(ref)
            else:
                left.append(ref.id)
        return left + self._place(plan, there)

    def _place(self, plan: Plan, refs: Sequence[PageRef]) -> list[str]:
        """Child documents that are there: on a page in scope, or else they leave with it."""
        standing = plan.listing.standing(list({ref.parent_id for ref in refs if ref.parent_id}))
        _add_to(plan, [ref for ref in refs if standing.get(ref.parent_id or "") == 1])
        plan.listing.place_children()
        outside = [ref for ref in refs if standing.get(ref.parent_id or "") != 1]
        pages = [ref.parent_id for ref in outside if ref.parent_id]
        try:
            now = {**self._source.look_up(pages, "page"), **self._source.look_up(pages, "blogpost")}
        except NOT_ANSWERED as failure:
            _note_unlisted(plan, failure)
            return []
        spaces = self._scope.spaces_by_id()
        of_shards = {space.id for space in self._scope.elsewhere}
        left = []
        for ref in outside:
            page = now.get(ref.parent_id or "")
            if page is not None and page.is_current_in(of_shards):
                plan.moved[ref.id] = page.space_id
            elif page is not None and (not page.status or page.is_current_in(spaces)):
                plan.unknown[ref.id] = "its page is not listed, and is there"
            else:
                left.append(ref.id)
        return left


def _add_to(plan: Plan, refs: Sequence[PageRef]) -> None:
    """Child documents, with labels of their own where their type has such."""
    plan.listing.add_children(refs)
    details = {ref.id: json.loads(ref.details) for ref in refs if ref.type == "attachment"}
    plan.listing.add_labels({each: found.get("labels", ()) for each, found in details.items()})


def _is_believed(ref: PageRef, row: PageRow) -> bool:
    """Whether the index's word is enough: it says what is recorded, or that something came to it.
    An index that lags leaves out, and shows what was."""
    before, now = row.version, ref.version
    return (
        before is None
        or before == now
        or (now.number > before.number and now.created_at >= before.created_at)
    )


def _ref_of_row(row: PageRow) -> PageRef:
    """A recorded child document, to ask for."""
    version = row.version or Version(0, "")
    parent = (row.parent_id, row.parent_type)
    return PageRef(row.id, row.type, "", row.space_id, "", *parent, "", "", version, "")


def _too_many(beyond: int) -> IncompleteEvidence:
    what = counted(beyond, "more comment or file", "more comments and files")
    return IncompleteEvidence(
        f"The index leaves out, or shows otherwise than recorded, {what} than the {MOST_ASKED:,}"
        " that"
        " one run asks for by id; nothing of that is removed.",
        hint="Run again: it goes on. The index may be being rebuilt.",
    )


def _note_unlisted(plan: Plan, failure: SyncError) -> None:
    """Pages are not held up by it; but the run does not end well."""
    if isinstance(failure, PermissionRefused) and failure.scope:
        raise failure
    log.warning("what hangs on pages could not be compared to its end: %s", failure)
    plan.unlisted = plan.unlisted or failure
