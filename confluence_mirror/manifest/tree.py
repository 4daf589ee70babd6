"""Which documents stand where in one tree, so that a run writes what differs, and never touches a
file that is not ours.

A path is noted before anything is written there, and forgotten after it was removed: killed at any
instant, each file of ours has its row. A row without a hash says that what is there is not known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from confluence_mirror.batches import in_batches
from confluence_mirror.manifest.database import Database, Row, atomic, marks
from confluence_mirror.manifest.records import Generation

BATCH = 500


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A file that is, or may be, in the tree."""

    path: str
    document: str
    """Id of the page whose text it is, or of the attached file."""
    hash: str = ""
    """Of its bytes; empty: not known."""
    aside: bool = False
    """It stands beside its own path, which something that is not ours has taken."""
    version: str = ""
    """Of a file that is attached to a page: the version that it is of. Empty: a page's text."""


class TreeRecord:
    """What one mirror wrote in one place. It outlives the collection: a rotation writes no file
    anew."""

    def __init__(self, database: Database, mirror: Sequence[str], place: str) -> None:
        """``mirror``: what it is known by, whatever its generation."""
        self.database = database
        # It stands in the manifest for each document: a digest takes less room than the names.
        named = json.dumps([*mirror, place])
        self._tree = hashlib.sha256(named.encode()).hexdigest()[:12]

    # -- reading

    def is_empty(self) -> bool:
        """Whether nothing is recorded."""
        statement = "SELECT 1 FROM cs_tree WHERE tree = ? LIMIT 1"
        return not self.database.run(statement, (self._tree,))

    def of_documents(self, documents: Sequence[str]) -> dict[str, list[TreeRow]]:
        """The rows of each of these documents: none, one, or several where a write was left
        open."""
        found: dict[str, list[TreeRow]] = {document: [] for document in documents}
        for row in self._where("document", documents):
            found[row.document].append(row)
        return found

    def at_paths(self, paths: Sequence[str]) -> dict[str, TreeRow]:
        """The rows of these paths; the unrecorded are left out."""
        return {row.path: row for row in self._where("path", paths)}

    def all_rows(self) -> Iterator[list[TreeRow]]:
        """Every row, in batches."""
        last = ""
        statement = (
            f"SELECT {_ROW} FROM cs_tree WHERE tree = ? AND path > ? ORDER BY path LIMIT {BATCH}"
        )
        while rows := self.database.run(statement, (self._tree, last)):
            yield [_tree_row(row) for row in rows]
            last = str(rows[-1][0])

    def left_behind(self, generation: Generation, most: int) -> list[TreeRow]:
        """Rows of documents that the mirror does not have, at most so many."""
        rows = self.database.run(
            f"SELECT {_ROW} FROM cs_tree WHERE tree = ? AND NOT EXISTS (SELECT 1 FROM cs_page WHERE"
            " generation = ? AND id = cs_tree.document) LIMIT ?",
            (self._tree, generation.id, most),
        )
        return [_tree_row(row) for row in rows]

    def _where(self, column: str, values: Sequence[str]) -> Iterator[TreeRow]:
        for some in in_batches(values, BATCH):
            statement = f"SELECT {_ROW} FROM cs_tree WHERE tree = ? AND {column} IN ({marks(some)})"
            yield from map(_tree_row, self.database.run(statement, (self._tree, *some)))

    # -- writing

    @atomic
    def put(self, rows: Sequence[TreeRow], gone: Sequence[str] = ()) -> None:
        """These rows are so from now on, whoever had their paths before; those of the paths
        ``gone`` are forgotten."""
        self.database.many(
            "DELETE FROM cs_tree WHERE tree = ? AND path = ?", [(self._tree, path) for path in gone]
        )
        self.database.many(
            f"INSERT INTO cs_tree (tree, {_ROW}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tree, path)"
            " DO UPDATE SET document = excluded.document, hash = excluded.hash, aside ="
            " excluded.aside, version = excluded.version",
            [
                (self._tree, row.path, row.document, row.hash, int(row.aside), row.version)
                for row in rows
            ],
        )

    def clear(self) -> None:
        """Forget all of it."""
        self.database.run("DELETE FROM cs_tree WHERE tree = ?", (self._tree,))


_ROW = "path, document, hash, aside, version"


def _tree_row(row: Row) -> TreeRow:
    return TreeRow(str(row[0]), str(row[1]), str(row[2]), bool(row[3]), str(row[4]))
