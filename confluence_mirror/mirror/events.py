"""What becomes known while a run works, one small fact at a time.

A run gives each to its one listener (``Emit``) and never reads anything back. Listeners are cheap,
don't raise, and are called on the run's own thread, but for ``PagesListed``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

PlanAction: TypeAlias = Literal["add", "change", "move", "remove"]
DriftKind: TypeAlias = Literal["missing", "stray", "different", "readers", "document"]
ChunkFate: TypeAlias = Literal["sent", "kept", "removed", "not_removable", "metadata_updated"]
"""``not_removable``: it should have gone, and the store cannot remove it; ``metadata_updated``: its
metadata was changed without a new write."""
DocumentFate: TypeAlias = Literal["written", "moved", "removed"]
"""``moved``: written at another path than before, where it is gone."""


@dataclass(frozen=True, slots=True)
class StoreConnected:
    """The store answered."""

    kind: str
    """``vector-api`` …"""
    location: str
    """An origin or a folder."""
    write_mode: str


@dataclass(frozen=True, slots=True)
class StoreLearned:
    """It is known what the store can do."""

    limits: tuple[str, ...]
    """What it cannot do, in sentences."""


@dataclass(frozen=True, slots=True)
class ScopeResolved:
    """The scope was found, on the site or in the manifest."""

    spaces: tuple[str, ...]
    """Keys."""
    folder: str | None = None
    labels: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    """In the words of ``SCOPE``; empty where it is all spaces."""


@dataclass(frozen=True, slots=True)
class TreeOpened:
    """Whole documents are written, too."""

    place: str
    """A folder, or ``s3://bucket/prefix``."""


@dataclass(frozen=True, slots=True)
class CollectionChosen:
    """Readers are to read this collection from now on."""

    name: str
    id: str
    """The id that the store gives it."""


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """The phase before has ended, too."""

    name: str
    pages: int | None = None
    """How many are to come, where that is known."""


@dataclass(frozen=True, slots=True)
class PhaseAdvanced:
    """Pages of this phase that are done by now."""

    pages: int


@dataclass(frozen=True, slots=True)
class PagesListed:
    """So many more pages were listed. Comes from the threads that list."""

    pages: int


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """What is to become of the child documents of one type."""

    listed: int = 0
    """In scope."""
    unchanged: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    """To write, by kind (``PageWritten.kind``)."""
    removed: int = 0


@dataclass(frozen=True, slots=True)
class PlanMade:
    """What is about to be applied or shown."""

    listed: int
    """Pages in scope."""
    unchanged: int
    reconciles: bool
    """The whole scope was compared with the manifest."""
    children: Mapping[str, ChildPlan] = field(default_factory=dict)
    """By type of child document."""


@dataclass(frozen=True, slots=True)
class PagePlanned:
    """A page that a dry run would touch."""

    action: PlanAction
    id: str
    title: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class CostEstimated:
    """What applying a plan would take, by a dry run."""

    pages: int
    """To be read and written, child documents included."""
    chunks: int
    """About so many at most."""
    tokens: int
    """Of these chunks."""
    seconds: float | None
    """At the rate of the last run that wrote something; None: there was none."""
    rebuilds: bool
    """The store cannot be changed in place: a new collection is filled with every page."""
    by_record: bool
    """Chunks per page are those of the recorded pages; else they are assumed."""


@dataclass(frozen=True, slots=True)
class StoreTouched:
    """Something is about to be written or removed, whatever comes of it."""


@dataclass(frozen=True, slots=True)
class PageWritten:
    """A page was brought up to date."""

    kind: str
    """Why it was in the plan: ``add``, ``change``, ``move``, ``retry`` or ``check``."""
    touched: bool
    """Whether anything had to be sent or removed."""
    read_as: Literal["xml", "html", "text"]
    """The way that read its body."""
    type: str = "page"
    """Of child documents their own."""


@dataclass(frozen=True, slots=True)
class PagesRemoved:
    """Pages left the store."""

    count: int
    type: str = "page"
    """Of child documents their own."""


@dataclass(frozen=True, slots=True)
class PageNotWritten:
    """A page that could not be brought over; its last good chunks are kept."""

    id: str
    title: str
    reason: str
    attempts: int
    """Runs in which it failed, this one included."""
    quarantined: bool
    """Given up until it changes."""
    type: str = "page"


@dataclass(frozen=True, slots=True)
class FileUnreadable:
    """An attached file that should have text, and of which none could be read: its row is up to
    date, and it has no chunks."""

    id: str
    page_id: str
    filename: str
    reason: str


@dataclass(frozen=True, slots=True)
class FilesUnreadable:
    """All such files, at the end of a run: those of earlier runs included."""

    files: tuple[FileUnreadable, ...]


@dataclass(frozen=True, slots=True)
class FilesLeft:
    """Files on pages of the scope that are not mirrored, since ``ATTACHMENTS`` is not set; told in
    a mirror's first run. ``ports.MOST_COUNTED``: so many, or more."""

    count: int


@dataclass(frozen=True, slots=True)
class ChunksCounted:
    """What became of chunks."""

    fate: ChunkFate
    count: int


@dataclass(frozen=True, slots=True)
class DocumentsCounted:
    """What became of documents in the tree."""

    fate: DocumentFate
    count: int


@dataclass(frozen=True, slots=True)
class RotationBegan:
    """From here on pages go into a new collection, which nobody reads yet."""


@dataclass(frozen=True, slots=True)
class RotationFinished:
    """The new collection has taken the old one's place: what that changed for readers."""

    listed: int
    kinds: Mapping[str, int]
    """Pages that differ from the old collection, by kind (``PageWritten.kind``)."""
    removed: int
    children: Mapping[str, ChildPlan] = field(default_factory=dict)
    """The same of child documents, by type."""


@dataclass(frozen=True, slots=True)
class DriftFound:
    """A chunk is not in the store as it should be; or, of the kind ``readers``, a page is recorded
    for other readers than Confluence has; or, of the kind ``document``, a file is not in the tree
    as it was written."""

    kind: DriftKind
    chunk_id: str
    """Or a page's, or a file's path."""


@dataclass(frozen=True, slots=True)
class WatermarkMoved:
    """Everything up to this moment was applied, or recorded for retry."""

    to: datetime


Event: TypeAlias = (
    StoreConnected
    | StoreLearned
    | ScopeResolved
    | TreeOpened
    | CollectionChosen
    | PhaseBegan
    | PhaseAdvanced
    | PagesListed
    | PlanMade
    | PagePlanned
    | CostEstimated
    | StoreTouched
    | PageWritten
    | PagesRemoved
    | PageNotWritten
    | FileUnreadable
    | FilesUnreadable
    | FilesLeft
    | ChunksCounted
    | DocumentsCounted
    | RotationBegan
    | RotationFinished
    | DriftFound
    | WatermarkMoved
)
Emit: TypeAlias = Callable[[Event], None]
