"""Scopes that are not spaces: a folder's descendants, pages with a label.

A row of the space's listing that does not fit is excluded. A *recorded* page that no longer fits
leaves the mirror only on evidence: its parent chain as v2 gives it, its own labels route.
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

log = logging.getLogger(__name__)

Recorded = Callable[[Sequence[str]], Iterable[str]]
"""Which of these ids the manifest records."""

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
    source: Source, listing: Listing, scope: Scope, recorded: Recorded, *, whole: bool
) -> ScopeFindings:
    """Exclude what a listing shows from outside the scope. ``whole``: the listing is of the whole
    scope, not of a window."""
    found = ScopeFindings()
    if scope.folder_id:
        found.lost = _exclude_outside_folder(listing, scope.folder_id, recorded)
    if scope.labels:
        _Labels(source, listing, scope, recorded, found).exclude(whole=whole)
    return found


def _exclude_outside_folder(
    listing: Listing, folder_id: str, recorded: Recorded
) -> IncompleteEvidence | None:
    unknown: list[str] = []
    for refs in listing.refs_in_scope():
        outside = []
        for ref in refs:
            # Blog posts have no parent, so a folder never holds them.
            below = False if ref.type == "blogpost" else listing.is_below(ref, folder_id)
            if below is None:
                unknown.append(ref.id)
            if not below:
                outside.append(ref.id)
        listing.exclude_pages(outside)
    in_doubt = sorted(recorded(unknown))
    if not in_doubt:
        return None
    listing.mark_undecided(in_doubt)
    return IncompleteEvidence(
        f"The parents of {len(in_doubt)} recorded pages (first {in_doubt[0]}) cannot be read, so"
        " whether they still lie below FILTER_FOLDER_ID is unknown; no page was removed.",
        hint=(
            "The token needs read:folder:confluence, and the account the right to see the folders."
        ),
    )


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
        self._failures = 0

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
                f"The labels of {len(unknown)} new pages (first {unknown[0]}) could not be read, so"
                " whether they are in the scope is unknown; no page was removed.",
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
        """The index and the label listings lag: only a page's own labels route takes it out of the
        mirror."""
        if self._failures >= _FAILURES:
            return False
        try:
            labels = self._source.labels_now(ref)
        except NOT_ANSWERED as failure:
            if isinstance(failure, PermissionRefused) and failure.scope:
                raise
            self._failures += 1
            self._found.lost = self._found.lost or failure
            return False
        self._listing.add_labels({ref.id: labels})
        return self._wanted.isdisjoint(map(fold_name, labels))
