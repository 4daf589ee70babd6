"""Discovery: what Confluence shows of the scope, and which recorded pages it does not show."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain

from confluence_mirror.batches import in_batches, take_until_failure
from confluence_mirror.errors import (
    NOT_ANSWERED,
    IncompleteEvidence,
    PermissionRefused,
    SyncError,
    WrongSettings,
)
from confluence_mirror.manifest import PageRow, Record
from confluence_mirror.mirror.children import ChildDiscovery
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.parallel import run_parallel
from confluence_mirror.mirror.plan import Plan, listing_incomplete
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.scope_filter import ScopeFindings, exclude_by_scope
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Indexed, Space

log = logging.getLogger(__name__)

MADE_MEANWHILE = timedelta(hours=1)
"""What was made in the last hour may have been made behind the listing's back."""
ASK = 100


class Discovery:
    """Fills the listing of one plan. ``discover`` is the entry; the rest are its steps."""

    def __init__(
        self,
        source: Source,
        record: Record,
        scope: Scope,
        settings: PlanSettings,
        fingerprints: Mapping[str, str],
        check: Callable[[], None],
        tell_listed: Callable[[int], None],
    ) -> None:
        """``check`` is called in loops that ask Confluence nothing; what it raises ends them.
        ``tell_listed`` is given how many pages were listed, batch by batch, from several
        threads."""
        self._source = source
        self._record = record
        self._scope = scope
        self._spaces = scope.spaces_by_id()
        self._settings = settings
        self._labels = settings.labels or scope.by_label
        # Whether a page lies below a root is not the index's to say.
        self._indexed_folders = [space for space in scope.spaces if not scope.roots_in(space.id)]
        self._barred: Mapping[str, set[str]] | None = None
        self._fingerprint = fingerprints["page"]
        self._check = check
        self._tell_listed = tell_listed
        self.children = ChildDiscovery(source, record, scope, fingerprints, check)

    def discover(self, plan: Plan) -> list[PageRow]:
        """Named pages by their ids; else by the window, where one is enough and the index gives it
        to its end; else by the whole scope."""
        if self._settings.only is not None:
            return self._list_named(plan, self._settings.only)
        if not plan.reconcile:
            try:
                return self._list_changed(plan)
            except NOT_ANSWERED as broken:
                if isinstance(broken, PermissionRefused) and broken.scope:
                    raise
                log.warning(
                    "the index cannot say what changed: comparing the whole scope (%s)", broken
                )
                plan.listing.close()
                plan.listing, plan.reconcile, plan.hours, plan.stopped = (
                    Listing(self._source, deciding=self._scope.deciding_types()),
                    True,
                    0,
                    None,
                )
        return self._list_all(plan)

    def _list_all(self, plan: Plan) -> list[PageRow]:
        """The v2 listing of every space is the discovery; returned are the recorded pages that it
        does not show."""
        self._list_spaces(plan)
        self._compare_with_index(plan)
        plan.listing.learn_folders(self._indexed_folders)
        self._list_single_pages(plan)
        self._exclude(plan)
        missing: list[PageRow] = []
        for ids in self._record.page_ids():
            self._check()
            missing += self._unseen(plan, ids)
        return missing

    def _list_spaces(self, plan: Plan) -> None:
        """Rows, labels and child documents of every space. Each listing is a chain of requests, so
        several go on at a time."""
        over = threading.Event()

        def rows(space: Space) -> SyncError | None:
            broken: list[SyncError] = []
            for batch in in_batches(
                take_until_failure(self._source.list_pages(space), broken), 250
            ):
                current = [ref for ref in batch if ref.is_current_in((space.id,))]
                plan.listing.add(current)
                if plan.early is not None:
                    plan.early.offer(current)
                self._tell_listed(len(batch))
                if over.is_set():
                    break
            for error in broken:
                log.warning("space %s was not listed to its end: %s", space.key, error)
            return broken[0] if broken else None

        def labels(space: Space) -> None:
            broken: list[SyncError] = []
            for batch in in_batches(take_until_failure(self._index_rows(space), broken), 250):
                if self._labels:
                    plan.listing.add_labels(
                        {each.id: each.labels for each in batch if each.labels is not None}
                    )
                if plan.readers is not None:
                    plan.readers.add_indexed(batch)
                if over.is_set():
                    break
            for error in broken:
                if isinstance(error, PermissionRefused) and error.scope:
                    raise error
                log.warning(
                    "the labels of space %s were not listed to their end: %s", space.key, error
                )

        def readers(space: Space) -> None:
            assert plan.readers is not None
            plan.readers.learn_viewers(space)
            plan.readers.learn_containers(space, nodes=space in self._indexed_folders)

        kinds: list[Callable[[Space], SyncError | None]] = [rows]
        kinds += [labels] if self._labels or plan.readers else []
        kinds += [readers] if plan.readers else []
        chains: list[Callable[[], SyncError | None]] = [
            partial(task, space) for space in self._scope.listed_spaces() for task in kinds
        ]
        chains += self.children.listings(plan, over)
        for incomplete in run_parallel(chains, self._settings.concurrency, over):
            plan.stopped = plan.stopped or incomplete

    def _list_single_pages(self, plan: Plan) -> None:
        """Pages that the scope names by their ids, and no listing showed: v2 says what they are
        now. Their spaces are not listed for them."""
        shown = plan.listing.shown_ids(self._scope.pages)
        asked = [page_id for page_id in self._scope.pages if page_id not in shown]
        for ids in in_batches(asked, ASK):
            self._list_by_id(plan, ids)
        if not (refs := list(plan.listing.refs(asked).values())):
            return
        plan.listing.complete_tree(self._indexed_folders)
        if self._labels:
            plan.listing.add_labels(self._source.labels_of(refs))
        if plan.readers is not None:
            for space in self._scope.spaces:
                if not self._scope.lists_space(space.id):
                    plan.readers.learn_viewers(space)
        self._list_children_of_pages(plan)

    def _index_rows(self, space: Space) -> Iterator[Indexed]:
        """Labels and, where they are recorded, restrictions of a space's pages."""
        if self._settings.access:
            yield from self._source.list_indexed(space.key)
        else:
            for page_id, names in self._source.list_labels(space.key):
                yield Indexed(page_id, names, None)

    def _compare_with_index(self, plan: Plan) -> None:
        """A listing that ended too early leaves out pages that nobody recorded yet; the index,
        which is asked for labels anyway, may name them. It lags, so each is asked for by id, and
        one that was made while the listing ran proves nothing."""
        named = plan.listing.labelled_but_unlisted(ASK)
        recorded = self._record.pages(named)
        unknown = [page_id for page_id in named if page_id not in recorded]
        if not unknown or not self._list_by_id(plan, unknown):
            return
        # At this distance ISO 8601 times compare as text, however precise they are.
        long_ago = (plan.started - MADE_MEANWHILE).isoformat()
        left_out = [ref for ref in plan.listing.refs(unknown).values() if ref.created_at < long_ago]
        if left_out:
            plan.stopped = plan.stopped or listing_incomplete(left_out)

    def _unseen(self, plan: Plan, ids: Sequence[str]) -> Iterable[PageRow]:
        """The recorded among these pages that are not listed."""
        shown = plan.listing.shown_ids(ids)
        rows = self._record.pages([page_id for page_id in ids if page_id not in shown])
        return [row for row in rows.values() if not row.is_child]

    def _list_changed(self, plan: Plan) -> list[PageRow]:
        """CQL, the pending rows and the child documents that differ nominate, v2 decides; returned
        are the nominated, recorded, but not shown."""
        over = threading.Event()
        listings = self.children.listings(plan, over)
        deque(run_parallel(listings, self._settings.concurrency, over), maxlen=0)
        seen: set[str] = set()
        missing: list[PageRow] = []
        pending = chain.from_iterable(self._record.pending(self._fingerprint))
        for nominated in (
            self._find_changed(plan),
            self._scope.pages,
            self._newly_barred(),
            pending,
            self.children.pages_to_look_at(plan),
        ):
            for ids in in_batches((page_id for page_id in nominated if page_id not in seen), ASK):
                seen.update(ids)
                if self._list_by_id(plan, ids):
                    missing += self._unseen(plan, ids)
        self._list_children_of_pages(plan)
        return self._complete(plan, seen, missing)

    def _find_changed(self, plan: Plan) -> Iterator[str]:
        keys = [space.key for space in self._scope.listed_spaces()]
        if keys or self._scope.all_spaces:
            yield from self._source.find_changed(keys, plan.hours, self._scope.labels)

    def _list_children_of_pages(self, plan: Plan) -> None:
        """What hangs on single pages whose spaces are not listed."""
        refs = plan.listing.refs(self._scope.pages).values()
        self.children.list_on(
            plan, [ref.id for ref in refs if not self._scope.lists_space(ref.space_id)]
        )

    def _newly_barred(self) -> Iterator[str]:
        """Recorded pages that have an excluded label: a label moves no version and no date."""
        barred = sorted(set().union(*self._find_barred().values()))
        for ids in in_batches(barred, ASK):
            yield from self._record.pages(ids)

    def _find_barred(self) -> Mapping[str, set[str]]:
        """Ids of the pages that have each excluded label; asked once for a plan."""
        if self._barred is None:
            excluded = self._scope.exclude_labels
            found = self._source.list_labelled(self._scope.spaces, excluded) if excluded else {}
            self._barred = found
        return self._barred

    def _list_named(self, plan: Plan, only: Sequence[str]) -> list[PageRow]:
        """v2 says of each what it is now; returned are the recorded that it does not show, or that
        are no longer in the scope."""
        missing: list[PageRow] = []
        for ids in in_batches(dict.fromkeys(only), ASK):
            if self._list_by_id(plan, ids):
                missing += self._unseen(plan, ids)
        self.children.list_on(plan, only)
        return self._complete(plan, set(only), missing)

    def _complete(self, plan: Plan, seen: set[str], missing: list[PageRow]) -> list[PageRow]:
        """Parents and labels of pages that were asked for by id, and the filters of the scope.
        ``missing`` and the recorded pages that these exclude."""
        plan.listing.complete_tree(self._indexed_folders)
        for refs in plan.listing.refs_in_scope() if self._labels else ():
            plan.listing.add_labels(self._source.labels_of(refs))
        if plan.readers is not None:
            for space in self._scope.spaces:
                plan.readers.learn_viewers(space)
        self._exclude(plan)
        missing_ids = {row.id for row in missing}
        for rows in self._record.all_pages() if self._scope.narrows else ():
            left = plan.listing.excluded([row.id for row in rows])
            missing += [
                row
                for row in rows
                if row.id in left and row.id in seen and row.id not in missing_ids
            ]
        return missing

    def _list_by_id(self, plan: Plan, ids: Sequence[str]) -> bool:
        """Rows of nominated ids, whatever their type; False when the question was not answered."""
        try:
            found = dict(self._source.look_up(ids, "page"))
            rest = [page_id for page_id in ids if page_id not in found]
            found.update(self._source.look_up(rest, "blogpost") if rest else {})
        except IncompleteEvidence as error:
            plan.stopped = plan.stopped or error
            return False
        plan.listing.add(ref for ref in found.values() if ref.is_current_in(self._spaces))
        self._tell_listed(len(found))
        return True

    def _exclude(self, plan: Plan) -> None:
        recorded = lambda ids: self._record.pages(list(ids))  # noqa: E731
        found = exclude_by_scope(
            self._source,
            plan.listing,
            self._scope,
            recorded,
            self._find_barred,
            whole=plan.reconcile,
        )
        plan.stopped = plan.stopped or found.lost
        plan.listed = plan.listing.count()
        if found.unused_labels and plan.stopped is None:
            self._tell_unused_labels(plan, found)

    def _tell_unused_labels(self, plan: Plan, found: ScopeFindings) -> None:
        """A mistyped label mirrors nothing: an error before anything was mirrored, later a
        warning."""
        names = ", ".join(found.unused_labels)
        if self._record.was_ever_finished():
            plan.listing.notices.add(
                f"no page has the label {names} (LABELS): is it spelt right?{found.suggestion()}"
            )
            return
        raise WrongSettings(
            f"LABELS names {names}, which no page has.{found.suggestion()}",
            hint="Correct LABELS, or give a page the label first.",
        )
