"""What Confluence shows right now, and the tree in which it stands."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Container, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from confluence_mirror.errors import NOT_ANSWERED, IncompleteEvidence, PermissionRefused
from confluence_mirror.mirror.listed_readers import ListedReaders
from confluence_mirror.mirror.listed_rows import SELECT, ListedRows, ref_of_row
from confluence_mirror.mirror.listed_tree import ListedTree
from confluence_mirror.mirror.ports import Source
from confluence_mirror.model import Node, PageRef, Space

log = logging.getLogger(__name__)

FEW_FOLDERS = 3
"""So many folders are asked for one by one."""

_UNANSWERED = 8
"""After so many containers that could not be read the others are not asked for in this run."""

Sight = Literal["whole", "hidden", "unanswered"]
"""How far a parent chain was seen: to the root, to an element that is hidden from us, to one that
could not be read."""


class Listing(ListedRows):
    """The rows of a listing, and what stands above them."""

    def __init__(self, source: Source, *, deciding: Collection[str] = ()) -> None:
        """``deciding``: types of elements that decide, standing above a page, whether it is in the
        scope; the others decorate."""
        super().__init__()
        self.notices: set[str] = set()
        """What an operator is to be told once for a mirror (``notices.Notices``)."""
        self._deciding = deciding
        self._source = source
        self._node = lru_cache(maxsize=20_000)(self._find_node)
        self._unanswered: set[str] = set()
        self._unreadable_types: dict[str, dict[str, Node]] = {}
        self.readers, self.tree = ListedReaders(), ListedTree(self._select_rows)

    def close(self) -> None:
        """Drop the temporary databases."""
        self.readers.close()
        super().close()

    def ancestors(self, ref: PageRef) -> tuple[str, ...]:
        """Titles from the root to the parent. Parents that are no pages are fetched by type, once a
        run."""
        return tuple(node.title for node in self.walk_up(ref)[0] if node.title)

    def sees_ancestors(self, ref: PageRef) -> bool:
        """False where ``ancestors`` lacks something only because a question was not answered in
        this run."""
        return self.walk_up(ref)[1] != "unanswered"

    def is_below(self, ref: PageRef, roots: Container[str]) -> bool | None:
        """Whether the parent chain reaches one of these elements (a root page itself counts); None
        if it breaks off unseen."""
        chain, sight = self.walk_up(ref)
        if ref.id in roots or any(node.id in roots for node in chain):
            return True
        return False if sight == "whole" else None

    def complete_tree(self, spaces: Iterable[Space]) -> None:
        """Fetch what stands above rows and was not listed, level by level: pages in bulk, and in
        these spaces the folders at once where more than a few are missing. What then is missing is
        asked for one by one."""
        asked: set[str] = set()
        unlearned = {space.id: space for space in spaces}
        while True:
            missing = self._select_rows(_MISSING_ABOVE)
            pages = [str(row[0]) for row in missing if row[1] == "page" and row[0] not in asked]
            of_space = Counter(str(row[2]) for row in missing if row[1] == "folder")
            many = [
                unlearned.pop(key)
                for key, count in of_space.items()
                if count > FEW_FOLDERS and key in unlearned
            ]
            if not pages and not many:
                return
            asked.update(pages)
            with suppress(IncompleteEvidence):
                found = self._source.look_up(pages, "page") if pages else {}
                self.keep_nodes(_node(ref) for ref in found.values() if ref.status)
            for space in many:
                self.keep_nodes(self._source.list_folders(space.key).values())

    def learn_folders(self, spaces: Iterable[Space]) -> None:
        """Fetch the folders of spaces in bulk where that is cheaper than one by one; what is
        missing is asked later."""
        for space in spaces:
            rows = self._select_rows(
                "SELECT count(DISTINCT parent_id) FROM ref WHERE parent_type = 'folder' AND"
                " space_id = ?",
                (space.id,),
            )
            if rows[0][0] > FEW_FOLDERS:
                self.keep_nodes(self._source.list_folders(space.key).values())

    def keep_nodes(self, nodes: Iterable[Node]) -> None:
        """Take over what stands above rows."""
        values = [
            (node.id, node.type, node.title, node.parent_id, node.parent_type, node.space_id)
            for node in nodes
        ]
        self._execute_many("INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?)", values)

    def walk_up(self, ref: PageRef) -> tuple[list[Node], Sight]:
        """The ancestors, root first, and how far the chain was seen. One that bites its tail is not
        seen to its end."""
        chain: dict[str, Node] = {}
        node_id, node_type = ref.parent_id, ref.parent_type
        while node_id:
            node = None if node_id in chain else self._node(node_id, node_type or "page")
            if node is None:
                return [*chain.values()][::-1], (
                    "unanswered" if node_id in self._unanswered else "hidden"
                )
            chain[node_id] = node
            node_id, node_type = node.parent_id, node.parent_type
        return [*chain.values()][::-1], "whole"

    def _find_node(self, node_id: str, node_type: str) -> Node | None:
        rows = self._select_rows(f"{SELECT} WHERE id = ?", (node_id,))
        if rows:
            return _node(ref_of_row(rows[0]))
        rows = self._select_rows(
            "SELECT id, type, title, parent_id, parent_type, space_id FROM node WHERE id = ?",
            (node_id,),
        )
        return Node(*rows[0]) if rows else self._ask_node(node_id, node_type)

    def _ask_node(self, node_id: str, node_type: str) -> Node | None:
        """What it decorates does not stop for it: one that cannot be read is missing in this
        run, and those of a type that the token may not read are missing in every run."""
        if node_type in self._unreadable_types:
            return self._unreadable_types[node_type].get(node_id)
        if len(self._unanswered) < _UNANSWERED:
            try:
                found = self._source.find_node(node_id, node_type)
                self.keep_nodes([found] if found else [])
                return found
            except NOT_ANSWERED as failure:
                if isinstance(failure, PermissionRefused) and failure.scope:
                    return self._do_without(node_id, node_type, failure)
                self.notices.add(
                    f"{node_type} {node_id}, which holds pages, cannot be read: {failure}"
                )
        self._unanswered.add(node_id)
        return None

    def _do_without(self, node_id: str, node_type: str, refusal: PermissionRefused) -> Node | None:
        """A type whose scope the token lacks. Where a folder's name decorates it is left out, and
        what the index knows of its place joins the pages below it to those above."""
        if node_type in self._deciding:
            raise refusal
        places: dict[str, Node] = {}
        if node_type == "folder":
            spaces = self._select_rows(
                "SELECT DISTINCT space_id FROM ref WHERE parent_type = 'folder'"
            )
            keys = {space.id: space.key for space in self._source.list_spaces()}
            for row in spaces:
                found = self._source.list_folders(keys.get(row[0], ""))
                places |= {each: replace(node, title="") for each, node in found.items()}
        self._unreadable_types[node_type] = places
        self.notices.add(
            f"{refusal} Without it, breadcrumbs leave out {node_type}s"
            f"{'' if node_type == 'folder' else ', and what stands above them'}."
        )
        return places.get(node_id)


_MISSING_ABOVE = """
WITH RECURSIVE above (id, type, space_id) AS (
    SELECT parent_id, parent_type, space_id FROM ref WHERE parent_id <> '' AND in_scope <> 2
    UNION
    SELECT coalesce(ref.parent_id, node.parent_id), coalesce(ref.parent_type, node.parent_type),
        above.space_id
    FROM above LEFT JOIN ref USING (id) LEFT JOIN node ON node.id = above.id
    WHERE coalesce(ref.parent_id, node.parent_id) <> ''
)
SELECT id, type, space_id FROM above
WHERE id NOT IN (SELECT id FROM ref) AND id NOT IN (SELECT id FROM node)
"""
"""Every element of the parent chains that is not known yet, and the space of the row below it."""


def _node(ref: PageRef) -> Node:
    return Node(ref.id, ref.type, ref.title, ref.parent_id, ref.parent_type, ref.space_id)
