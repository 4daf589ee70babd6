"""The plan: what the source shows, less what the manifest says was written. Reads only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from confluence_mirror.errors import (
    NOT_ANSWERED,
    IncompleteEvidence,
    PermissionRefused,
    SyncError,
    WrongSettings,
)
from confluence_mirror.manifest import PageRow, Record
from confluence_mirror.mirror import evidence
from confluence_mirror.mirror.batches import as_far_as_it_goes, batches
from confluence_mirror.mirror.compare import Comparison, tried
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.parallel import run_parallel
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.scope_filter import ScopeFindings, exclude_by_scope
from confluence_mirror.mirror.window import PlanSettings, clocks_disagree, due, window_hours
from confluence_mirror.model import PageRef, Space

log = logging.getLogger(__name__)

MADE_MEANWHILE = timedelta(hours=1)
"""What was made in the last hour may have been made behind the listing's back."""
ASK = 100
WITNESSES = 3
"""So many recorded pages are asked for, since any one of them may be gone, too."""


@dataclass(slots=True)
class Plan:
    """What to do, by page. ``listing`` holds the pages to write, so the plan does not grow with
    them."""

    listing: Listing
    reconcile: bool
    """The whole scope was compared, not only a window."""
    hours: int
    started: datetime
    partial: bool = False
    """Only named pages were looked at: nothing is known of how far the rest was read."""
    listed: int = 0
    unchanged: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    """Pages to write: ``add``, ``change``, ``move``, ``retry``, ``check``."""
    recorded: int = 0
    quarantined: list[PageRow] = field(default_factory=list)
    """Given up until they change: named in every report."""
    unknown: dict[str, str] = field(default_factory=dict)
    """Page id → why nothing is known of a recorded page: it stays, and the run does not end
    well."""
    remove: dict[str, str] = field(default_factory=dict)
    """Page id → title, each with evidence; empty where the guard or lost evidence forbids
    removals."""
    withheld: dict[str, str] = field(default_factory=dict)
    """What the guard refused to remove."""
    stopped: SyncError | None = None
    """Why nothing is removed in this run: the run ends with it after the writes."""

    def work(self) -> int:
        """Pages to write."""
        return sum(self.kinds.values())

    def lost(self) -> SyncError | None:
        """What the run ends with although all was written that could be read; None: nothing."""
        if self.stopped is not None or not self.unknown:
            return self.stopped
        page_id, why = next(iter(self.unknown.items()))
        return IncompleteEvidence(
            f"Of {len(self.unknown)} recorded pages that are not listed nothing is known (page"
            f" {page_id}: {why}), so they stay; other pages are not affected.",
            hint="Look at the page in Confluence; run again.",
        )


