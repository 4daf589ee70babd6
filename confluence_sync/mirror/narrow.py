"""Scopes that are not spaces: a folder's descendants, pages with a label.

A row of the space's listing that does not fit is excluded. A *recorded* page that no longer fits leaves the mirror
only on evidence: its parent chain as v2 gives it, its own labels route.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from confluence_sync.errors import IncompleteEvidence
from confluence_sync.mirror.listing import Listing
from confluence_sync.mirror.ports import Source
from confluence_sync.mirror.scope import Scope
from confluence_sync.model import PageRef

log = logging.getLogger(__name__)

Recorded = Callable[[Sequence[str]], Iterable[str]]
"""Which of these ids the manifest records."""


def narrow(
    source: Source, listing: Listing, scope: Scope, recorded: Recorded, *, whole: bool
) -> IncompleteEvidence | None:
    """Exclude what is out of scope; the error says what could not be decided (those pages stay recorded)."""
    lost: IncompleteEvidence | None = None
    if scope.folder_id:
        lost = _below(listing, scope.folder_id, recorded)
    if scope.labels:
        _with_label(source, listing, scope, recorded, whole=whole)
    return lost


def _below(listing: Listing, folder_id: str, recorded: Recorded) -> IncompleteEvidence | None:
    unknown: list[str] = []
    for refs in listing.in_scope():
        outside = []
        for ref in refs:
            # Blog posts have no parent, so a folder never holds them.
            below = False if ref.type == "blogpost" else listing.is_below(ref, folder_id)
            if below is None:
                unknown.append(ref.id)
            if not below:
                outside.append(ref.id)
        listing.exclude(outside)
    in_doubt = sorted(recorded(unknown))
    if not in_doubt:
        return None
    listing.doubt(in_doubt)
    return IncompleteEvidence(
        f"The parents of {len(in_doubt)} recorded pages (first {in_doubt[0]}) cannot be read, so whether they still "
        "lie below FILTER_FOLDER_ID is unknown; nothing was removed.",
        hint="The token needs read:folder:confluence, and the account the right to see the folders.",
    )


def _with_label(source: Source, listing: Listing, scope: Scope, recorded: Recorded, *, whole: bool) -> None:
    wanted = set(scope.labels)
    named = source.labelled(scope.spaces, scope.labels) if whole else None
    for refs in listing.in_scope():
        lacking = [ref for ref in refs if not _bears(listing, ref, wanted, named)]
        known = set(recorded([ref.id for ref in lacking]))
        listing.exclude(
            ref.id for ref in lacking if ref.id not in known or not wanted & set(_ask(source, listing, ref))
        )


def _bears(listing: Listing, ref: PageRef, wanted: set[str], named: set[str] | None) -> bool:
    if named is not None:
        return ref.id in named
    return bool(wanted & set(listing.labels(ref.id) or ()))


def _ask(source: Source, listing: Listing, ref: PageRef) -> tuple[str, ...]:
    """The index and the label listings lag: only a page's own labels route takes it out of the mirror."""
    labels = source.labels_now(ref)
    listing.label({ref.id: labels})
    return labels
