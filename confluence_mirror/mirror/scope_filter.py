"""Scopes that are not spaces: trees, single pages, labels, and what is excluded.

A row of the space's listing that does not fit is excluded. A *recorded* page that no longer fits
leaves the mirror only on evidence: its parent chain as v2 gives it, its own labels route. So
nothing here can be asked before the listing is complete (``Scope.decided_by_row``).
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluence_mirror.errors import NOT_ANSWERED, IncompleteEvidence, PermissionRefused, SyncError
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.names import fold_name
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.model import PageRef
from confluence_mirror.wording import counted, verb

log = logging.getLogger(__name__)

Recorded = Callable[[Sequence[str]], Iterable[str]]
"""Which of these ids the manifest records."""

Barred = Callable[[], Mapping[str, set[str]]]
"""Which pages have which of the excluded labels."""

_FAILURES = 3
"""Of so many pages whose labels cannot be read the site is at fault: the others are not asked
for."""


@dataclass(slots=True)
class ScopeFindings:
    """What was found out beside what was excluded."""

    lost: SyncError | None = None
    """What could not be decided; those pages stay as they are recorded."""
    unused_labels: list[str] = field(default_factory=list)
    """Labels of the scope that no page has."""
    seen: set[str] = field(default_factory=set)
    """Other labels that pages have: what a mistyped one may have meant."""

    def suggestion(self) -> str:
        """Labels that look like those that no page has; may be empty."""
        near = [
            match
            for label in self.unused_labels
            for match in difflib.get_close_matches(label, sorted(self.seen), n=3)
        ]
        return f" Near: {', '.join(dict.fromkeys(near))}." if near else ""


def exclude_by_scope(
    source: Source,
    listing: Listing,
    scope: Scope,
    recorded: Recorded,
    barred: Barred,
    *,
    whole: bool,
) -> ScopeFindings:
    """Exclude what a listing shows from outside the scope. ``whole``: the listing is of the whole
    scope, not of a window."""
    found = ScopeFindings()
    if scope.trees or scope.pages or scope.exclude_trees:
        found.lost = _exclude_by_place(listing, scope, recorded)
    if scope.labels:
        _Labels(source, listing, scope, recorded, found).exclude(whole=whole)
    if scope.exclude_labels:
        _BarredLabels(source, listing, scope, recorded, found).exclude(barred)
    return found


def _exclude_by_place(
    listing: Listing, scope: Scope, recorded: Recorded
) -> IncompleteEvidence | None:
    """Exclude what lies in no item of the scope, or in an excluded tree. Of which of them that is
    unknown is not written; what is recorded stays as it is."""
    unknown: list[str] = []
    unknown_new: list[str] = []
    for refs in listing.refs_in_scope():
        inside = {ref.id: _is_inside(listing, scope, ref) for ref in refs}
        barred = {ref.id: _is_below(listing, scope, scope.exclude_trees, ref) for ref in refs}
        outside = [each for each in inside if not inside[each] or barred[each] is not False]
        in_doubt = [
            each for each in outside if inside[each] is not False and barred[each] is not True
        ]
        known = set(recorded(in_doubt))
        unknown += known
        unknown_new += [each for each in in_doubt if barred[each] is None and each not in known]
        listing.exclude_pages(outside)
    listing.mark_undecided(unknown)
    if not (unknown or unknown_new):
        return None
    first, count = sorted(unknown or unknown_new)[0], len(unknown) + len(unknown_new)
    return IncompleteEvidence(
        f"The parents of {counted(count, 'page')} (first {first}) cannot be read, so whether"
        f" {verb(count, 'it lies', 'they lie')} in a tree of the scope (SCOPE, FILTER_FOLDER_ID,"
        " EXCLUDE_TREES) is unknown; no page was removed.",
        hint=(
            "The token needs read:folder:confluence, and the account the right to see the folders."
        ),
    )


def _is_inside(listing: Listing, scope: Scope, ref: PageRef) -> bool | None:
    """Whether a page lies in an item of the scope; None where its parents cannot be read."""
    if ref.space_id in scope.whole or ref.id in scope.pages:
        return True
    return _is_below(listing, scope, scope.trees, ref)


def _is_below(listing: Listing, scope: Scope, trees: Sequence[str], ref: PageRef) -> bool | None:
    """Whether a page lies in one of these trees. A tree does not reach over spaces, and a blog post
    has no parent, so that no tree but its own holds it."""
    roots = scope.roots_in(ref.space_id, trees) if trees else set()
    if not roots or ref.id in roots:
        return bool(roots)
    return False if ref.type == "blogpost" else listing.is_below(ref, roots)


class _OwnLabels:
    """The labels that a recorded page has by its own route: the index and the label listings lag,
    so nothing else takes it out of the mirror. After ``_FAILURES`` no more pages are asked for."""

    def __init__(self, source: Source, listing: Listing, found: ScopeFindings) -> None:
        self._source = source
        self._listing = listing
        self._found = found
        self._failures = 0

    def read(self, ref: PageRef) -> Sequence[str] | None:
        """None where they are not known now."""
        if self._failures >= _FAILURES:
            return None
        try:
            labels = self._source.labels_now(ref)
        except NOT_ANSWERED as failure:
            if isinstance(failure, PermissionRefused) and failure.scope:
                raise
            self._failures += 1
            self._found.lost = self._found.lost or failure
            return None
        self._listing.add_labels({ref.id: labels})
        return labels


class _Labels:
    """Leaves in the scope what has one of its labels, and what nobody can say it of."""

    def __init__(
        self,
        source: Source,
        listing: Listing,
        scope: Scope,
        recorded: Recorded,
        found: ScopeFindings,
    ) -> None:
        self._source = source
        self._listing = listing
        self._scope = scope
        self._recorded = recorded
        self._found = found
        self._wanted = {fold_name(label) for label in scope.labels}
        self._own = _OwnLabels(source, listing, found)

    def exclude(self, *, whole: bool) -> None:
        named = self._pages_by_label() if whole else None
        bearers: set[str] = set().union(*named.values()) if named is not None else set()
        for refs in self._listing.refs_in_scope():
            lacking = [
                ref
                for ref in refs
                if ref.id not in bearers and (named is not None or not self._bears_label(ref))
            ]
            known = set(self._recorded([ref.id for ref in lacking]))
            if named is None:
                self._note_unlabelled([ref for ref in lacking if ref.id not in known])
            self._listing.exclude_pages(
                ref.id for ref in lacking if ref.id not in known or self._has_lost_labels(ref)
            )
        if named is not None:
            self._tell_unused_labels(named)

    def _note_unlabelled(self, new: Sequence[PageRef]) -> None:
        """A page that is not recorded, and of whose labels nobody tells, may belong into the
        scope."""
        labelled = self._listing.labels_of([ref.id for ref in new])
        if unknown := [ref.id for ref in new if ref.id not in labelled]:
            self._found.lost = self._found.lost or IncompleteEvidence(
                f"The labels of {counted(len(unknown), 'new page')} (first {unknown[0]}) could not"
                f" be read, so whether {verb(len(unknown), 'it is', 'they are')} in the scope is"
                " unknown; no page was removed.",
                hint="Run again later.",
            )

    def _pages_by_label(self) -> Mapping[str, set[str]] | None:
        """Which pages have which label; None where that question is not answered."""
        try:
            return self._source.list_labelled(self._scope.spaces, self._scope.labels)
        except NOT_ANSWERED as failure:
            if isinstance(failure, PermissionRefused) and failure.scope:
                raise
            log.warning("which pages have the labels of the scope is unknown: %s", failure)
            self._found.lost = self._found.lost or failure
            return None

    def _tell_unused_labels(self, named: Mapping[str, set[str]]) -> None:
        self._found.unused_labels = sorted(label for label, ids in named.items() if not ids)
        for refs in self._listing.every_ref() if self._found.unused_labels else ():
            for labels in self._listing.labels_of([ref.id for ref in refs]).values():
                self._found.seen.update(labels)

    def _bears_label(self, ref: PageRef) -> bool:
        return not self._wanted.isdisjoint(map(fold_name, self._listing.labels(ref.id) or ()))

    def _has_lost_labels(self, ref: PageRef) -> bool:
        labels = self._own.read(ref)
        return labels is not None and self._wanted.isdisjoint(map(fold_name, labels))


class _BarredLabels:
    """Takes out of the scope what has an excluded label: what is not recorded on any sign of it,
    what is recorded on the word of its own labels route."""

    def __init__(
        self,
        source: Source,
        listing: Listing,
        scope: Scope,
        recorded: Recorded,
        found: ScopeFindings,
    ) -> None:
        self._listing = listing
        self._recorded = recorded
        self._found = found
        self._barred = {fold_name(label) for label in scope.exclude_labels}
        self._own = _OwnLabels(source, listing, found)

    def exclude(self, barred: Barred) -> None:
        """All that the listing has."""
        bearers = self._bearers(barred)
        for refs in self._listing.refs_in_scope():
            labels = self._listing.labels_of([ref.id for ref in refs])
            suspect = [
                ref
                for ref in refs
                if (bearers is None and ref.id not in labels)
                or (bearers is not None and ref.id in bearers)
                or self._has_barred(labels.get(ref.id, ()))
            ]
            known = set(self._recorded([ref.id for ref in suspect]))
            self._listing.exclude_pages(ref.id for ref in suspect if ref.id not in known)
            for ref in suspect:
                if ref.id in known:
                    self._judge(ref)

    def _bearers(self, barred: Barred) -> set[str] | None:
        """Ids of all that have one; None where that question is not answered."""
        try:
            return set().union(*barred().values())
        except NOT_ANSWERED as failure:
            if isinstance(failure, PermissionRefused) and failure.scope:
                raise
            log.warning("which pages have an excluded label is unknown: %s", failure)
            self._found.lost = self._found.lost or failure
            return None

    def _judge(self, ref: PageRef) -> None:
        """A recorded page: where its labels cannot be read now, it stays as it is."""
        labels = self._own.read(ref)
        if labels is None or self._has_barred(labels):
            self._listing.exclude_pages([ref.id])
        if labels is None:
            self._listing.mark_undecided([ref.id])

    def _has_barred(self, labels: Iterable[str]) -> bool:
        return not self._barred.isdisjoint(map(fold_name, labels))
