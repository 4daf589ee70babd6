"""Nothing is removed on a guess: every page that a listing does not show is asked for by id.

The table of answers is in ``gather_evidence``; Confluence answers 404 to a revoked token and leaves
out what it hides, so a missing row counts only while a canary page is still readable *after* the
question.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from confluence_mirror.errors import IncompleteEvidence, PermissionRefused, Refused
from confluence_mirror.manifest import PageRow
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.model import PAGE_TYPES, PageRef
from confluence_mirror.wording import counted, verb

log = logging.getLogger(__name__)

FEW_PAGES = 20
"""Removals up to this many pass whatever their ratio."""
SMALL_SCOPE = 5
"""A scope with fewer recorded pages may become empty."""


@dataclass(slots=True)
class RemovalEvidence:
    """What the answers say of pages that a listing did not show."""

    remove: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    """Those to remove that are current, in a space that is not mirrored."""
    moved: dict[str, str] = field(default_factory=dict)
    """Page id → id of its space, for those that are current in a space of another shard."""
    races: list[PageRef] = field(default_factory=list)
    """Current and in scope after all: they appeared while the listing ran, or it left them out."""
    unknown: dict[str, str] = field(default_factory=dict)
    """Page id → why nothing is known of it: it stays."""


_LEFT = frozenset({"archived", "trashed", "deleted", "draft", "historical"})
"""Statuses of a page that is not to be answered from. Of one that is not among them nothing is
known."""


def gather_evidence(
    source: Source,
    listing: Listing,
    scope: Scope,
    missing: Sequence[PageRow],
    *,
    hidden_too: bool,
    witnesses: Sequence[PageRef] = (),
) -> RemovalEvidence:
    """Ask for each missing page by id, on the route of its recorded type.

    Without ``hidden_too`` a page that is hidden or purged is left for a run that lists the whole
    scope. ``witnesses`` are pages that were readable a moment ago, where the listing has none.

    =============================  ==============================================================
    current, in a listed space     treat as listed; filters are checked by the caller
    current in another shard's     leave it to that shard
    current elsewhere              remove
    archived, trashed, draft …     remove
    another status, no space       nothing known of this page: it stays
    200 without the row            purged or hidden: remove, if the canary is readable afterwards
    anything else                  ``IncompleteEvidence``: no removals in this run
    =============================  ==============================================================
    """
    verdict = RemovalEvidence()
    hidden: list[PageRow] = []
    spaces = scope.spaces_by_id()
    of_shards = {space.id for space in scope.elsewhere}
    for page_type in PAGE_TYPES:
        rows = [row for row in missing if row.type == page_type]
        answers = source.look_up([row.id for row in rows], page_type) if rows else {}
        for row in rows:
            ref = answers.get(row.id)
            if ref is None:
                hidden.append(row)
            elif ref.is_current_in(spaces) and scope.nominates(ref):
                verdict.races.append(ref)
            elif ref.is_current_in(of_shards):
                verdict.moved[row.id] = ref.space_id
            elif why := _why_undecided(ref, scope):
                verdict.unknown[row.id] = why
            else:
                verdict.remove.append(row.id)
                if ref.status == "current":
                    verdict.elsewhere.append(row.id)
    if hidden and hidden_too:
        require_canary(source, listing, scope, hidden, witnesses)
        verdict.remove.extend(row.id for row in hidden)
    return verdict


def _why_undecided(ref: PageRef, scope: Scope) -> str:
    """Why a row that is not in the scope proves nothing; empty where it does."""
    if ref.status in _LEFT:
        return ""
    if ref.status != "current":
        return (
            f"its status is {ref.status!r}" if ref.status else "the answer does not say its status"
        )
    if not ref.space_id:
        return "the answer does not say its space"
    if ref.id in scope.pages:
        return f"it was moved to space {ref.space_id} in this very run"
    if scope.all_spaces and ref.space_id not in scope.visible:
        return f"it is current in space {ref.space_id}, which the list of spaces left out"
    return ""


def require_canary(
    source: Source,
    listing: Listing,
    scope: Scope,
    hidden: Sequence[PageRow],
    witnesses: Sequence[PageRef] = (),
) -> None:
    """A page that this listing returned, or a witness, must still be readable, after the question
    was answered."""
    known = scope.spaces_by_id()
    gone_space = next((row.space_id for row in hidden if row.space_id not in known), "")
    others = (ref for ref in witnesses if ref.space_id != gone_space)
    canary = listing.any_ref(avoid_space=gone_space) or next(others, None)
    if canary is None:
        raise IncompleteEvidence(
            f"{counted(len(hidden), 'recorded page')} {verb(len(hidden), 'is', 'are')} hidden or"
            " purged, and no page is left to prove that this credential still reads the scope; no"
            " page was removed.",
            hint=(
                "Check the token and the account's rights. To empty a mirror, drop its collection."
            ),
        )
    answer = source.look_up([canary.id], canary.type).get(canary.id)
    if answer is None or answer.status != "current":
        raise IncompleteEvidence(
            f"{counted(len(hidden), 'recorded page')} {verb(len(hidden), 'is', 'are')} not"
            f" shown, but neither is page {canary.id}, which was listed a moment ago; no page was"
            " removed.",
            hint="The credential may just have been revoked, or Confluence is unwell. Run again.",
        )


def set_hash(page_ids: Iterable[str]) -> str:
    """12 hex digits that name this very set of removals."""
    return hashlib.sha256("\n".join(sorted(page_ids)).encode()).hexdigest()[:12]


def guard_scope(outside: Sequence[str], unplaced: int, ratio: float) -> None:
    """Refuse what looks like another mirror's pages, before anything is written.

    ``outside`` are pages that are well, but out of scope, and were taken over from rows which do
    not show what scope they were written for; ``unplaced`` is how many such rows' pages there are.
    Some of them may have moved since.
    """
    if len(outside) > int(ratio * unplaced):
        raise Refused(
            f"{len(outside):,} of {counted(unplaced, 'page')} found in the collection, and not in"
            f" the manifest, {verb(len(outside), 'lies', 'lie')} outside the scope (first"
            f" {outside[0]}): another mirror may have written them. None of them was removed.",
            hint="Separate: another COLLECTION_ID. Meant: --change-scope.",
        )


def guard_removals(
    removals: Sequence[str],
    recorded: int,
    left: int,
    ratio: float,
    allowed: str,
    what: str = "pages",
    outside: int = 0,
) -> Refused | None:
    """Refuse removals that look like an accident; None lets them pass.

    ``what`` is removed, in a word. ``left`` is how many pages the scope still shows. ``allowed`` is
    ``true``, or the hash of this very set. ``outside``: so many are current, and not in the scope.
    """
    if not removals or allowed == "true" or allowed == set_hash(removals):
        return None
    empties = recorded >= SMALL_SCOPE and left == 0
    if len(removals) <= max(FEW_PAGES, int(ratio * recorded)) and not empties:
        return None
    does = (
        "would empty the mirror"
        if empties
        else f"are more than {max(FEW_PAGES, int(ratio * recorded))} {what}"
    )
    return Refused(
        f"{len(removals)} of {recorded} recorded {what} {_why_gone(len(removals), outside)};"
        f" removing them {does}, so none of them is removed. What can be written is not held up"
        " by this.",
        hint=(
            "If this is right: --allow-mass-delete once, or"
            f" ALLOW_MASS_DELETE={set_hash(removals)}."
        ),
    )


def _why_gone(count: int, outside: int) -> str:
    if outside >= count:
        return "lie outside the scope now"
    also = f" or, {outside} of them, lie outside the scope now" if outside else ""
    return f"are no longer shown by Confluence{also}"


def check_credential(source: Source) -> None:
    """Raise ``PermissionRefused`` where Confluence takes us for an anonymous visitor: what a
    listing then leaves out is not gone, and a question by id is no evidence. Asked once, after the
    questions: an expired token stays expired."""
    if source.is_anonymous():
        raise PermissionRefused(
            "Confluence takes this run for an anonymous visitor, who sees only what is public: the"
            " API token has expired, was revoked or belongs to another site. Its view of the site"
            " was not used.",
            hint="Make a new token and set CONF_API_TOKEN (and CONF_USER to its account).",
        )
