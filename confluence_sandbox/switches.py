"""What the gateway may do differently: every one is something that a real site was seen doing, or
may do."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

SCOPES = frozenset(
    {
        "search:confluence",
        "read:confluence-user",
        "read:confluence-content.all",
        "read:confluence-content.summary",
        "read:confluence-space.summary",
        "readonly:content.attachment:confluence",
        "read:page:confluence",
        "read:space:confluence",
        "read:attachment:confluence",
        "read:comment:confluence",
        "read:content.metadata:confluence",
        "read:folder:confluence",
        "read:whiteboard:confluence",
        "read:database:confluence",
        "read:embed:confluence",
        "read:hierarchical-content:confluence",
        "read:user:confluence",
        "read:space.permission:confluence",
        "read:configuration:confluence",
        "read:confluence-content.permission",
    }
)
"""Everything that the routes ask for, classic (v1) and granular (v2)."""


@dataclass
class Caps:
    """The most rows a page; more is clamped in silence."""

    v2: int = 250
    search: int = 1000
    expand: int = 200
    body: int = 50
    export: int = 25
    legacy: int = 1000


@dataclass
class Switches:
    """The gateway's manners. The defaults are those of a healthy site."""

    revoked: bool = False
    """The credential is refused: 403 on v1, 404 on v2."""
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    scoped_token: bool = True
    """A scoped token works on the gateway only: the site's own host answers 401 with HTML."""
    legacy: bool = False
    """Serve the removed v1 routes, with their deprecation headers, in place of 410."""
    caps: Caps = field(default_factory=Caps)
    short_pages: int = 2
    """Rows that every second page of a search lacks, though more follow."""
    empty_pages: bool = False
    """Before every following page of a search comes an empty one, with a next link."""
    endless: bool = False
    """Past its end a search goes on with empty pages, each with a next link."""
    repeat_cursor: bool = False
    """A search gives the same cursor again and again."""
    duplicate_rows: bool = False
    """Each following page of a search begins with the last row of the one before."""
    swap_rows: bool = False
    """Rows within a page of a search come in reverse order."""
    total_size_error: int = 3
    """By how much ``totalSize`` is too large."""
    cursor_growth: int = 0
    """Bytes by which the cursor grows from page to page."""
    next_keeps_expand: bool = False
    """Whether the next link of a search carries ``expand``: it is not known of the real one."""
    max_target: int = 8192
    """Longest path and query in bytes; 413 above."""
    heavy_limit: int = 0
    """413 for a page of a listing that is asked for with a higher limit; 0: for none."""
    cql_time_zone: str = "UTC"
    """Where absolute CQL literals are at home."""
    ancestor_through_folders: bool = True
    administrator: bool = False
    """The credential is an administrator's: it may ask what others may do."""
    role_mode: str = "PRE_ROLES"
    """Where a site is on its way from space permissions to roles: ``PRE_ROLES``,
    ``ROLES_TRANSITION`` or ``ROLES``."""
    nested_restrictions: int = 200
    """People and groups in one ``expand=restrictions``; more are left out, without a link."""
    nested_labels: int = 200
    """Labels in one ``expand=metadata.labels``; more have a next link of their own."""
    media_seconds: float = 600
    """How long the address of a file is good."""
    media_once: bool = True
    """It is good for one answer."""
    media_ranges: bool = True
    """The media host gives parts of files: it is not known of the real one."""
    folder_date_as_number: bool = False
    """Folders give ``createdAt`` as milliseconds."""
    latency: float = 0.0
    """Seconds before every answer."""
    rate_headers: bool = False
    """Rate limit headers on every answer, as sites send them near a limit."""

    def change(self, values: dict[str, Any]) -> None:
        """Set by name; ``caps`` takes a mapping, ``scopes`` a list. ``KeyError`` for an unknown
        name."""
        known = {each.name for each in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise KeyError(name)
            if name == "caps":
                self.caps = Caps(**{**vars(self.caps), **value})
            else:
                setattr(self, name, set(value) if name == "scopes" else value)
