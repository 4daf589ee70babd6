"""What a run did: made of its events, then printed, written and counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeAlias, get_args

from confluence_mirror.errors import Exit, SyncError
from confluence_mirror.mirror.events import (
    ChunkFate,
    ChunksCounted,
    CollectionChosen,
    CostEstimated,
    DocumentFate,
    DocumentsCounted,
    DriftFound,
    Event,
    FilesLeft,
    FilesUnreadable,
    FileUnreadable,
    PageNotWritten,
    PagePlanned,
    PagesListed,
    PagesRemoved,
    PageWritten,
    PhaseAdvanced,
    PhaseBegan,
    PlanMade,
    RotationBegan,
    RotationFinished,
    ScopeResolved,
    StoreConnected,
    StoreLearned,
    StoreTouched,
    TreeOpened,
    WatermarkMoved,
)
from confluence_mirror.model import CHILD_TYPES
from confluence_mirror.progress import Progress, Silent, Timed

_OfPlaces: TypeAlias = StoreConnected | StoreLearned | ScopeResolved | TreeOpened | CollectionChosen
_OfPages: TypeAlias = PageWritten | PagesRemoved | PageNotWritten | StoreTouched

Command: TypeAlias = Literal["sync", "dry-run", "verify", "repair", "purge", "search"]


_FATES = ("listed", "added", "changed", "moved", "unchanged", "removed")


class Traffic(Protocol):
    """What was asked of Confluence so far, as the gateway counts it."""

    @property
    def requests(self) -> Mapping[tuple[str, int], int]:
        """(endpoint, status) → requests sent; status 0: no answer came."""

    @property
    def retries(self) -> int:
        """Requests that were sent again."""

    @property
    def rate_limit_seconds(self) -> float:
        """Waited for rate limits, in all threads together."""

    @property
    def bytes_received(self) -> int:
        """Of the answers' bodies."""


