"""What a run is to do, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from confluence_mirror.errors import IncompleteEvidence, SyncError
from confluence_mirror.manifest import PageRow
from confluence_mirror.mirror.early_pages import EarlyPages
from confluence_mirror.mirror.events import ChildPlan
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.page_readers import PageReaders
from confluence_mirror.mirror.planned_tree import PlannedTree
from confluence_mirror.model import PageRef
from confluence_mirror.wording import counted, verb


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
    """Pages in scope."""
    unchanged: int = 0
    """Pages that are as they were."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Pages to write: ``add``, ``change``, ``move``, ``retry``, ``check``."""
    children: dict[str, ChildPlan] = field(default_factory=dict)
    """What becomes of child documents, by type."""
    recorded: int = 0
    quarantined: list[PageRow] = field(default_factory=list)
    """Given up until they change: named in every report."""
    unknown: dict[str, str] = field(default_factory=dict)
    """Page id → why nothing is known of a recorded page: it stays, and the run does not end
    well."""
    remove: dict[str, str] = field(default_factory=dict)
    """Page id → title, each with evidence; empty where the guard or lost evidence forbids
    removals."""
    moved: dict[str, str] = field(default_factory=dict)
    """Recorded page → id of its space, for those that are another shard's now: they stay until it
    takes them over."""
    held: list[str] = field(default_factory=list)
    """Listed pages, and pages with documents on them, that another shard still records: not looked
    at in this plan."""
    withheld: dict[str, str] = field(default_factory=dict)
    """What the guard refused to remove."""
    unlisted: SyncError | None = None
    """Why not all child documents could be compared: those stay, and the run does not end well."""
    stopped: SyncError | None = None
    """Why nothing is removed in this run: the run ends with it after the writes."""

    tree: PlannedTree | None = None
    """The tree of documents, where there is one."""
    readers: PageReaders | None = None
    """Who may read the listed pages; None: that is not recorded."""
    early: EarlyPages | None = None
    """Pages of a first load that were read while the listing went on."""

    def close(self) -> None:
        """Drop what it is made of."""
        if self.early is not None:
            self.early.close()
        self.listing.close()

    def work(self) -> int:
        """Pages and child documents to write."""
        of_children = sum(sum(each.kinds.values()) for each in self.children.values())
        return sum(self.kinds.values()) + of_children

    def lost(self) -> SyncError | None:
        """What the run ends with although all was written that could be read; None: nothing."""
        if self.stopped is not None or not self.unknown:
            return self.stopped or self.unlisted
        page_id, why = next(iter(self.unknown.items()))
        return IncompleteEvidence(
            f"Of {counted(len(self.unknown), 'recorded page')} not listed nothing is known (page"
            f" {page_id}: {why}), so {verb(len(self.unknown), 'it stays', 'they stay')};"
            " other pages are not affected.",
            hint="Look at the page in Confluence; run again.",
        )


def listing_incomplete(left_out: Sequence[PageRef]) -> IncompleteEvidence:
    """What a run ends with whose listing left out pages that are there."""
    first = left_out[0]
    return IncompleteEvidence(
        f"The listing left out {counted(len(left_out), 'page')} that Confluence shows by id (first"
        f" {first.id} {first.title!r}), so it was not complete; no page was removed.",
        hint="Run again. If it stays so, Confluence's listing is broken: tell Atlassian.",
    )
