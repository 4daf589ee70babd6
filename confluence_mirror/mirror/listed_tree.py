"""What stands beside what in a listing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluence_mirror.model import CHILD_TYPES

_ROOTLESS = (
    "(coalesce(parent_id, '') = '' OR NOT EXISTS (SELECT 1 FROM ref AS page WHERE page.id ="
    " {0}.parent_id) AND NOT EXISTS (SELECT 1 FROM node AS above WHERE above.id = {0}.parent_id))"
)
"""In this table: without a parent, or without one that is seen."""
_NO_CHILD = f"type NOT IN ({', '.join(repr(each) for each in CHILD_TYPES)})"


class ListedTree:
    """Asks the rows of a listing. Exact once all that stands above them is among them."""

    def __init__(self, select: Callable[..., list[tuple[Any, ...]]]) -> None:
        """``select``: what a statement gives with its values."""
        self._select = select

    def prepare(self) -> None:
        """Before many questions."""
        for table in ("ref", "node"):
            for column in ("parent_id", "space_id"):
                index = f"{table}_{column} ON {table} ({column})"
                self._select(f"CREATE INDEX IF NOT EXISTS {index}")

    def files_of(self, page_id: str) -> dict[str, str]:
        """Filenames by id of what is attached to a page."""
        statement = (
            "SELECT id, title FROM ref WHERE parent_id = ? AND type = 'attachment' AND in_scope = 1"
        )
        return dict(self._select(statement, (page_id,)))

    def beneath(self, parent_id: str, space_id: str) -> dict[str, str]:
        """Titles by id of what stands below an element, in scope or not; with an empty id, of what
        has no parent in its space, or none that is seen."""
        found: dict[str, str] = {}
        for table in ("node", "ref"):
            rootless = f"space_id = ? AND {_ROOTLESS.format(table)}"
            condition = "parent_id = ?" if parent_id else rootless
            statement = f"SELECT id, title FROM {table} WHERE {condition} AND {_NO_CHILD}"
            found |= self._select(statement, (parent_id or space_id,))
        return found