@dataclass(slots=True)
class RunReport:
    """One run. Counts are of pages or chunks; moments are aware; durations are seconds.

    Not for several threads at once. ``mask`` is put over every text that leaves the report.
    """

    command: Command = "sync"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: Callable[[], float] = time.monotonic
    mask: Callable[[str], str] = str
    site_id: str = ""
    # Scope
    spaces: tuple[str, ...] = ()
    """Keys of the spaces, as they were found."""
    folder: str | None = None
    labels: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    """In the words of ``SCOPE``; empty where it is all spaces."""
    # Store
    store: str = ""
    """Its kind: ``vector-api`` …"""
    location: str = ""
    """Where it is: an origin or a folder."""
    collection: str = ""
    """Its name."""
    collection_id: str = ""
    """The id that the store gives it."""
    write_mode: str = ""
    limits: tuple[str, ...] = ()
    """What the store cannot do, in sentences."""
    reconciled: bool = False
    watermark: datetime | None = None
    """How far was read; None where this run did not get to the end of its plan."""
    # Pages
    listed: int = 0
    """Seen in scope."""
    added: int = 0
    changed: int = 0
    moved: int = 0
    """Parent, title or labels differ, the version does not."""
    unchanged: int = 0
    removed: int = 0
    children: dict[str, dict[str, int]] = field(default_factory=dict)
    """Child documents by type, and by what became of them; without ``failed``."""
    failures: dict[str, PageNotWritten] = field(default_factory=dict)
    """By page id: those that failed, and those that stay quarantined."""
    unreadable: list[FileUnreadable] = field(default_factory=list)
    """Attached files that have no text though they should."""
    newly_unreadable: list[FileUnreadable] = field(default_factory=list)
    """Those that this run looked into."""
    files_left: int = 0
    """In a mirror's first run without files: how many there are."""
    chunks: dict[ChunkFate, int] = field(
        default_factory=lambda: dict.fromkeys(get_args(ChunkFate), 0)
    )
    """Chunks by what became of them."""
    tree: str = ""
    """Where whole documents are written; empty: nowhere."""
    documents: dict[DocumentFate, int] = field(
        default_factory=lambda: dict.fromkeys(get_args(DocumentFate), 0)
    )
    """Documents in the tree by what became of them."""
    touched: bool = False
    """Something was sent to the store, whatever came of it."""
    embeddings: int = 0
    """Texts that we embedded ourselves."""
    conversions: dict[str, int] = field(default_factory=lambda: {"xml": 0, "html": 0, "text": 0})
    """Pages by the way that read their body."""
    # What a dry run or a verification found
    plan: dict[str, list[PagePlanned]] = field(default_factory=dict)
    cost: CostEstimated | None = None
    cost_requests: dict[str, int] = field(default_factory=dict)
    """Requests that the plan would take, by whom they go to."""
    drift: dict[str, list[str]] = field(default_factory=dict)
    """Chunk ids, by kind; of documents their paths."""
    # What it took
    requests: dict[str, dict[str, int]] = field(default_factory=dict)
    """Requests to the gateway: endpoint → status → count."""
    retries: int = 0
    waited_s: float = 0.0
    """For rate limits, in all threads together."""
    received_bytes: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    # How it ended
    exit_code: Exit | None = None
    """None: it has not ended."""
    problem: str = ""
    hint: str = ""
    seconds: float = 0.0
    finished: datetime | None = None
    shown: Progress = field(default_factory=Silent)
    """Where progress is shown."""
    progress: Timed = field(init=False, repr=False)
    """What the mirror tells while it works: it is timed here, and shown there."""
    _began: float = field(init=False, repr=False)
    _before_rotation: tuple[int, int, int, int] = field(
        default=(0, 0, 0, 0), init=False, repr=False
    )
    """Pages added, changed, moved and removed in the collection that is then rotated out."""
    _children_before: dict[str, dict[str, int]] = field(
        default_factory=dict, init=False, repr=False
    )
    """The same of child documents."""

    def __post_init__(self) -> None:
        self._began = self.clock()
        self.progress = Timed(self.shown, self.phases, self.clock)

    def hear(self, event: Event) -> None:
        """Take over what became known."""
        match event:
            case PhaseBegan():
                self.progress.phase(event.name, event.pages)
            case PhaseAdvanced():
                self.progress.advance(event.pages)
            case PagesListed():
                self.progress.listed(event.pages)
            case ChunksCounted():
                self.chunks[event.fate] += event.count
                if event.fate == "sent":
                    self.progress.sent(event.count)
            case DocumentsCounted():
                self.documents[event.fate] += event.count
            case FileUnreadable():
                self.newly_unreadable.append(event)
                self.unreadable.append(event)
            case FilesUnreadable():
                self.unreadable = list(event.files)
            case FilesLeft():
                self.files_left = event.count
            case PageWritten() | PagesRemoved() | PageNotWritten() | StoreTouched():
                self._hear_of_pages(event)
            case RotationBegan():
                self._before_rotation = (self.added, self.changed, self.moved, self.removed)
                self._children_before = {name: {**found} for name, found in self.children.items()}
            case RotationFinished():
                self._count_for_readers(event)
            case PlanMade():
                self.listed, self.unchanged = event.listed, event.unchanged
                self.reconciled = event.reconciles
                for name, child in event.children.items():
                    counts = self._of_type(name)
                    counts["listed"], counts["unchanged"] = child.listed, child.unchanged
            case PagePlanned():
                self.plan.setdefault(event.action, []).append(event)
            case CostEstimated():
                self.cost = event
            case DriftFound():
                self.drift.setdefault(event.kind, []).append(event.chunk_id)
            case WatermarkMoved():
                self.watermark = event.to
            case _:
                self._hear_of_places(event)

    def _hear_of_places(self, event: _OfPlaces) -> None:
        match event:
            case StoreConnected():
                self.store, self.location = event.kind, event.location
                self.write_mode = event.write_mode
            case StoreLearned():
                self.limits = event.limits
            case ScopeResolved():
                self.spaces, self.folder, self.labels = event.spaces, event.folder, event.labels
                self.items = event.items
            case TreeOpened():
                self.tree = event.place
            case CollectionChosen():
                self.collection, self.collection_id = event.name, event.id

    def _hear_of_pages(self, event: _OfPages) -> None:
        match event:
            case PageWritten():
                self.conversions[event.read_as] += 1
                self._count_written(event)
            case PagesRemoved():
                self._count_removed(event)
            case PageNotWritten():
                self.failures[event.id] = event
            case StoreTouched():
                self.touched = True

    def _of_type(self, child_type: str) -> dict[str, int]:
        return self.children.setdefault(child_type, dict.fromkeys(_FATES, 0))

    def _count_removed(self, event: PagesRemoved) -> None:
        if event.type in CHILD_TYPES:
            self._of_type(event.type)["removed"] += event.count
        else:
            self.removed += event.count

    def _count_written(self, page: PageWritten) -> None:
        """A page that was only looked at once more, and was right, is unchanged."""
        if page.kind == "add":
            fate = "added"
        elif page.kind == "move":
            fate = "moved"
        else:
            fate = "changed" if page.kind == "change" or page.touched else "unchanged"
        if page.type in CHILD_TYPES:
            self._of_type(page.type)[fate] += 1
        else:
            setattr(self, fate, getattr(self, fate) + 1)

    def _count_for_readers(self, rotation: RotationFinished) -> None:
        """Every page went into the new collection: what counts is what differs from the old one,
        and what was written there before something had to go."""
        kinds = rotation.kinds
        added, changed, moved, removed = self._before_rotation
        self.added = added + kinds.get("add", 0)
        self.changed = changed + kinds.get("change", 0) + kinds.get("retry", 0)
        self.moved = moved + kinds.get("move", 0)
        self.removed = removed + rotation.removed
        self.unchanged = rotation.listed - self.added - self.changed - self.moved
        self.children = self._children_before
        for name, child in rotation.children.items():
            counts = self._of_type(name)
            counts["added"] += child.kinds.get("add", 0)
            counts["changed"] += child.kinds.get("change", 0) + child.kinds.get("retry", 0)
            counts["moved"] += child.kinds.get("move", 0)
            counts["removed"] += child.removed
            written = counts["added"] + counts["changed"] + counts["moved"]
            counts["listed"], counts["unchanged"] = child.listed, child.listed - written

    def warn(self, warning: str) -> None:
        """Note a warning, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def traffic(self, counts: Traffic) -> None:
        """Take over the gateway's counts, which are totals of the run: the last call stands."""
        requests: dict[str, dict[str, int]] = {}
        for (endpoint, status), count in sorted(counts.requests.items()):
            requests.setdefault(endpoint, {})[str(status)] = count
        self.requests = requests
        self.retries = counts.retries
        self.waited_s = counts.rate_limit_seconds
        self.received_bytes = counts.bytes_received

    def end(self, exit_code: Exit, problem: str = "", hint: str = "") -> None:
        """The run is over."""
        self.progress.close()
        self.exit_code, self.problem, self.hint = exit_code, problem, hint
        self.seconds = self.clock() - self._began
        self.finished = datetime.now(UTC)

    def end_with(self, error: SyncError) -> None:
        """The run is over because of this."""
        self.end(error.exit, str(Exception.__str__(error)), error.hint)

    @property
    def quarantined(self) -> int:
        """Pages that were given up until they change."""
        return sum(failure.quarantined for failure in self.failures.values())

    def page_counts(self) -> dict[str, int]:
        """Pages by what became of them; ``failed`` counts the quarantined ones too."""
        counts: dict[str, int] = {name: getattr(self, name) for name in _FATES}
        pages = [each for each in self.failures.values() if each.type not in CHILD_TYPES]
        return counts | _count_failures(pages)

    def child_counts(self) -> dict[str, dict[str, int]]:
        """The same of child documents, by type."""
        found = {}
        for name in CHILD_TYPES:
            failures = [each for each in self.failures.values() if each.type == name]
            if name in self.children or failures:
                found[str(name)] = {**self._of_type(name)} | _count_failures(failures)
        return found

    def document_counts(self) -> dict[str, int]:
        """Documents in the tree by what became of them."""
        return {str(fate): count for fate, count in self.documents.items()}

    def chunk_counts(self) -> dict[str, int]:
        """Chunks by what became of them."""
        return {str(fate): count for fate, count in self.chunks.items()}


def _count_failures(failures: Sequence[PageNotWritten]) -> dict[str, int]:
    given_up = sum(failure.quarantined for failure in failures)
    return {"failed": len(failures), "quarantined": given_up}
