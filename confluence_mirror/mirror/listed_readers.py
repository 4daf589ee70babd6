"""Restrictions as a listing brings them, and the key of each listed page, in a private temporary
database: memory does not grow with the number of pages."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluence_mirror.batches import in_batches
from confluence_mirror.errors import StateUnusable
from confluence_mirror.model import Restrictions

_BATCH = 500
_TABLES = """
CREATE TABLE restriction (id TEXT PRIMARY KEY, audiences TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE access (id TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
"""


class ListedReaders:
    """What is known of readers, by element of the page tree. Filled from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Drop the temporary database."""
        with self._lock:
            self._db.close()

    def add_restrictions(self, found: Mapping[str, Restrictions]) -> None:
        """Take over what elements ask of their readers."""
        rows = [
            (element, json.dumps([sorted(audience) for audience in restrictions]))
            for element, restrictions in found.items()
        ]
        self._put_rows("INSERT OR REPLACE INTO restriction VALUES (?, ?)", rows)

    def restrictions_of(self, ids: Sequence[str]) -> dict[str, Restrictions]:
        """Of these elements; without those of which nothing is known."""
        rows = self._rows_among(ids, "SELECT id, audiences FROM restriction WHERE id IN")
        return {str(row[0]): tuple(map(frozenset, json.loads(row[1]))) for row in rows}

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """The ``access`` keys of these pages; an empty one: recorded once, and no longer."""
        self._put_rows("INSERT OR REPLACE INTO access VALUES (?, ?)", list(keys.items()))

    def keys_of(self, ids: Sequence[str]) -> dict[str, str]:
        """The keys of these pages; without those that have none."""
        rows = self._rows_among(ids, "SELECT id, key FROM access WHERE id IN")
        return {str(row[0]): str(row[1]) for row in rows}

    def _put_rows(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._lock:
            try:
                self._db.execute("BEGIN")
                self._db.executemany(statement, rows)
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise StateUnusable(
                    f"The readers of pages do not fit into the temporary folder ({error}).",
                    hint="Make room there, or set TMPDIR to another folder.",
                ) from None

    def _rows_among(self, ids: Sequence[str], statement: str) -> Iterator[tuple[Any, ...]]:
        for some in in_batches(ids, _BATCH):
            with self._lock:
                found = self._db.execute(f"{statement} ({', '.join('?' * len(some))})", some)
                yield from found.fetchall()
