"""Restrictions and groups as v1 writes them.

Shapes: Atlassian's OpenAPI description of the v1 API.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from confluence_sandbox.content import Content, Group, Person, Readers
from confluence_sandbox.site import Site

Row = dict[str, Any]
OPERATIONS = ("read", "update")
SUBJECTS = ("user", "group")


class RowsAccess:
    """Makes rows of who is named by a restriction."""

    def __init__(self, site: Site, base: str, user: Callable[[Person | None, str], Row]) -> None:
        """``user`` makes the row of a user."""
        self.site = site
        self.base = base
        self._user = user

    def expanded(self, of: Content, expand: frozenset[str], limit: int) -> Row:
        """``restrictions`` in the row of content: the operations that are expanded, with lists
        that end at their limit without a word."""
        wanted = {name.removeprefix("restrictions.") for name in expand}
        made: Row = {"_expandable": {}, "_links": {"self": self._where(of)}}
        for operation in OPERATIONS:
            inner = {name for name in wanted if name.partition(".")[0] == operation}
            if not inner:
                made["_expandable"][operation] = f"{self._where(of)}/{operation}"
                continue
            subjects = [kind for kind in SUBJECTS if f"{operation}.restrictions.{kind}" in inner]
            made[operation] = self.restriction(of, operation, subjects, limit=limit)
        return made

    def restriction(
        self,
        of: Content,
        operation: str,
        subjects: Sequence[str] = SUBJECTS,
        *,
        start: int = 0,
        limit: int = 100,
    ) -> Row:
        """One operation: nobody is named where the content itself is open to all."""
        readers = self.readers(of) if operation == "read" else Readers()
        people = [self._user(self.site.people.get(each), each) for each in readers.users]
        groups = [self.group(self.site.groups[each]) for each in readers.groups]
        lists = {
            kind: _part(rows, start, limit)
            for kind, rows in (("user", people), ("group", groups))
            if kind in subjects
        }
        left = {kind: "" for kind in SUBJECTS if kind not in subjects}
        return {
            "operation": operation,
            "restrictions": lists | ({"_expandable": left} if left else {}),
            "_expandable": {"content": f"/rest/api/content/{of.id}"},
            "_links": {"self": f"{self._where(of)}/{operation}"},
        }

    def readers(self, of: Content) -> Readers:
        """The restrictions as they are now, though a row of the index be older."""
        return (self.site.find(of.id) or of).readers or Readers()

    def group(self, of: Group) -> Row:
        """A group."""
        return {
            "type": "group",
            "name": of.name,
            "id": of.id,
            "usageType": "USERBASE_GROUP",
            "managedBy": "ADMINS",
            "_links": {"self": f"{self.base}/rest/api/group/by-id?id={of.id}"},
        }

    def _where(self, of: Content) -> str:
        return f"{self.base}/rest/api/content/{of.id}/restriction/byOperation"


def _part(rows: Sequence[Row], start: int, limit: int) -> Row:
    given = list(rows[start : start + limit])
    return {"results": given, "start": start, "limit": limit, "size": len(given)}
