"""What Confluence shows right now, in a private temporary database: memory does not grow with the
number of pages."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Literal

from confluence_mirror.errors import (
    NOT_ANSWERED,
    IncompleteEvidence,
    PermissionRefused,
    StateUnusable,
)
from confluence_mirror.mirror.listed_readers import ListedReaders
from confluence_mirror.mirror.ports import Source
from confluence_mirror.model import Node, PageRef, Space, Version

log = logging.getLogger(__name__)

BATCH = 500
FEW_FOLDERS = 3
"""So many folders are asked for one by one."""

_TABLES = """
CREATE TABLE ref (
    id TEXT PRIMARY KEY, type TEXT, status TEXT, space_id TEXT, title TEXT,
    parent_id TEXT, parent_type TEXT,
    author_id TEXT, created_at TEXT, version_number INTEGER, version_at TEXT, webui TEXT,
    in_scope INTEGER NOT NULL DEFAULT 1 -- 0: out of scope, -1: undecided
) WITHOUT ROWID;
CREATE TABLE label ( -- known 0: nobody could say, so these are the recorded ones
    id TEXT PRIMARY KEY, names TEXT NOT NULL, known INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE node ( -- what stands above rows and was not listed
    id TEXT PRIMARY KEY, type TEXT, title TEXT, parent_id TEXT, parent_type TEXT, space_id TEXT
) WITHOUT ROWID;
CREATE TABLE work (id TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
"""

_UNANSWERED = 8
"""After so many containers that could not be read the others are not asked for in this run."""

Sight = Literal["whole", "hidden", "unanswered"]
"""How far a parent chain was seen: to the root, to an element that is hidden from us, to one that
could not be read."""


class Listing:
    """Rows of a listing, their labels, and what a plan says of them.

    SQLite keeps what does not fit its cache in an unnamed temporary file. The lock lets several
    threads fill it, and the readers' threads draw work from it while the run's own thread goes on.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_TABLES)
        self._node = lru_cache(maxsize=20_000)(self._find_node)
        self._unanswered: set[str] = set()
        self.readers = ListedReaders()

    def close(self) -> None:
        """Drop the temporary database. A thread that still fills it fails; nobody waits for it any
        more."""
        self.readers.close()
        with self._lock:
            self._db.close()

    @contextmanager
    def _use_database(self) -> Iterator[None]:
        """One thread at a time. Raises ``StateUnusable`` where the temporary file finds no room."""
        with self._lock:
            try:
                yield
            except sqlite3.OperationalError as error:
                raise StateUnusable(
                    f"The list of pages does not fit into the temporary folder ({error}).",
                    hint="Make room there, or set TMPDIR to another folder.",
                ) from None

    # -- filling

    def add(self, refs: Iterable[PageRef]) -> None:
        """Take over rows; a repeated id keeps the last."""
        rows = (
            (
                r.id,
                r.type,
                r.status,
                r.space_id,
                r.title,
                r.parent_id,
                r.parent_type,
                r.author_id,
                r.created_at,
                r.version.number,
                r.version.created_at,
                r.webui,
            )
            for r in refs
        )
        with self._use_database():
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR REPLACE INTO ref (id, type, status, space_id, title, parent_id,"
                " parent_type, author_id, created_at, version_number, version_at, webui) VALUES (?,"
                " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._db.execute("COMMIT")

    def add_labels(self, labels: Mapping[str, Sequence[str]], *, known: bool = True) -> None:
        """Take over labels by page id, before the pages' rows or after. ``known`` False: they are
        only a guess."""
        rows = [
            (page_id, json.dumps(sorted(names)), int(known)) for page_id, names in labels.items()
        ]
        self._execute_many("INSERT OR REPLACE INTO label VALUES (?, ?, ?)", rows)

    def exclude_pages(self, ids: Iterable[str]) -> None:
        """Mark rows as known, but out of scope."""
        self._execute_many(
            "UPDATE ref SET in_scope = 0 WHERE id = ?", [(page_id,) for page_id in ids]
        )

    def mark_undecided(self, ids: Iterable[str]) -> None:
        """Mark excluded rows as undecided: they are neither written nor removed."""
        self._execute_many(
            "UPDATE ref SET in_scope = -1 WHERE id = ?", [(page_id,) for page_id in ids]
        )

    def schedule_pages(self, kind: str, ids: Iterable[str]) -> None:
        """Put pages into the plan."""
        self._execute_many(
            "INSERT OR REPLACE INTO work VALUES (?, ?)", [(page_id, kind) for page_id in ids]
        )

    def _execute_many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._use_database():
            self._db.execute("BEGIN")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")

    # -- asking

    def count(self) -> int:
        """Rows in scope."""
        return int(self._select_rows("SELECT count(*) FROM ref WHERE in_scope = 1")[0][0])

    def any_ref(self, avoid_space: str = "") -> PageRef | None:
        """Some row in scope (of another space where one is to be avoided): a canary."""
        rows = self._select_rows(
            f"{_SELECT} WHERE in_scope = 1 AND space_id <> ? LIMIT 1", (avoid_space,)
        )
        return _ref_of_row(rows[0]) if rows else None

    def refs(self, ids: Sequence[str]) -> dict[str, PageRef]:
        """Rows in scope by id."""
        return {
            str(row[0]): _ref_of_row(row)
            for row in self._select_among(ids, f"{_SELECT} WHERE in_scope = 1")
        }

    def shown_ids(self, ids: Sequence[str]) -> set[str]:
        """Of these ids, those in scope."""
        return {
            str(row[0]) for row in self._select_among(ids, "SELECT id FROM ref WHERE in_scope = 1")
        }

    def excluded(self, ids: Sequence[str]) -> dict[str, bool]:
        """Of these ids, those that are known but out of scope: id → whether that is certain."""
        rows = self._select_among(ids, "SELECT id, in_scope FROM ref WHERE in_scope < 1")
        return {str(row[0]): row[1] == 0 for row in rows}

    def labels_of(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Labels of these pages; without those of which nobody brought any."""
        rows = self._select_among(ids, "SELECT id, names FROM label WHERE true")
        return {str(row[0]): tuple(json.loads(row[1])) for row in rows}

    def labels(self, page_id: str) -> tuple[str, ...] | None:
        """Labels of a page; None where nobody brought any."""
        return self.labels_of([page_id]).get(page_id)

    def labelled_but_unlisted(self, limit: int) -> list[str]:
        """Ids of pages that the index named and no listing showed; at most ``limit``."""
        rows = self._select_rows(
            "SELECT id FROM label WHERE id NOT IN (SELECT id FROM ref) ORDER BY id LIMIT ?",
            (limit,),
        )
        return [str(row[0]) for row in rows]

    def knows_labels(self, page_id: str) -> bool:
        """False where the labels that ``labels`` gives are only a guess."""
        return not self._select_rows("SELECT 1 FROM label WHERE id = ? AND known = 0", (page_id,))

    def refs_in_scope(self) -> Iterator[list[PageRef]]:
        """Every row in scope, by id, in batches."""
        yield from self._read_batches(f"{_SELECT} WHERE in_scope = 1 AND id > ?")

    def every_ref(self) -> Iterator[list[PageRef]]:
        """Every row, in scope or not, by id, in batches."""
        yield from self._read_batches(f"{_SELECT} WHERE id > ?")

    def scheduled_refs(self) -> Iterator[PageRef]:
        """Rows in the plan, by id."""
        for batch in self._read_batches(f"{_SELECT} JOIN work USING (id) WHERE id > ?"):
            yield from batch

    def kinds(self) -> dict[str, int]:
        """Pages in the plan by kind."""
        return dict(self._select_rows("SELECT kind, count(*) FROM work GROUP BY kind"))

    def kind(self, page_id: str) -> str:
        """Why a page is in the plan."""
        return str(self._select_rows("SELECT kind FROM work WHERE id = ?", (page_id,))[0][0])

    def titles(self, kind: str) -> list[tuple[str, str]]:
        """Ids and titles of the plan's pages of one kind."""
        rows = self._select_rows(
            "SELECT id, title FROM ref JOIN work USING (id) WHERE kind = ? ORDER BY title", (kind,)
        )
        return [(str(row[0]), str(row[1])) for row in rows]

    def _read_batches(self, statement: str) -> Iterator[list[PageRef]]:
        last = ""
        while True:
            rows = self._select_rows(f"{statement} ORDER BY id LIMIT {BATCH}", (last,))
            if not rows:
                return
            yield [_ref_of_row(row) for row in rows]
            last = str(rows[-1][0])

    def _select_among(self, ids: Sequence[str], statement: str) -> Iterator[tuple[Any, ...]]:
        """What a statement that ends in a condition gives for these ids."""
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            yield from self._select_rows(
                f"{statement} AND id IN ({', '.join('?' * len(batch))})", batch
            )

    def _select_rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._use_database():
            return self._db.execute(statement, tuple(values)).fetchall()

    # -- the tree

    def ancestors(self, ref: PageRef) -> tuple[str, ...]:
        """Titles from the root to the parent. Parents that are no pages are fetched by type, once a
        run."""
        return tuple(node.title for node in self.walk_up(ref)[0])

    def sees_ancestors(self, ref: PageRef) -> bool:
        """False where ``ancestors`` lacks something only because a question was not answered in
        this run."""
        return self.walk_up(ref)[1] != "unanswered"

    def is_below(self, ref: PageRef, root_id: str) -> bool | None:
        """Whether the parent chain reaches ``root_id`` (the root page itself counts); None if it
        breaks off unseen."""
        chain, sight = self.walk_up(ref)
        if ref.id == root_id or any(node.id == root_id for node in chain):
            return True
        return False if sight == "whole" else None

    def complete_tree(self, spaces: Iterable[Space], *, folders: bool) -> None:
        """Fetch what stands above rows and was not listed, level by level: pages in bulk, and, if
        wanted, the folders of a space at once where more than a few are missing. What then is
        missing is asked for one by one."""
        asked: set[str] = set()
        unlearned = {space.id: space for space in spaces} if folders else {}
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
        rows = self._select_rows(f"{_SELECT} WHERE id = ?", (node_id,))
        if rows:
            return _node(_ref_of_row(rows[0]))
        rows = self._select_rows(
            "SELECT id, type, title, parent_id, parent_type, space_id FROM node WHERE id = ?",
            (node_id,),
        )
        return Node(*rows[0]) if rows else self._ask_node(node_id, node_type)

    def _ask_node(self, node_id: str, node_type: str) -> Node | None:
        """What it decorates does not stop for it: one that cannot be read is missing in this
        run."""
        if len(self._unanswered) < _UNANSWERED:
            try:
                return self._source.find_node(node_id, node_type)
            except NOT_ANSWERED as failure:
                if isinstance(failure, PermissionRefused) and failure.scope:
                    raise
                log.warning(
                    "%s %s, which holds pages, cannot be read: %s", node_type, node_id, failure
                )
        self._unanswered.add(node_id)
        return None


_SELECT = (
    "SELECT ref.id, type, status, space_id, title, parent_id, parent_type, author_id, created_at,"
    " version_number, version_at, webui FROM ref"
)

_MISSING_ABOVE = """
WITH RECURSIVE above (id, type, space_id) AS (
    SELECT parent_id, parent_type, space_id FROM ref WHERE parent_id <> ''
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


def _ref_of_row(row: Sequence[Any]) -> PageRef:
    return PageRef(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        row[7],
        row[8],
        Version(row[9], row[10]),
        row[11],
    )
