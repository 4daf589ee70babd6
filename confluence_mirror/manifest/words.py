"""The words of one generation's text index, in SQLite (FTS5) or PostgreSQL (``tsvector``).

The terms are ours in both (``text.terms``). Rows go by the number that ``cs_text`` gives them.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
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

_NOT_OF_A_NAME = re.compile(r"\W")
MOST_COUNTED = 3001
"""A term that more texts have counts as if no more had it: one more than ``texts`` ranks."""
LIKELY = 2
"""So many times as many texts as are asked for are looked into."""
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
        Terms are left out where more texts than ``most`` would have to be ranked (``affordable``).

        ``condition`` goes on a ``WHERE`` about the row ``t`` of ``cs_text``.
        """


def words_in(text: str) -> list[str]:
    """The terms of a stored text: of what a reader sees of it."""
    return index_terms(plain_form(text))


def can_index(database: Database) -> bool:
    """Whether it can index words: a SQLite may be built without FTS5."""
    modules = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
    return database.is_postgres or bool(database.run(modules))


def affordable(terms: Sequence[str], count: Callable[[str], int], most: int) -> dict[str, int]:
    """The rarest of these terms, with how many texts have them: as many terms as ``most`` texts in
    sum allow, and one at least.

    What half of a large site's texts have in common costs a search most and tells it least. On a
    small site all terms are affordable.
    """
    counts = sorted((count(term), term) for term in terms)
    chosen: dict[str, int] = {}
    for number, term in counts:
        if number and (not chosen or sum(chosen.values()) + number <= most):
            chosen[term] = number
    return chosen


def words_of(database: Database, generation_id: str) -> IndexedWords:
    """The words of one generation."""
    made = PostgresWords if database.is_postgres else SqliteWords
    return made(database, generation_id)


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
        if not every:
            terms = list(affordable(terms, self._count, most))
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
        most: int = sys.maxsize,
    ) -> list[int]:
        """See the Protocol. The index tells which terms a text has; how often is looked up for the
        best of these."""
        counts = dict.fromkeys(terms, 1) if every else affordable(terms, self._count, most)
        if not counts:
            return []
        worth = _worth(counts, self._size())
        wanted = {_lexeme(term): each for term, each in worth.items()}
        if every:
            wanted = {" & ".join(wanted): 1.0}
        mean = self._mean_length()
        likely = self._likely(wanted, mean, LIKELY * limit, condition, values)
        scores = self._scores(likely, worth, mean)
        return sorted(scores, key=lambda number: (-scores[number], number))[:limit]

    def _likely(
        self,
        wanted: Mapping[str, float],
        mean: float,
        most: int,
        condition: str,
        values: Sequence[object],
    ) -> list[int]:
        """The texts for which these queries, each with its worth, promise most."""
        one = (
            "SELECT number, length, CAST(? AS float8) AS worth FROM cs_words WHERE generation = ?"
            " AND terms @@ CAST(? AS tsquery)"
        )
        given = [value for query, worth in wanted.items() for value in (worth, self._id, query)]
        joined = " JOIN cs_text t ON t.number = w.number" if condition else ""
        rows = self._database.run(
            f"SELECT w.number FROM ({' UNION ALL '.join([one] * len(wanted))}) w{joined} WHERE"
            f" TRUE{condition} GROUP BY w.number, w.length ORDER BY"
            f" sum(w.worth) / (1 + {K1} * (1 - {B} + {B} * w.length / CAST(? AS float8))) DESC,"
            " w.number LIMIT ?",
            (*given, *values, mean, most),
        )
        return [int(row[0]) for row in rows]

    def _scores(
        self, numbers: Sequence[int], worth: Mapping[str, float], mean: float
    ) -> dict[int, float]:
        """BM25 of these texts."""
        scores = dict.fromkeys(numbers, 0.0)
        if numbers:
            ranks = ", ".join(["ts_rank('{1,1,1,1}', terms, CAST(? AS tsquery))"] * len(worth))
            rows = self._database.run(
                f"SELECT number, length, {ranks} FROM cs_words WHERE number IN ({marks(numbers)})",
                (*map(_lexeme, worth), *numbers),
            )
            for number, length, *found in rows:
                norm = K1 * (1 - B + B * length / mean)
                for each, rank in zip(worth.values(), found, strict=True):
                    often = _frequency(rank)
                    scores[number] += each * often * (K1 + 1) / (often + norm)
        return scores

    def _count(self, term: str) -> int:
        rows = self._database.run(
            "SELECT count(*) FROM (SELECT 1 FROM cs_words WHERE generation = ? AND terms @@"
            f" CAST(? AS tsquery) LIMIT {MOST_COUNTED}) found",
            (self._id, _lexeme(term)),
        )
        return int(rows[0][0])

    def _size(self) -> float:
        """About how many texts there are: the server's estimate."""
        statement = "SELECT reltuples FROM pg_class WHERE oid = CAST('cs_words' AS regclass)"
        return float(self._database.run(statement)[0][0])

    def _mean_length(self) -> float:
        """Of a thousand texts."""
        statement = (
            "SELECT avg(length) FROM (SELECT length FROM cs_words WHERE generation = ? LIMIT 1000)"
            " found"
        )
        return float(self._database.run(statement, (self._id,))[0][0] or 1)


def _frequency(rank: float) -> float:
    """How often a term stands in a text, of ``ts_rank``, which is the sum of 1/n² up to that number
    as a part of the whole sum (π²/6). What is left of the sum after n is about 1/(n + 1/2)."""
    left = (1 - min(rank, 0.999)) * math.pi**2 / 6
    return 1 / left - 0.5 if rank > 0.1 else 0.0


def _worth(counts: Mapping[str, int], size: float) -> dict[str, float]:
    """The inverse document frequencies of BM25, among so many texts."""
    size = max(size, *counts.values())
    return {
        term: math.log(1 + (size - number + 0.5) / (number + 0.5))
        for term, number in counts.items()
    }


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


def _phrase(term: str) -> str:
    return f'"{term}"'


def _lexeme(term: str) -> str:
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
