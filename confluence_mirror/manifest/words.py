"""The words of one generation's text index, in SQLite (FTS5) or PostgreSQL (``postgresql_words``).

The terms are ours in both (``text.terms``). Rows go by the number that ``cs_text`` gives them.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from confluence_mirror.manifest.database import Database
from confluence_mirror.text.plain import PLAIN_REVISION, plain_form
from confluence_mirror.text.terms import TERMS_REVISION, index_terms

WORDS_REVISION = f"{TERMS_REVISION}.{PLAIN_REVISION}"
"""Changes whenever the words of some text could."""

NO_FTS5 = (
    "The SQLite of this Python has no FTS5, so there is no text index: searches go by vectors"
    " alone."
)

_LISTS_MODULES = (3, 30, 0)
"""Before, only builds that were asked to do so (https://www.sqlite.org/changes.html)."""
_NOT_OF_A_NAME = re.compile(r"\W")
MOST_COUNTED = 3001
"""A term that more texts have counts as if no more had it: one more than ``texts`` ranks."""
K1, B = 1.2, 0.75
"""Of Okapi BM25; FTS5 has the same."""

Numbered = Sequence[tuple[int, str]]
"""Numbers with their texts."""


class IndexedWords(Protocol):
    """What both databases fulfil."""

    available: bool
    """Whether words can be indexed here at all."""

    def create(self) -> None:
        """Make an empty index. One that is there is left as it is."""

    def drop(self) -> None:
        """Leave nothing of it. No error where there is none."""

    def add(self, rows: Numbered) -> None:
        """Index texts that are not in it yet."""

    def remove(self, rows: Numbered) -> None:
        """Take out texts, which must be as they were added."""

    def ranked(
        self,
        terms: Sequence[str],
        limit: int,
        condition: str,
        values: Sequence[object],
        *,
        every: bool = False,
        most: int = sys.maxsize,
    ) -> list[int]:
        """Numbers of the texts that have any, or ``every``, of these terms, best first by BM25.
        Terms are left out where more texts than ``most`` would have to be ranked (``affordable``),
        unless that leaves fewer than ``limit`` of those that fulfil the condition.

        ``condition`` goes on a ``WHERE`` about the row ``t`` of ``cs_text``.
        """


def words_in(text: str) -> list[str]:
    """The terms of a stored text: of what a reader sees of it."""
    return index_terms(plain_form(text))


def can_index(database: Database) -> bool:
    """Whether it can index words: a SQLite may be built without FTS5."""
    if database.is_postgres:
        return True
    if sqlite3.sqlite_version_info < _LISTS_MODULES:
        return bool(database.run("SELECT sqlite_compileoption_used('ENABLE_FTS5')")[0][0])
    return bool(database.run("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"))


def affordable(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """The rarest of these terms, each with how many texts have it: as many terms as ``most`` texts
    in sum allow, and one at least.

    What half of a large site's texts have in common costs a search most and tells it least. On a
    small site all terms are affordable.
    """
    chosen: dict[str, int] = {}
    for number, term in sorted((number, term) for term, number in counts.items()):
        if not chosen or sum(chosen.values()) + number <= most:
            chosen[term] = number
    return chosen


class SqliteWords:
    """An FTS5 table for each generation, so that ranks count nothing but its own texts. It has no
    content of its own: a text is removed by what it was added with."""

    def __init__(self, database: Database, generation_id: str) -> None:
        self._database = database
        self._table = f"cs_words_{_NOT_OF_A_NAME.sub('_', generation_id)}"
        self.available = can_index(database)

    def create(self) -> None:
        """See the Protocol. Between spaces everything that a term consists of is part of it."""
        self._database.run(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._table} USING fts5(terms, content='',"
            " tokenize=\"ascii tokenchars '_.-@+#'\")"
        )

    def drop(self) -> None:
        """See the Protocol."""
        if self.available:
            self._database.run(f"DROP TABLE IF EXISTS {self._table}")

    def add(self, rows: Numbered) -> None:
        """See the Protocol."""
        self._database.many(
            f"INSERT INTO {self._table} (rowid, terms) VALUES (?, ?)",
            [(number, " ".join(words_in(text))) for number, text in rows],
        )

    def remove(self, rows: Numbered) -> None:
        """See the Protocol."""
        self._database.many(
            f"INSERT INTO {self._table} ({self._table}, rowid, terms) VALUES ('delete', ?, ?)",
            [(number, " ".join(words_in(text))) for number, text in rows],
        )

    def ranked(
        self,
        terms: Sequence[str],
        limit: int,
        condition: str,
        values: Sequence[object],
        *,
        every: bool = False,
        most: int = sys.maxsize,
    ) -> list[int]:
        """See the Protocol."""
        there = "SELECT 1 FROM sqlite_master WHERE name = ?"
        if not self._database.run(there, (self._table,)):
            return []
        if every:
            return self._best(terms, limit, condition, values, every=True)
        counts = {term: number for term in terms if (number := self._count(term))}
        chosen = affordable(counts, most)
        found = self._best(chosen, limit, condition, values)
        if condition and len(found) < limit and len(chosen) < len(counts):
            # What the condition leaves may have none but the words that most texts have.
            found = self._best(counts, limit, condition, values)
        return found

    def _best(
        self,
        terms: Collection[str],
        limit: int,
        condition: str,
        values: Sequence[object],
        *,
        every: bool = False,
    ) -> list[int]:
        if not terms:
            return []
        wanted = (" AND " if every else " OR ").join(map(_phrase, terms))
        table = self._table
        joined = f" JOIN cs_text t ON t.number = {table}.rowid" if condition else ""
        rows = self._database.run(
            f"SELECT {table}.rowid FROM {table}{joined} WHERE {table} MATCH ?{condition} ORDER BY"
            f" bm25({table}), {table}.rowid LIMIT ?",
            (wanted, *values, limit),
        )
        return [int(row[0]) for row in rows]

    def _count(self, term: str) -> int:
        rows = self._database.run(
            f"SELECT count(*) FROM (SELECT 1 FROM {self._table} WHERE {self._table} MATCH ? LIMIT"
            f" {MOST_COUNTED})",
            (_phrase(term),),
        )
        return int(rows[0][0])


def _phrase(term: str) -> str:
    return f'"{term}"'
