"""The words of one generation's text index, in SQLite (FTS5) or PostgreSQL (``tsvector``).

The terms are ours in both (``text.terms``). Rows go by the number that ``cs_text`` gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from confluence_mirror.manifest.database import Database, marks
from confluence_mirror.text.plain import PLAIN_REVISION, plain_form
from confluence_mirror.text.terms import TERMS_REVISION, index_terms

WORDS_REVISION = f"{TERMS_REVISION}.{PLAIN_REVISION}"
"""Changes whenever the words of some text could."""

NO_FTS5 = (
    "The SQLite of this Python has no FTS5, so there is no text index: searches go by vectors"
    " alone."
)

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
    ) -> list[int]:
        """Numbers of the texts that have any, or ``every``, of these terms, best first by BM25.

        ``condition`` goes on a ``WHERE`` about the row ``t`` of ``cs_text``.
        """


def words_in(text: str) -> list[str]:
    """The terms of a stored text: of what a reader sees of it."""
    return index_terms(plain_form(text))


def can_index(database: Database) -> bool:
    """Whether it can index words: a SQLite may be built without FTS5."""
    modules = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
    return database.is_postgres or bool(database.run(modules))


def words_of(database: Database, generation_id: str) -> IndexedWords:
    """The words of one generation."""
    made = PostgresWords if database.is_postgres else SqliteWords
    return made(database, generation_id)


class SqliteWords:
    """An FTS5 table for each generation, so that ranks count nothing but its own texts. It has no
    content of its own: a text is removed by what it was added with."""

    def __init__(self, database: Database, generation_id: str) -> None:
        self._database = database
        self._table = f"cs_words_{generation_id}"
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
    ) -> list[int]:
        """See the Protocol."""
        there = "SELECT 1 FROM sqlite_master WHERE name = ?"
        if not terms or not self._database.run(there, (self._table,)):
            return []
        wanted = (" AND " if every else " OR ").join(f'"{term}"' for term in terms)
        table = self._table
        joined = f" JOIN cs_text t ON t.number = {table}.rowid" if condition else ""
        rows = self._database.run(
            f"SELECT {table}.rowid FROM {table}{joined} WHERE {table} MATCH ?{condition} ORDER BY"
            f" bm25({table}), {table}.rowid LIMIT ?",
            (wanted, *values, limit),
        )
        return [int(row[0]) for row in rows]


class PostgresWords:
    """A row of ``cs_words`` for each text."""

    def __init__(self, database: Database, generation_id: str) -> None:
        self._database = database
        self._id = generation_id
        self.available = True

    def create(self) -> None:
        """See the Protocol: the table is the manifest's own."""

    def drop(self) -> None:
        """See the Protocol."""
        self._database.run("DELETE FROM cs_words WHERE generation = ?", (self._id,))

    def add(self, rows: Numbered) -> None:
        """See the Protocol."""
        values = []
        for number, text in rows:
            terms = words_in(text)
            values.append((number, self._id, len(terms), _vector(terms)))
        self._database.many(
            "INSERT INTO cs_words (number, generation, length, terms) VALUES (?, ?, ?,"
            " CAST(? AS tsvector))",
            values,
        )

    def remove(self, rows: Numbered) -> None:
        """See the Protocol."""
        numbers = [number for number, _ in rows]
        self._database.run(f"DELETE FROM cs_words WHERE number IN ({marks(numbers)})", numbers)

    def ranked(
        self,
        terms: Sequence[str],
        limit: int,
        condition: str,
        values: Sequence[object],
        *,
        every: bool = False,
    ) -> list[int]:
        """See the Protocol."""
        if not terms:
            return []
        wanted = (" & " if every else " | ").join(map(_lexeme, terms))
        rows = self._database.run(
            "SELECT w.number FROM cs_words w JOIN cs_text t ON t.number = w.number WHERE"
            f" w.generation = ? AND w.terms @@ CAST(? AS tsquery){condition}"
            " ORDER BY ts_rank(w.terms, CAST(? AS tsquery)) DESC, w.number LIMIT ?",
            (self._id, wanted, *values, wanted, limit),
        )
        return [int(row[0]) for row in rows]


MOST_POSITION = 16383
MOST_BYTES = 500_000
"""Of a ``tsvector``'s 1 MB."""


def _vector(terms: Iterable[str]) -> str:
    """A ``tsvector``'s text: each term with its places."""
    places: dict[str, list[str]] = {}
    size = 0
    for place, term in enumerate(terms, 1):
        if term not in places:
            size += len(term.encode())
            if size > MOST_BYTES:
                break
        found = places.setdefault(term, [])
        if len(found) < 255:
            found.append(str(min(place, MOST_POSITION)))
    return " ".join(f"{_lexeme(term)}:{','.join(found)}" for term, found in places.items())


def _lexeme(term: str) -> str:
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
