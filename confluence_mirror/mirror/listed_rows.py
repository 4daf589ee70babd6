"""What Confluence shows right now, row by row, in a private temporary database: memory does not
grow with the number of pages."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluence_mirror.errors import StateUnusable
from confluence_mirror.model import CHILD_TYPES, PageRef, Version

BATCH = 500

_TABLES = """
CREATE TABLE ref (
    id TEXT PRIMARY KEY, type TEXT, status TEXT, space_id TEXT, title TEXT,
    parent_id TEXT, parent_type TEXT,
    author_id TEXT, created_at TEXT, version_number INTEGER, version_at TEXT, webui TEXT,
    details TEXT,
    in_scope INTEGER NOT NULL DEFAULT 1 -- 0: out of scope, -1: undecided, 2: its page is not known
) WITHOUT ROWID;
CREATE TABLE label ( -- known 0: nobody could say, so these are the recorded ones
    id TEXT PRIMARY KEY, names TEXT NOT NULL, known INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE node ( -- what stands above rows and was not listed
    id TEXT PRIMARY KEY, type TEXT, title TEXT, parent_id TEXT, parent_type TEXT, space_id TEXT
) WITHOUT ROWID;
CREATE TABLE work (id TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
"""
_CHILD = f"type IN ({', '.join(repr(each) for each in CHILD_TYPES)})"
_PAGE = f"NOT {_CHILD}"


class ListedRows:
    """Rows of pages and child documents, their labels, and what a plan says of them.

    SQLite keeps what does not fit its cache in an unnamed temporary file. The lock lets several
    threads fill it, and the readers' threads draw work from it while the run's own thread goes on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Drop the temporary database. A thread that still fills it fails; nobody waits for it any
        more."""
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
        """Take over rows of pages; a repeated id keeps the last."""
        self._put_rows(refs, 1)

    def add_children(self, refs: Iterable[PageRef]) -> None:
        """Take over rows of child documents, which are in no scope until ``place_children``."""
        self._put_rows(refs, 2)

    def _put_rows(self, refs: Iterable[PageRef], in_scope: int) -> None:
        rows = [
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
                r.details,
                in_scope,
            )
            for r in refs
        ]
        marks = ", ".join("?" * 14)
        self._execute_many(f"INSERT OR REPLACE INTO ref VALUES ({marks})", rows)  # noqa: S608 - only marks

    def place_children(self) -> None:
        """Bring the child documents of the pages in scope into the scope.

        One without a title has its page's; an address that begins with ``?`` goes on its page's.
        """
        with self._use_database():
            self._db.execute(_PLACE_CHILDREN)

    def inherit_labels(self) -> None:
        """Child documents without labels of their own have their page's."""
        with self._use_database():
            self._db.execute(_INHERIT_LABELS)

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
        """Pages in scope."""
        return int(self._select_rows(_COUNT_PAGES)[0][0])

    def count_children(self) -> dict[str, int]:
        """Child documents in scope, by type."""
        return dict(self._select_rows(_COUNT_CHILDREN))

    def any_ref(self, avoid_space: str = "") -> PageRef | None:
        """Some page in scope (of another space where one is to be avoided): a canary."""
        rows = self._select_rows(
            f"{SELECT} WHERE in_scope = 1 AND {_PAGE} AND space_id <> ? LIMIT 1", (avoid_space,)
        )
        return ref_of_row(rows[0]) if rows else None

    def refs(self, ids: Sequence[str]) -> dict[str, PageRef]:
        """Rows in scope by id."""
        return {
            str(row[0]): ref_of_row(row)
            for row in self._select_among(ids, f"{SELECT} WHERE in_scope = 1")
        }

    def shown_ids(self, ids: Sequence[str]) -> set[str]:
        """Of these ids, those in scope."""
        return {
            str(row[0]) for row in self._select_among(ids, "SELECT id FROM ref WHERE in_scope = 1")
        }

    def children(self, ids: Sequence[str]) -> dict[str, PageRef]:
        """Child documents by id, in scope or not."""
        found = self._select_among(ids, f"{SELECT} WHERE {_CHILD}")
        return {str(row[0]): ref_of_row(row) for row in found}

    def standing(self, page_ids: Sequence[str]) -> dict[str, int]:
        """Of the pages that are known: 1 in scope, 0 out of it, -1 undecided."""
        rows = self._select_among(page_ids, _STANDING)
        return {str(row[0]): int(row[1]) for row in rows}

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
        return not self.guessed_among([page_id])

    def guessed_among(self, ids: Sequence[str]) -> set[str]:
        """Of these pages, those whose labels are only a guess."""
        rows = self._select_among(ids, "SELECT id FROM label WHERE known = 0")
        return {str(row[0]) for row in rows}

    def refs_in_scope(self) -> Iterator[list[PageRef]]:
        """Every page in scope, by id, in batches."""
        yield from self._read_batches(f"{SELECT} WHERE in_scope = 1 AND {_PAGE} AND id > ?")

    def children_in_scope(self) -> Iterator[list[PageRef]]:
        """Every child document in scope, by id, in batches."""
        yield from self._read_batches(f"{SELECT} WHERE in_scope = 1 AND {_CHILD} AND id > ?")

    def every_child(self) -> Iterator[list[PageRef]]:
        """Every child document, in scope or not, by id, in batches."""
        yield from self._read_batches(f"{SELECT} WHERE {_CHILD} AND id > ?")

    def every_ref(self) -> Iterator[list[PageRef]]:
        """Every row, in scope or not, by id, in batches."""
        yield from self._read_batches(f"{SELECT} WHERE id > ?")

    def scheduled_refs(self) -> Iterator[PageRef]:
        """Pages in the plan, by id."""
        for batch in self._read_batches(f"{SELECT} JOIN work USING (id) WHERE {_PAGE} AND id > ?"):
            yield from batch

    def scheduled_among(self, ids: Sequence[str]) -> dict[str, PageRef]:
        """Of these pages, those in the plan."""
        found = self._select_among(ids, f"{SELECT} JOIN work USING (id) WHERE {_PAGE}")
        return {str(row[0]): ref_of_row(row) for row in found}

    def scheduled_children(self) -> Iterator[PageRef]:
        """Child documents in the plan, by id."""
        scheduled = f"{SELECT} JOIN work USING (id) WHERE {_CHILD} AND id > ?"
        for batch in self._read_batches(scheduled):
            yield from batch

    def kinds(self) -> dict[str, dict[str, int]]:
        """How many are in the plan, by type and kind; those of pages and blog posts together."""
        found: dict[str, dict[str, int]] = {"page": {}}
        for document_type, kind, count in self._select_rows(_COUNT_WORK):
            found.setdefault(document_type, {})[kind] = count
        return found

    def kinds_among(self, ids: Sequence[str]) -> dict[str, str]:
        """Why each of these pages is in the plan."""
        rows = self._select_among(ids, "SELECT id, kind FROM work WHERE true")
        return {str(row[0]): str(row[1]) for row in rows}

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
            yield [ref_of_row(row) for row in rows]
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


SELECT = (
    "SELECT ref.id, type, status, space_id, title, parent_id, parent_type, author_id, created_at,"
    " version_number, version_at, webui, details FROM ref"
)


_COUNT_PAGES = f"SELECT count(*) FROM ref WHERE in_scope = 1 AND {_PAGE}"  # noqa: S608 - our words
_COUNT_CHILDREN = f"SELECT type, count(*) FROM ref WHERE in_scope = 1 AND {_CHILD} GROUP BY type"  # noqa: S608
_COUNT_WORK = f"""
SELECT CASE WHEN {_CHILD} THEN type ELSE 'page' END, kind, count(*) FROM ref JOIN work USING (id)
GROUP BY 1, 2
"""  # noqa: S608
_STANDING = f"SELECT id, in_scope FROM ref WHERE {_PAGE}"  # noqa: S608
_OF_THEIR_PAGE = "SELECT {} FROM ref page WHERE page.id = ref.parent_id AND page.in_scope = 1"
_PLACE_CHILDREN = f"""
UPDATE ref SET
    in_scope = 1,
    (space_id, parent_type) = ({_OF_THEIR_PAGE.format("space_id, type")}),
    title = coalesce(nullif(title, ''), ({_OF_THEIR_PAGE.format("title")})),
    webui = CASE WHEN webui LIKE '?%' THEN ({_OF_THEIR_PAGE.format("webui")}) ELSE '' END || webui
WHERE {_CHILD} AND in_scope = 2 AND EXISTS ({_OF_THEIR_PAGE.format("1")})
"""  # noqa: S608 - nothing foreign
_INHERIT_LABELS = f"""
INSERT OR IGNORE INTO label
SELECT ref.id, label.names, label.known FROM ref JOIN label ON label.id = ref.parent_id
WHERE ref.{_CHILD} AND ref.in_scope = 1
"""  # noqa: S608 - nothing foreign


def ref_of_row(row: Sequence[Any]) -> PageRef:
    """From the columns ``SELECT``."""
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
        row[12],
    )
