"""One run, from the lock to the watermark."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import replace

from confluence_mirror.manifest import PageRow, Record
from confluence_mirror.mirror import ending
from confluence_mirror.mirror.apply import Applier
from confluence_mirror.mirror.cost import Pace, estimate_cost, remember_pace
from confluence_mirror.mirror.document_tree import DocumentTree
from confluence_mirror.mirror.documents import Recipe
from confluence_mirror.mirror.events import (
    CollectionChosen,
    Emit,
    PageNotWritten,
    PagesListed,
    PhaseBegan,
    PlanMade,
    RotationBegan,
    RotationFinished,
    WatermarkMoved,
)
from confluence_mirror.mirror.learning import learned_limits
from confluence_mirror.mirror.notices import Notices, count_left_files
from confluence_mirror.mirror.opening import Opening, prepare_index
from confluence_mirror.mirror.ownership import (
    STAYS_FOR_EVER,
    OpenedMirror,
    ResolvedSpec,
    log_write_mode,
    open_mirror,
)
from confluence_mirror.mirror.page_diff import NeedsRotation, tell_failed_row
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.planned_pages import emit_plan, log_other_form, log_plan
from confluence_mirror.mirror.planner import Planner
from confluence_mirror.mirror.pointer import write_pointer
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.purge import purge_all
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.mirror.rehearsal import Rehearsal
from confluence_mirror.mirror.resharding import all_shards_alone, require_shards
from confluence_mirror.mirror.rotate import Rotation
from confluence_mirror.mirror.shard_pages import record_plan
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.tree_opening import (
    check_documents,
    open_tree,
    refresh_tree,
    tell_place,
    tree_drift,
)
from confluence_mirror.mirror.verify import Drift, find_drift, require_listing
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.stores.base import Capabilities, Collection, Store

log = logging.getLogger(__name__)


class Run:
    """Wires one source and one store together for one run."""

    def __init__(
        self, job: MirrorSpec, source: Source, store: Store, emit: Emit, stop: Stop
    ) -> None:
        self._job = job
        self._source = source
        self._store = store
        self._emit = emit
        self._stop = stop
        self._notices = Notices(job.notices)
        self._opening = Opening(source, store, emit, stop, self._notices)
        self._listed = 0
        """Pages in scope, by the last plan."""
        self._held: list[str] = []
        """Pages that another shard has not let go of."""
        self._failed: dict[str, PageNotWritten] = {}
        """Pages that failed, and those that stay quarantined, by id."""
        self._pace = Pace()
        self._tree: DocumentTree | None = None
        self._refused: dict[str, str] = {}
        """Page id → why, for each that the store or the embedder refused."""

    # -- the job

    def sync(self) -> None:
        """Plan and apply. Returns when the mirror is whole; raises the error that the run ends with
        otherwise."""
        check_documents(self._job, writes=True)
        with self._alone_with_store() as recorded:
            log_write_mode(self._job.write_mode, recorded.capabilities)
            found = self._locked(recorded)
        self._raise_for_failures(found.outside)

    @contextmanager
    def _alone_with_store(self) -> Iterator[RecordedStore]:
        """The store and its manifest, under the mirror's lock, for a run that writes."""
        opened = self._opening.recorded_store(self._job)
        with closing(self._notices), opened as recorded, self._alone(recorded):
            require_shards(recorded, self._job)
            yield self._opening.learn_capabilities(recorded, tries=True)

    def _locked(self, recorded: RecordedStore) -> OpenedMirror:
        self._notices.tell(STAYS_FOR_EVER if self._job.write_mode == "append" else "")
        self._notices.remember(recorded, self._job)
        spec = self._opening.resolve_spec(self._job, recorded, writes=True)
        self._tree = open_tree(self._job, recorded, self._emit)
        with learned_limits(recorded.manifest, self._job.learners):
            found = open_mirror(recorded, spec)
            self._notices.tell(self._job.recipe.advice)
            tell_place(self._job, recorded)
            count_left_files(recorded, self._source, spec.scope, self._job.collection, self._emit)
            self._bring_up_to_date(recorded, spec, found)
            remember_pace(recorded, self._job, self._pace)
        return found

    def _bring_up_to_date(
        self, recorded: RecordedStore, spec: ResolvedSpec, found: OpenedMirror
    ) -> None:
        mirror, plan = found.mirror, None
        if mirror is not None:
            self._point(mirror.collection)
            prepare_index(mirror, self._recipe(mirror.record, mirror.capabilities))
            refresh_tree(self._tree, mirror, spec)
        if self._job.plan.only is not None:
            self._bring_named_up_to_date(spec, found)
            return
        if mirror is not None:
            if not found.must_rotate:
                plan = self._plan(mirror, spec, self._job.plan)
                if self._fits_in_place(mirror, plan):
                    try:
                        self._apply(mirror, plan, spec)
                        self._bring_held(mirror, spec, plan)
                        self._finish(mirror.record, plan)
                        return
                    except NeedsRotation:
                        log.info("something must go that this store cannot remove: rotating")
                        plan = None
            if plan is None or not plan.reconcile:
                plan = self._plan(mirror, spec, replace(self._job.plan, full=True))
            plan.close()
        self._rotate(recorded, spec, mirror, plan)

    def _bring_named_up_to_date(self, spec: ResolvedSpec, found: OpenedMirror) -> None:
        """The named pages alone. Raises ``Unfinished`` where that takes a new collection: one is
        filled with all pages or with none."""
        if found.mirror is not None and not found.must_rotate:
            plan = self._plan(found.mirror, spec, self._job.plan)
            with closing(plan):
                if self._fits_in_place(found.mirror, plan):
                    with suppress(NeedsRotation):
                        self._apply(found.mirror, plan, spec)
                        self._finish(found.mirror.record, plan)
                        return
        raise ending.named_need_collection()

    def _bring_held(self, mirror: StoredMirror, spec: ResolvedSpec, plan: Plan) -> None:
        """Pages that moved here from another shard, as soon as that lets go of them."""
        if mirror.shards is None or not plan.held:
            return
        self._held = mirror.shards.take_held(mirror.record, plan.held, self._job.lock_wait_s)
        if taken := tuple(page for page in plan.held if page not in self._held):
            also = self._plan(mirror, spec, replace(self._job.plan, only=taken))
            self._apply(mirror, also, spec, again=True)
            self._finish(mirror.record, also)

    def _fits_in_place(self, mirror: StoredMirror, plan: Plan) -> bool:
        """Whether this plan is applied to the collection that is there. ``WRITE_MODE=rotate``
        builds another as soon as something changed, unless there is nothing yet that anybody
        reads."""
        if self._job.write_mode != "rotate" or not (plan.work() or plan.remove):
            return True
        return plan.recorded == 0 and not self._store.holds_data(mirror.collection)

    def _fill(self, mirror: StoredMirror, spec: ResolvedSpec) -> Plan:
        """Plan for the whole scope, and apply it."""
        prepare_index(mirror, self._recipe(mirror.record, mirror.capabilities))
        plan = self._plan(mirror, spec, replace(self._job.plan, full=True))
        self._apply(mirror, plan, spec)
        return plan

    def _apply(
        self, mirror: StoredMirror, plan: Plan, spec: ResolvedSpec, *, again: bool = False
    ) -> None:
        """Apply a plan to its mirror, and close its listing; ``again``: a part of one before."""
        try:
            if not again:
                self._note(plan)
            recipe = self._recipe(mirror.record, mirror.capabilities)
            applier = Applier(
                mirror,
                self._source,
                spec.scope,
                recipe,
                self._emit,
                self._stop,
                self._pace,
                batch_size=self._job.batch_size,
                append_only=self._job.write_mode == "append" and not mirror.capabilities.deletes,
            )
            try:
                applier.apply(plan)
            finally:
                self._failed |= applier.failed
                self._refused |= applier.refused
            if plan.stopped is None:
                self._store.finish_writing(mirror.collection)
        finally:
            plan.close()

    def _rotate(
        self,
        recorded: RecordedStore,
        spec: ResolvedSpec,
        old: StoredMirror | None,
        before: Plan | None,
    ) -> None:
        if before is not None and before.stopped is not None:
            raise before.stopped
        rotation = Rotation(recorded, spec)
        self._emit(RotationBegan())
        new, plan = rotation.build_collection(lambda mirror: self._fill(mirror, spec))
        if plan.stopped is not None:
            raise plan.stopped
        agreed = list(before.remove) if before else []
        current, given_up = rotation.finish_rotation(new, old, agreed)
        for row in given_up:
            self._tell_failed(row)
        if before is not None:
            pages = len(before.remove) - sum(each.removed for each in before.children.values())
            self._emit(RotationFinished(before.listed, before.kinds, pages, before.children))
        self._point(current.collection)
        self._finish(current.record, plan)
        rotation.clean_up(current.generation, self._job.keep_collections)

    def _tell_failed(self, row: PageRow) -> None:
        self._failed[row.id] = told = tell_failed_row(row)
        self._emit(told)

    def _point(self, collection: Collection) -> None:
        """Say which collection to read, also in the pointer file."""
        self._emit(CollectionChosen(collection.name, collection.id))
        write_pointer(self._job.state_dir, collection)

    def _finish(self, record: Record, plan: Plan) -> None:
        """The watermark moves when everything in the window was applied or recorded for retry."""
        if self._tree is not None:
            self._tree.remove_left(record.generation)
        self._emit(ending.unreadable_files(record))
        whole = plan.stopped is None
        self._notices.tell(*plan.listing.notices)
        if whole and plan.reconcile:
            self._notices.forget_settled()
        if (whole or plan.withheld) and not plan.partial:
            record.finish(plan.started, reconciled=plan.reconcile and whole)
            self._emit(WatermarkMoved(plan.started))
        if (lost := plan.lost()) is not None:
            raise lost

    def _raise_for_failures(self, outside: frozenset[str]) -> None:
        ending.require_few_refused(self._refused, self._listed, self._job.plan.max_delete_ratio)
        ending.require_all_written(self._failed.values(), strict=self._job.strict)
        ending.require_none_held(self._held)
        if outside:
            raise ending.shared_collection(outside)

    # -- looking only

    def dry_run(self) -> None:
        """Tell the plan, without writing anything anywhere."""
        with ExitStack() as stack:
            recorded = stack.enter_context(self._opening.recorded_store(self._job, read_only=True))
            require_shards(recorded, self._job)
            self._notices.remember(recorded, self._job)
            spec = self._opening.resolve_spec(self._job, recorded, writes=False)
            recorded = self._opening.learn_capabilities(recorded, tries=False)
            self._tree = open_tree(self._job, recorded, self._emit)
            rehearsal = Rehearsal(stack, recorded, spec, self._emit)
            record = rehearsal.open()
            plan = self._plan_for(record, recorded, spec, self._job.plan)
            with closing(plan):
                self._note(plan)
                emit_plan(plan, self._emit)
                self._emit(estimate_cost(plan, record, recorded, self._job))
        if (lost := plan.lost()) is not None:
            raise lost
        if rehearsal.outside:
            raise ending.shared_collection(rehearsal.outside)

    def verify(self) -> Drift:
        """Read the store back and compare it with the manifest."""
        check_documents(self._job, writes=False)
        with self._opening.recorded_store(self._job, read_only=True) as recorded:
            recorded = self._opening.learn_capabilities(recorded, tries=False)
            mirror = self._opening.recorded_mirror(self._job, recorded)
            found = self._find_drift(mirror, recorded)
            if self._job.plan.access:
                found.readers = self._find_other_readers(mirror, recorded)
            return found

    def _find_other_readers(self, mirror: StoredMirror, recorded: RecordedStore) -> list[str]:
        """Pages whose recorded readers are not those that Confluence has now."""
        spec = self._opening.resolve_spec(self._job, recorded, writes=False)
        plan = self._plan_for(mirror.record, recorded, spec, self._job.plan)
        with closing(plan):
            return plan.readers.differing(mirror.record) if plan.readers else []

    # -- repairing and leaving

    def repair(self) -> Drift:
        """Compare the whole store, texts included, run a sync that repairs what differs, and verify
        the outcome."""
        self._job = replace(
            self._job, deep=True, plan=replace(self._job.plan, reconcile_hours=0, again=True)
        )
        check_documents(self._job, writes=True)
        with self._alone_with_store() as recorded:
            require_listing(self._store, recorded.capabilities)
            done = self._locked(recorded)
            mirror = self._opening.recorded_mirror(self._job, recorded)
            found = self._find_drift(mirror, recorded)
        self._raise_for_failures(done.outside)
        return found

    def purge(self, confirm: Callable[[str, int], None] = lambda *_: None) -> None:
        """Remove all that is ours from the store and the tree, and forget it. ``confirm`` is called
        before, with the collection's name and its recorded chunks."""
        check_documents(self._job, writes=True)
        with self._opening.recorded_store(self._job) as recorded, self._alone(recorded):
            recorded = self._opening.learn_capabilities(recorded, tries=False)
            with all_shards_alone(recorded, self._job):
                if recorded.current_generations(self._job.collection, self._job.site):
                    mirror = self._opening.recorded_mirror(self._job, recorded)
                    confirm(mirror.collection.name, mirror.record.chunk_count())
                    purge_all(self._job, recorded, mirror, self._emit)

    def _find_drift(self, mirror: StoredMirror, recorded: RecordedStore) -> Drift:
        found = find_drift(mirror)
        found.documents = tree_drift(open_tree(self._job, recorded, self._emit), mirror)
        return found

    def _alone(self, recorded: RecordedStore) -> AbstractContextManager[None]:
        return recorded.hold_lock(self._job.collection, self._job.lock_wait_s)

    # -- steps

    def _plan(self, mirror: StoredMirror, spec: ResolvedSpec, settings: PlanSettings) -> Plan:
        """The plan for one mirror; the caller closes its listing."""
        settings = replace(settings, applied=True)
        plan = self._plan_for(mirror.record, mirror, spec, settings)
        record_plan(mirror, plan)
        return plan

    def _plan_for(
        self,
        record: Record,
        place: StoredMirror | RecordedStore,
        spec: ResolvedSpec,
        settings: PlanSettings,
    ) -> Plan:
        self._emit(PhaseBegan("listing"))
        can = place.capabilities
        recipe = self._recipe(record, can)
        settings = replace(
            settings,
            scope_meant=spec.change_scope,
            rebuilds=self._job.write_mode == "rotate",
            replaces=can.replaces and can.deletes,
        )
        plan = Planner(
            self._source,
            record,
            spec.scope,
            settings,
            recipe,
            self._stop.look,
            lambda pages: self._emit(PagesListed(pages)),
            self._tree,
            place.shards,
        ).plan()
        log_plan(plan, settings.only)
        self._notices.tell(*sorted(plan.listing.notices))
        if old := record.count_otherwise_embedded(recipe.form):
            log_other_form(old, settings.only)
        return plan

    def _recipe(self, record: Record, can: Capabilities) -> Recipe:
        return self._job.recipe.for_store(can, indexes=record.texts.available)

    def _note(self, plan: Plan) -> None:
        self._listed = plan.listed
        self._emit(PlanMade(plan.listed, plan.unchanged, plan.reconcile, plan.children))
        for row in plan.quarantined:
            self._tell_failed(row)
