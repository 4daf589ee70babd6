"""The plan: what the source shows, less what the manifest says was written. Reads only."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence

from confluence_mirror.errors import IncompleteEvidence
from confluence_mirror.manifest import PageRow, Record
from confluence_mirror.mirror import evidence
from confluence_mirror.mirror.compare import PageComparison, tried
from confluence_mirror.mirror.discovery import Discovery
from confluence_mirror.mirror.document_tree import DocumentTree
from confluence_mirror.mirror.documents import Recipe
from confluence_mirror.mirror.early_pages import EarlyPages
from confluence_mirror.mirror.events import ChildPlan
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.page_readers import PageReaders
from confluence_mirror.mirror.plan import Plan, listing_incomplete
from confluence_mirror.mirror.planned_tree import PlannedTree
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.shard_pages import ShardPages
from confluence_mirror.mirror.shards import Shards
from confluence_mirror.mirror.tree_paths import TreePaths
from confluence_mirror.mirror.window import (
    PlanSettings,
    clocks_disagree,
    is_reconcile_due,
    window_hours,
)
from confluence_mirror.model import CHILD_TYPES, PAGE_TYPES, PageRef
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

WITNESSES = 3
"""So many recorded pages are asked for, since any one of them may be gone, too."""


class Planner:
    """Makes one plan. ``plan`` is the entry; the rest are its steps."""

    def __init__(
        self,
        source: Source,
        record: Record,
        scope: Scope,
        settings: PlanSettings,
        recipe: Recipe,
        check: Callable[[], None],
        tell_listed: Callable[[int], None],
        tree: DocumentTree | None = None,
        shards: Shards | None = None,
    ) -> None:
        """``check``, ``tell_listed``: see ``Discovery``; ``tree``: where documents are written;
        ``shards``: where the scope is a part of the mirror's."""
        self._tree = tree
        self._recipe = recipe
        self._shards = ShardPages(shards, record) if shards else None
        self._source = source
        self._record = record
        self._generation = record.generation
        self._scope = scope
        self._spaces = scope.spaces_by_id()
        self._settings = settings
        self._wants_labels = settings.labels or scope.by_label
        self._fingerprints = recipe.fingerprints()
        self._check = check
        self._discovery = Discovery(
            source, record, scope, settings, self._fingerprints, check, tell_listed
        )

    def plan(self) -> Plan:
        """List, narrow, compare, and gather evidence for what is missing. The caller closes
        ``plan.listing``."""
        now = self._source.current_time()
        skew = self._source.clock_skew()
        named = self._settings.only is not None
        reconcile = not named and is_reconcile_due(self._generation, self._settings, now, skew)
        hours = 0 if reconcile or named else window_hours(self._generation, self._settings, now)
        listing = Listing(self._source, deciding=self._scope.deciding_types())
        plan = Plan(listing, reconcile, hours, now, partial=named)
        windows = reconcile and self._settings.reconcile_hours
        if windows and clocks_disagree(self._generation, now, skew):
            listing.notices.add(
                "clocks disagree by minutes: every run compares the whole scope. Set this machine's"
                " clock, by NTP for instance."
            )
        if self._settings.access:
            plan.readers = PageReaders(self._source, plan.listing)
        plan.recorded = self._record.page_count()
        if self._is_first_load(plan):
            plan.early = EarlyPages(
                self._source, self._scope, self._recipe, self._check, own=self._settings.access
            )
        try:
            missing = self._discovery.discover(plan)
            self._gather_evidence(plan, missing)
            if plan.readers is not None:
                plan.readers.assign_keys()
            evidence.check_credential(self._source)
            if self._tree is not None:
                plan.tree = self._plan_tree(plan, self._tree)
            self._compare(plan)
            self._count(plan)
        except BaseException:
            plan.close()
            raise
        return plan

    def _is_first_load(self, plan: Plan) -> bool:
        """Whether every page that the listing shows will be added. Where the scope is less than its
        spaces, only the complete listing tells."""
        if not self._settings.applied or self._scope.narrows:
            return False
        return plan.reconcile and plan.recorded == 0

    # -- what must leave

    def _gather_evidence(self, plan: Plan, missing: Sequence[PageRow]) -> None:
        """Evidence for each removal, then the guard over all of them."""
        if self._shards is not None:
            self._shards.leave_held(plan, plan.listing.refs_in_scope())
        excluded = plan.listing.excluded([row.id for row in missing])
        left = [row.id for row in missing if excluded.get(row.id)]
        outside = set(left)
        unseen = [row for row in missing if row.id not in excluded]
        if plan.stopped is None and unseen:
            try:
                found = self._ask_for(plan, unseen)
                left += found.remove
                plan.moved |= found.moved
                outside.update(found.elsewhere)
            except IncompleteEvidence as error:
                plan.stopped = error
        self._require_own_scope([row for row in missing if row.id in outside])
        plan.listing.place_children()
        if self._shards is not None:
            self._shards.leave_held(plan, plan.listing.children_in_scope())
        children = self._discovery.children.gather_evidence(
            plan, left if plan.stopped is None else ()
        )
        if self._shards is not None:
            left += self._shards.find_doubles(plan)
        if plan.stopped is None:
            # What hangs on a page goes before it: a run that dies in between finds the page again.
            self._guard(plan, [*children, *left], len(outside.intersection(left)))

    def _ask_for(self, plan: Plan, unseen: Sequence[PageRow]) -> evidence.RemovalEvidence:
        """What Confluence says of recorded pages that were not listed."""
        verdict = evidence.gather_evidence(
            self._source,
            plan.listing,
            self._scope,
            unseen,
            hidden_too=plan.reconcile or plan.partial,
            witnesses=self._find_witnesses(plan, unseen),
        )
        held = self._record.chunks_of(list(verdict.unknown))
        for page_id, why in verdict.unknown.items():
            if held[page_id]:
                plan.unknown[page_id] = why
            else:
                verdict.remove.append(page_id)  # the store has nothing of it
        self._race(plan, verdict.races)
        return verdict

    def _guard(self, plan: Plan, left: Sequence[str], outside: int) -> None:
        """Let these removals into the plan, unless they look like an accident. ``outside``: so many
        are current, and not in the scope."""
        remaining = plan.listed if plan.reconcile else plan.recorded - len(left)
        remaining += self._shards.count_others() if self._shards else 0
        plan.stopped = evidence.guard_removals(
            left,
            plan.recorded,
            remaining,
            self._settings.max_delete_ratio,
            self._settings.allow_mass_delete,
            "pages and documents on them" if self._scope.children else "pages",
            outside,
        )
        rows = self._record.pages(left)
        chosen = {page_id: rows[page_id].title for page_id in left if page_id in rows}
        if plan.stopped:
            plan.withheld = chosen
        else:
            plan.remove = chosen

    def _find_witnesses(self, plan: Plan, unseen: Sequence[PageRow]) -> list[PageRef]:
        """Where the listing may have no canary: pages that are readable now."""
        if plan.partial:
            return self._witnesses(self._record, self._spaces)
        others = self._shards.others if self._shards else None
        if others is None or all(row.space_id in self._spaces for row in unseen):
            return []
        return self._witnesses(others, {space.id for space in self._scope.elsewhere})

    def _witnesses(self, record: Record, spaces: Container[str]) -> list[PageRef]:
        """Recorded pages that are not named, and are readable now."""
        named = set(self._settings.only or ())
        ids = [page_id for page_id in next(iter(record.page_ids()), []) if page_id not in named]
        rows = [row for row in record.pages(ids).values() if row.version is not None]
        for page_type in PAGE_TYPES:
            asked = [row.id for row in rows if row.type == page_type][:WITNESSES]
            found = self._source.look_up(asked, page_type) if asked else {}
            if readable := [ref for ref in found.values() if ref.is_current_in(spaces)]:
                return readable
        return []

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
            plan.stopped = listing_incomplete(races)
        if not self._scope.narrows:
            plan.listing.add(races)
            plan.listing.add_labels(self._source.labels_of(races) if self._wants_labels else {})
            plan.listed = plan.listing.count()

    # -- what must be written

    def _plan_tree(self, plan: Plan, tree: DocumentTree) -> PlannedTree:
        whole = plan.reconcile and plan.stopped is None
        paths = TreePaths(plan.listing, self._scope, whole=whole)
        return PlannedTree(tree, paths, self._record)

    def _compare(self, plan: Plan) -> None:
        comparison = PageComparison(
            self._source,
            plan.listing,
            self._scope,
            self._fingerprints,
            full=self._settings.full,
            again=self._settings.again,
            labels=self._wants_labels,
            access=self._settings.access,
        )
        for refs in plan.listing.refs_in_scope():
            self._compare_batch(plan, comparison, refs)
        plan.listing.inherit_labels()
        for refs in plan.listing.children_in_scope():
            self._compare_batch(plan, comparison, refs)
        if comparison.unlabelled:
            pages = counted(comparison.unlabelled, "page")
            log.info("the labels of %s could not be learned", pages)
            plan.listing.notices.add(
                "the labels of some pages could not be learned: they keep what is recorded until a"
                " run learns them"
            )

    def _compare_batch(
        self, plan: Plan, comparison: PageComparison, refs: Sequence[PageRef]
    ) -> None:
        self._check()
        rows = self._record.pages([ref.id for ref in refs])
        current = {ref.id: ref for ref in refs}
        by_kind: dict[str, list[str]] = {}
        kinds = comparison.kinds(refs, rows)
        if plan.tree is not None:
            unchanged = [ref for ref in refs if not kinds[ref.id]]
            kinds |= dict.fromkeys(plan.tree.misplaced(unchanged), "move")
        for page_id, kind in kinds.items():
            if kind == "quarantined" or (
                kind == "retry" and self._costs_a_collection(current[page_id], rows)
            ):
                plan.quarantined.append(rows[page_id])
            elif kind:
                by_kind.setdefault(kind, []).append(page_id)
            elif current[page_id].type in PAGE_TYPES:
                plan.unchanged += 1
        for kind, ids in by_kind.items():
            plan.listing.schedule_pages(kind, ids)

    def _count(self, plan: Plan) -> None:
        """What is to be written, by type; of child documents what becomes of the others, too."""
        kinds, listed = plan.listing.kinds(), plan.listing.count_children()
        plan.kinds = kinds.pop("page")
        removed = Counter(row.type for row in self._record.pages(list(plan.remove)).values())
        given_up = Counter(row.type for row in plan.quarantined)
        for each in CHILD_TYPES:
            if each not in self._scope.child_types() and not removed[each]:
                continue
            work = kinds.get(each, {})
            unchanged = listed.get(each, 0) - sum(work.values()) - given_up[each]
            plan.children[each] = ChildPlan(listed.get(each, 0), unchanged, work, removed[each])

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
            or row.tried != tried(ref, self._fingerprints[ref.type])
        ):
            return False
        stored = self._record.chunks_of([ref.id])[ref.id]
        return self._settings.rebuilds or (bool(stored) and not self._settings.replaces)
