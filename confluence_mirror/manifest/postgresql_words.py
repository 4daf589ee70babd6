"""The words of one generation's text index in PostgreSQL: a ``tsvector`` for each text."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence

from confluence_mirror.manifest.database import Database, marks
from confluence_mirror.manifest.words import K1, MOST_COUNTED, B, Numbered, affordable, words_in

LIKELY = 2
"""So many times as many texts as are asked for are looked into."""
_BY_ITS_WORDS = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true)"
)
"""For one transaction: long vectors lie beside their table, which looks so small that the server
would read it through, and unpack each of them, where its index of words knows the few that are
wanted."""
_ASKED = "unnest(CAST(? AS text[]), CAST(? AS float8[])) AS asked (query, worth)"
"""Terms as queries, each with what it is worth."""


class PostgresWords:
    """A row of ``cs_words`` for each text."""

    def __init__(
        self, database: Database, generation_id: str, others: tuple[str, ...] = ()
    ) -> None:
        """``others``: ids of generations that are searched with it."""
        self._database = database
        self._id = generation_id
        self._ids = (generation_id, *others)
        self._among = f"generation IN ({marks(self._ids)})"
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
        if not terms:
            return []
        return self._database.atomically(  # a handful of statements, and one transaction
            lambda: self._ranked(terms, limit, condition, values, every=every, most=most)
        )

    def _ranked(
        self,
        terms: Sequence[str],
        limit: int,
        condition: str,
        values: Sequence[object],
        *,
        every: bool,
        most: int,
    ) -> list[int]:
        self._database.run(_BY_ITS_WORDS)
        mean, size = self._measures()
        if every:
            worth = dict.fromkeys(terms, 1.0)
            wanted = {" & ".join(map(_lexeme, terms)): 1.0}
            likely = self._likely(wanted, mean, limit, condition, values)
            return self._best(likely, worth, mean, limit)
        counts = self._counts(terms)
        chosen = affordable(counts, most)
        worth = _worth(chosen, size)
        likely = self._likely(_queries(worth), mean, limit, condition, values)
        if condition and len(likely) < limit and len(chosen) < len(counts):
            # What the condition leaves may have none but the words that most texts have.
            worth = _worth(counts, size)
            likely = self._likely_among(_queries(worth), mean, limit, condition, values)
        return self._best(likely, worth, mean, limit)

    def _measures(self) -> tuple[float, float]:
        """Terms of a text, of a thousand of them; and about how many texts there are: the server's
        estimate."""
        rows = self._database.run(
            f"SELECT (SELECT avg(length) FROM (SELECT length FROM cs_words WHERE {self._among}"
            " LIMIT 1000) first), reltuples FROM pg_class WHERE oid = CAST('cs_words' AS regclass)",
            self._ids,
        )
        return float(rows[0][0] or 1), float(rows[0][1])

    def _counts(self, terms: Sequence[str]) -> dict[str, int]:
        """How many texts have each term; those that none has are left out."""
        rows = self._database.run(
            f"SELECT asked.term, (SELECT count(*) FROM (SELECT 1 FROM cs_words WHERE {self._among}"
            f" AND terms @@ CAST(asked.query AS tsquery) LIMIT {MOST_COUNTED}) found) FROM"
            " unnest(CAST(? AS text[]), CAST(? AS text[])) AS asked (term, query)",
            (*self._ids, list(terms), list(map(_lexeme, terms))),
        )
        return {str(term): int(number) for term, number in rows if number}

    def _likely(
        self,
        wanted: Mapping[str, float],
        mean: float,
        limit: int,
        condition: str,
        values: Sequence[object],
    ) -> list[int]:
        """The texts for which these queries, each with its worth, promise most."""
        joined = " JOIN cs_text t ON t.number = w.number" if condition else ""
        return self._promising(
            f"FROM {_ASKED} JOIN cs_words w ON w.{self._among} AND w.terms @@ CAST(asked.query AS"
            f" tsquery){joined} WHERE TRUE{condition}",
            (list(wanted), list(wanted.values()), *self._ids, *values),
            mean,
            limit,
        )

    def _likely_among(
        self,
        wanted: Mapping[str, float],
        mean: float,
        limit: int,
        condition: str,
        values: Sequence[object],
    ) -> list[int]:
        """The same, for queries that most texts fulfil and a condition that few do. ``OFFSET 0``
        has the condition looked at first, and ``strip`` unpacks a vector once for all queries."""
        return self._promising(
            f"FROM (SELECT w.number, w.length, strip(w.terms) AS terms FROM cs_text t JOIN cs_words"
            f" w ON w.number = t.number WHERE t.{self._among}{condition} OFFSET 0) w JOIN {_ASKED}"
            " ON w.terms @@ CAST(asked.query AS tsquery)",
            (*self._ids, *values, list(wanted), list(wanted.values())),
            mean,
            limit,
        )

    def _promising(
        self, source: str, values: Sequence[object], mean: float, limit: int
    ) -> list[int]:
        """Of rows ``w`` of the index, each with queries ``asked`` that it fulfils."""
        rows = self._database.run(
            f"SELECT w.number {source} GROUP BY w.number, w.length ORDER BY sum(asked.worth) / (1 +"
            f" {K1} * (1 - {B} + {B} * w.length / CAST(? AS float8))) DESC, w.number LIMIT ?",
            (*values, mean, LIKELY * limit),
        )
        return [int(row[0]) for row in rows]

    def _best(
        self, numbers: Sequence[int], worth: Mapping[str, float], mean: float, limit: int
    ) -> list[int]:
        """Of these texts, by BM25."""
        scores = dict.fromkeys(numbers, 0.0)
        if numbers:
            rows = self._database.run(
                "SELECT w.number, w.length, asked.worth, ts_rank('{1,1,1,1}', w.terms,"
                f" CAST(asked.query AS tsquery)) FROM cs_words w CROSS JOIN {_ASKED} WHERE w.number"
                f" IN ({marks(numbers)})",
                (list(map(_lexeme, worth)), list(worth.values()), *numbers),
            )
            for number, length, each, rank in rows:
                often = _frequency(rank)
                norm = K1 * (1 - B + B * length / mean)
                scores[number] += each * often * (K1 + 1) / (often + norm)
        return sorted(scores, key=lambda number: (-scores[number], number))[:limit]


def _worth(counts: Mapping[str, int], size: float) -> dict[str, float]:
    """The inverse document frequencies of BM25, among so many texts."""
    size = max(size, *counts.values(), 0)
    return {
        term: math.log(1 + (size - number + 0.5) / (number + 0.5))
        for term, number in counts.items()
    }


def _queries(worth: Mapping[str, float]) -> dict[str, float]:
    return {_lexeme(term): each for term, each in worth.items()}


def _frequency(rank: float) -> float:
    """How often a term stands in a text, of ``ts_rank``, which is the sum of 1/n² up to that number
    as a part of the whole sum (π²/6). What is left of the sum after n is about 1/(n + 1/2)."""
    left = (1 - min(rank, 0.999)) * math.pi**2 / 6
    return 1 / left - 0.5 if rank > 0.1 else 0.0


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
