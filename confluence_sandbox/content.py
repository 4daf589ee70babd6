"""What a site is made of. Identity is the id; everything else about content can change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

BODY_TYPES = ("page", "blogpost")
"""What has a body."""
PREFIXES = ("global", "my", "team", "system")


@dataclass(slots=True)
class Person:
    """A user as this credential sees one. Email and display name may be withheld."""

    account_id: str
    display_name: str | None
    email: str = ""
    account_type: str = "atlassian"
    """``atlassian``, ``app``, ``customer``, ``unknown`` or empty."""
    status: str = "active"
    time_zone: str | None = None

    @property
    def known(self) -> bool:
        """False for a deleted account."""
        return self.status != "closed"


@dataclass(slots=True)
class Group:
    """People under one name. One that was removed has no members, and restrictions name it
    still."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    """Account ids."""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may look: these people, and the members of these groups."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """Ids of groups."""


@dataclass(slots=True)
class SpaceInfo:
    """A space."""

    id: int
    key: str
    name: str
    type: str = "global"
    status: str = "current"
    created_at: datetime = field(default=datetime(2020, 1, 1, tzinfo=UTC))
    author: str = ""
    homepage: str | None = None
    hidden: bool = False
    """The credential may not see it."""
    readers: Readers | None = None
    """Who may view it beside the credential; None: every user of the site."""
    archivists: tuple[str, ...] = ()
    """Who has a role here that does not let them view anything."""
    public: bool = False
    """Anonymous visitors see it."""
    alias: str = ""
    """Another key that still leads to it; empty: its own."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version: number and moment change with every edit, and with nothing else."""

    number: int
    created_at: datetime
    author: str
    message: str = ""
    minor: bool = False


@dataclass(slots=True)
class Content:
    """A page, blog post, folder, whiteboard, database or embed."""

    id: str
    number: int
    """The id as a number: the order of listings."""
    type: str
    title: str
    space_id: int
    author: str
    created_at: datetime
    version: VersionInfo
    status: str = "current"
    parent_id: str | None = None
    former_parent: str | None = None
    position: int = 0
    subtype: str | None = None
    """``live`` for a live doc."""
    labels: tuple[tuple[str, str], ...] = ()
    """(prefix, name)."""
    readers: Readers | None = None
    """Read restrictions, which hold for everything below, too; None: there are none."""
    source: str | Callable[[], str] = ""
    """The storage body, or what makes it: large sites keep none in memory."""

    @property
    def restricted(self) -> bool:
        """Has it read restrictions of its own?"""
        return self.readers is not None

    @property
    def body(self) -> str:
        """The storage body."""
        return self.source if isinstance(self.source, str) else self.source()


@dataclass(slots=True)
class Contained(Content):
    """What belongs to a page or blog post, moves with it, and goes with it."""

    container_id: str = ""


@dataclass(slots=True)
class Comment(Contained):
    """A comment; its title is ``Re:`` and the title of what it is on."""

    reply_to: str | None = None
    """The comment that it answers; None: it begins a thread."""
    location: str = "footer"
    """``footer`` or ``inline``."""
    resolution: str = "open"
    """``open``, ``reopened``, ``resolved``, or ``dangling``: the marked text is gone."""
    resolved_by: str = ""
    """Who resolved or reopened it last; empty: nobody."""
    resolved_at: datetime | None = None
    marker: str = ""
    """``ac:ref`` of the marker in the page's body."""
    selection: str = ""
    """The text that was marked."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What was uploaded as one version of a file."""

    version: VersionInfo
    data: bytes
    media_type: str
    comment: str
    file_id: str
    """The media host's id: another one for each upload."""


@dataclass(slots=True)
class Attached(Contained):
    """A file on a page; its title is the file's name."""

    uploads: tuple[Upload, ...] = ()
    """Every version, the newest last."""

    @property
    def newest(self) -> Upload:
        """The current version."""
        return self.uploads[-1]

    def upload(self, number: int) -> Upload | None:
        """A version by its number."""
        return next((each for each in self.uploads if each.version.number == number), None)