class Planner:
    """Makes one plan. ``plan`` is the entry; the rest are its steps."""

    def __init__(
        self,
        source: Source,
        record: Record,
        scope: Scope,
        settings: PlanSettings,
        fingerprint: str,
    ) -> None:
        self._source = source
        self._record = record
        self._generation = record.generation
        self._scope = scope
        self._spaces = scope.by_id()
        self._settings = settings
        self._wants_labels = settings.labels or bool(scope.labels)
        self._fingerprint = fingerprint

    def plan(self) -> Plan:
        """List, narrow, compare, and gather evidence for what is missing. The caller closes
        ``plan.listing``."""
        now = self._source.now()
        skew = self._source.clock_skew()
        named = self._settings.only is not None
        reconcile = not named and due(self._generation, self._settings, now, skew)
        if (
            reconcile
            and self._settings.reconcile_hours
            and clocks_disagree(self._generation, now, skew)
        ):
            log.warning("clocks disagree: comparing the whole scope")
        hours = 0 if reconcile or named else window_hours(self._generation, self._settings, now)
        plan = Plan(Listing(self._source), reconcile, hours, now, partial=named)
        plan.recorded = self._record.page_count()
        try:
            missing = self._discover(plan)
            self._gather_evidence(plan, missing)
            evidence.see_credential(self._source)
            self._compare(plan)
            plan.kinds = plan.listing.kinds()
        except BaseException:
            plan.listing.close()
            raise
        return plan

    # -- what the source shows
    # -----------------------------------------------------------------------------------

    def _discover(self, plan: Plan) -> list[PageRow]:
        """Named pages by their ids; else by the window, where one is enough and the index gives it
        to its end; else by the whole scope."""
        if self._settings.only is not None:
            return self._named(plan, self._settings.only)
        if not plan.reconcile:
            try:
                return self._window(plan)
            except NOT_ANSWERED as broken:
                if isinstance(broken, PermissionRefused) and broken.scope:
                    raise
                log.warning(
                    "the index cannot say what changed: comparing the whole scope (%s)", broken
                )
                plan.listing.close()
                plan.listing, plan.reconcile, plan.hours, plan.stopped = (
                    Listing(self._source),
                    True,
                    0,
                    None,
                )
        return self._whole(plan)

    def _whole(self, plan: Plan) -> list[PageRow]:
        """The v2 listing of every space is the discovery; returned are the recorded pages that it
        does not show."""
        self._list(plan)
        self._compare_with_index(plan)
        if (
            not self._scope.folder_id
        ):  # whether a page lies below a folder is not the index's to say
            plan.listing.learn_folders(self._scope.spaces)
        self._exclude(plan)
        missing: list[PageRow] = []
        for ids in self._record.page_ids():
            missing += self._unseen(plan, ids)
        return missing

    def _list(self, plan: Plan) -> None:
        """Rows and labels of every space. Each listing is a chain of requests, so several go on at
        a time."""
        over = threading.Event()

        def rows(space: Space) -> SyncError | None:
            broken: list[SyncError] = []
            for batch in batches(as_far_as_it_goes(self._source.listing(space), broken), 250):
                plan.listing.add(
                    ref for ref in batch if ref.status == "current" and ref.space_id == space.id
                )
                if over.is_set():
                    break
            for error in broken:
                log.warning("space %s was not listed to its end: %s", space.key, error)
            return broken[0] if broken else None

        def labels(space: Space) -> None:
            broken: list[SyncError] = []
            for labelled in batches(as_far_as_it_goes(self._source.labels(space.key), broken), 250):
                plan.listing.label(dict(labelled))
                if over.is_set():
                    break
            for error in broken:
                if isinstance(error, PermissionRefused) and error.scope:
                    raise error
                log.warning(
                    "the labels of space %s were not listed to their end: %s", space.key, error
                )

        kinds = (rows, labels) if self._wants_labels else (rows,)
        chains = [partial(task, space) for space in self._scope.spaces for task in kinds]
        for incomplete in run_parallel(chains, self._settings.concurrency, over):
            plan.stopped = plan.stopped or incomplete

    def _compare_with_index(self, plan: Plan) -> None:
        """A listing that ended too early leaves out pages that nobody recorded yet; the index,
        which is asked for labels anyway, may name them. It lags, so each is asked for by id, and
        one that was made while the listing ran proves nothing."""
        named = plan.listing.labelled_but_unlisted(ASK)
        recorded = self._record.pages(named)
        unknown = [page_id for page_id in named if page_id not in recorded]
        if not unknown or not self._look(plan, unknown):
            return
        # At this distance ISO 8601 times compare as text, however precise they are.
        long_ago = (plan.started - MADE_MEANWHILE).isoformat()
        left_out = [ref for ref in plan.listing.refs(unknown).values() if ref.created_at < long_ago]
        if left_out:
            plan.stopped = plan.stopped or _incomplete(left_out)

    def _unseen(self, plan: Plan, ids: Sequence[str]) -> Iterable[PageRow]:
        """The recorded among these pages that are not listed."""
        shown = plan.listing.shown(ids)
        return self._record.pages([page_id for page_id in ids if page_id not in shown]).values()

    def _window(self, plan: Plan) -> list[PageRow]:
        """CQL and the pending rows nominate, v2 decides; returned are the nominated, recorded, but
        not shown."""
        keys = [space.key for space in self._scope.spaces]
        seen: set[str] = set()
        missing: list[PageRow] = []
        pending = chain.from_iterable(self._record.pending(self._fingerprint))
        for nominated in (self._source.changed(keys, plan.hours, self._scope.labels), pending):
            for ids in batches((page_id for page_id in nominated if page_id not in seen), ASK):
                seen.update(ids)
                if self._look(plan, ids):
                    missing += self._unseen(plan, ids)
        return self._complete(plan, seen, missing)

    def _named(self, plan: Plan, only: Sequence[str]) -> list[PageRow]:
        """v2 says of each what it is now; returned are the recorded that it does not show, or that
        are no longer in the scope."""
        missing: list[PageRow] = []
        for ids in batches(dict.fromkeys(only), ASK):
            if self._look(plan, ids):
                missing += self._unseen(plan, ids)
        return self._complete(plan, set(only), missing)

    def _complete(self, plan: Plan, seen: set[str], missing: list[PageRow]) -> list[PageRow]:
        """Parents and labels of pages that were asked for by id, and the filters of the scope.
        ``missing`` and the recorded pages that these exclude."""
        # Whether a page lies below a folder is not the index's to say.
        plan.listing.complete_tree(self._scope.spaces, folders=not self._scope.folder_id)
        for refs in plan.listing.in_scope() if self._wants_labels else ():
            plan.listing.label(self._source.labels_of(refs))
        self._exclude(plan)
        missing_ids = {row.id for row in missing}
        for rows in self._record.all_pages() if self._scope.folder_id or self._scope.labels else ():
            left = plan.listing.excluded([row.id for row in rows])
            missing += [
                row
                for row in rows
                if row.id in left and row.id in seen and row.id not in missing_ids
            ]
        return missing

    def _witnesses(self) -> list[PageRef]:
        """Recorded pages that are not named, and are readable now."""
        named = set(self._settings.only or ())
        ids = [
            page_id for page_id in next(iter(self._record.page_ids()), []) if page_id not in named
        ]
        rows = [row for row in self._record.pages(ids).values() if row.version is not None]
        for page_type in ("page", "blogpost"):
            asked = [row.id for row in rows if row.type == page_type][:WITNESSES]
            found = self._source.ask(asked, page_type) if asked else {}
            if readable := [ref for ref in found.values() if self._is_here(ref)]:
                return readable
        return []

    def _is_here(self, ref: PageRef) -> bool:
        return ref.status == "current" and ref.space_id in self._spaces

    def _look(self, plan: Plan, ids: Sequence[str]) -> bool:
        """Rows of nominated ids, whatever their type; False when the question was not answered."""
        try:
            found = dict(self._source.ask(ids, "page"))
            rest = [page_id for page_id in ids if page_id not in found]
            found.update(self._source.ask(rest, "blogpost") if rest else {})
        except IncompleteEvidence as error:
            plan.stopped = plan.stopped or error
            return False
        plan.listing.add(ref for ref in found.values() if self._is_here(ref))
        return True

    def _exclude(self, plan: Plan) -> None:
        recorded = lambda ids: self._record.pages(list(ids))  # noqa: E731
        found = exclude_by_scope(
            self._source, plan.listing, self._scope, recorded, whole=plan.reconcile
        )
        plan.stopped = plan.stopped or found.lost
        plan.listed = plan.listing.count()
        if found.unused_labels and plan.stopped is None:
            self._tell_unused_labels(found)

    def _tell_unused_labels(self, found: ScopeFindings) -> None:
        """A mistyped label mirrors nothing: an error before anything was mirrored, later a
        warning."""
        names = ", ".join(found.unused_labels)
        if self._record.was_ever_finished():
            log.warning(
                "no page bears %s (LABELS): is it spelt right?%s", names, found.suggestion()
            )
            return
        raise WrongSettings(
            f"LABELS names {names}, which no page bears.{found.suggestion()}",
            hint="Correct LABELS, or give a page the label first.",
        )

    # -- what must leave
    # ------------------------------------------------------------------------------------------

    def _gather_evidence(self, plan: Plan, missing: Sequence[PageRow]) -> None:
        """Evidence for each removal, then the guard over all of them."""
        excluded = plan.listing.excluded([row.id for row in missing])
        left = [row.id for row in missing if excluded.get(row.id)]
        outside = set(left)
        unseen = [row for row in missing if row.id not in excluded]
        if plan.stopped is None and unseen:
            try:
                verdict = evidence.gather(
                    self._source,
                    plan.listing,
                    self._scope,
                    unseen,
                    hidden_too=plan.reconcile or plan.partial,
                    witnesses=self._witnesses() if plan.partial else (),
                )
                left += verdict.remove
                outside.update(verdict.elsewhere)
                held = self._record.chunks_of(list(verdict.unknown))
                left += [
                    page_id for page_id, chunks in held.items() if not chunks
                ]  # the store has nothing of it
                plan.unknown = {
                    page_id: why for page_id, why in verdict.unknown.items() if held[page_id]
                }
                self._race(plan, verdict.races)
            except IncompleteEvidence as error:
                plan.stopped = error
        self._require_own_scope([row for row in missing if row.id in outside])
        if plan.stopped is not None:
            return
        titles = {row.id: row.title for row in missing}
        remaining = plan.listed if plan.reconcile else plan.recorded - len(left)
        refused = evidence.guard(
            left,
            plan.recorded,
            remaining,
            self._settings.max_delete_ratio,
            self._settings.allow_mass_delete,
        )
        plan.stopped = refused
        chosen = {page_id: titles[page_id] for page_id in left}
        if refused:
            plan.withheld = chosen
        else:
            plan.remove = chosen

    def _require_own_scope(self, outside: Sequence[PageRow]) -> None:
        unplaced = [row.id for row in outside if not row.placed]
        if unplaced and not self._settings.scope_meant:
            evidence.guard_scope(
                unplaced,
                self._record.unplaced_count(),
                self._settings.max_delete_ratio,
            )

    def _race(self, plan: Plan, races: Sequence[PageRef]) -> None:
        """Pages that a listing left out although they are current count as listed; where filters
        apply, the next run sees them. What else it left out nobody knows: it was not complete."""
        if races and plan.reconcile:
            plan.stopped = _incomplete(races)
        if not (self._scope.folder_id or self._scope.labels):
            plan.listing.add(races)
            plan.listing.label(self._source.labels_of(races) if self._wants_labels else {})
            plan.listed = plan.listing.count()

    # -- what must be written
    # -------------------------------------------------------------------------------------

    def _compare(self, plan: Plan) -> None:
        comparison = Comparison(
            self._source,
            plan.listing,
            self._scope,
            self._fingerprint,
            full=self._settings.full,
            again=self._settings.again,
            labels=self._wants_labels,
        )
        for refs in plan.listing.in_scope():
            rows = self._record.pages([ref.id for ref in refs])
            current = {ref.id: ref for ref in refs}
            by_kind: dict[str, list[str]] = {}
            for page_id, kind in comparison.kinds(refs, rows).items():
                if kind == "quarantined" or (
                    kind == "retry" and self._costs_a_collection(current[page_id], rows)
                ):
                    plan.quarantined.append(rows[page_id])
                elif kind:
                    by_kind.setdefault(kind, []).append(page_id)
                else:
                    plan.unchanged += 1
            for kind, ids in by_kind.items():
                plan.listing.schedule(kind, ids)
        if comparison.unlabelled:
            log.warning(
                "the labels of %d pages could not be learned in this run: they keep what is"
                " recorded until the next",
                comparison.unlabelled,
            )

    def _costs_a_collection(self, ref: PageRef, rows: Mapping[str, PageRow]) -> bool:
        """A page that was given up and has not changed: it alone is no reason to build a new
        collection each night.

        It is tried again in the next one that is built for another reason.
        """
        row = rows.get(ref.id)
        if (
            row is None
            or self._settings.again
            or not row.quarantined
            or row.tried != tried(ref, self._fingerprint)
        ):
            return False
        stored = self._record.chunks_of([ref.id])[ref.id]
        return self._settings.rebuilds or (bool(stored) and not self._settings.replaces)


def _incomplete(left_out: Sequence[PageRef]) -> IncompleteEvidence:
    first = left_out[0]
    return IncompleteEvidence(
        f"The listing left out {len(left_out)} pages that Confluence shows by id (first"
        f" {first.id} {first.title!r}), so it was not complete; no page was removed.",
        hint="Run again. If it stays so, Confluence's listing is broken: tell Atlassian.",
    )
