"""One generation's text index: the chunks of its pages, to be found by their words.

Rows are written and removed in the transactions of ``rows`` alone, so the index holds what the
mirror holds. A chunk's id is made of its text, so the words of a row never change: they are indexed
when it comes and removed when it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from confluence_mirror.batches import in_batches
from confluence_mirror.manifest.database import Database, atomic, marks, storable_text
from confluence_mirror.manifest.postgresql_words import PostgresWords
from confluence_mirror.manifest.records import TEXT, TextRow, text_of
from confluence_mirror.manifest.words import WORDS_REVISION, IndexedWords, SqliteWords
from confluence_mirror.model import EVERYTHING, Filter
from confluence_mirror.text.plain import plain_form
from confluence_mirror.text.terms import holds_whole, identifier_terms

BATCH = 500
MOST_MATCHES = 3000
"""Texts that are ranked, where some terms of a question are rarer than others."""
LOOKED_THROUGH = 500
"""Texts in which an identifier is looked for, those that rank best first."""


class Texts:
    """The text index of one generation. Empty where it is switched off, or ``available`` is
    False."""

    def __init__(
        self, database: Database, generation_id: str, others: tuple[str, ...] = ()
    ) -> None:
        """``others``: ids of generations that are searched with it (shards), in PostgreSQL."""
        self.database = database
        self._id = generation_id
        self._ids = (generation_id, *others)
        self._among = f"generation IN ({marks(self._ids)})"
        self._words: IndexedWords = (
            PostgresWords(database, generation_id, others)
            if database.is_postgres
            else SqliteWords(database, generation_id)
        )
        self._learned = f"terms:{generation_id}"

    @property
    def available(self) -> bool:
        """Whether this database can index words: a SQLite may be built without FTS5."""
        return self._words.available

    # -- searching

    def search(self, terms: Sequence[str], limit: int, where: Filter = EVERYTHING) -> list[TextRow]:
        """Chunks that have any of these terms (``text.terms.question_terms``), by BM25, best
        first."""
        condition = _conditions(where)
        return self._rows(self._words.ranked(terms, limit, *condition, most=MOST_MATCHES))

    def holding(self, identifier: str, limit: int, where: Filter = EVERYTHING) -> list[TextRow]:
        """Chunks that hold this identifier whole, as ``text.terms.holds_whole`` sees it.

        Of those with all of its words, ``LOOKED_THROUGH`` are looked through.
        """
        terms = identifier_terms(identifier)
        numbers = self._words.ranked(terms, LOOKED_THROUGH, *_conditions(where), every=True)
        found: list[TextRow] = []
        for start in range(0, len(numbers), limit):
            rows = self._rows(numbers[start : start + limit])
            found += [row for row in rows if _holds(row.text, identifier)]
            if len(found) >= limit:
                break
        return found[:limit]

    def of_pages(self, page_ids: Sequence[str]) -> dict[str, list[TextRow]]:
        """The chunks of these pages, in their order; a page without any is left out."""
        found: dict[str, list[TextRow]] = {}
        for row in self._where("page", page_ids):
            found.setdefault(row.page_id, []).append(row)
        return {page: sorted(rows, key=lambda row: row.position) for page, rows in found.items()}

    def page_ids(self, where: Filter, most: int) -> list[str] | None:
        """The pages that a filter leaves; None where there are more than ``most``."""
        condition, values = _conditions(where)
        rows = self.database.run(
            f"SELECT DISTINCT t.page FROM cs_text t WHERE t.{self._among}{condition} LIMIT ?",
            (*self._ids, *values, most + 1),
        )
        return None if len(rows) > most else [str(row[0]) for row in rows]

    def of_chunks(self, ids: Sequence[str]) -> dict[str, TextRow]:
        """These chunks; the unknown are left out."""
        return {row.id: row for row in self._where("id", ids)}

    def count(self) -> int:
        """Chunks in the index."""
        statement = f"SELECT count(*) FROM cs_text WHERE {self._among}"
        return int(self.database.run(statement, self._ids)[0][0])

    def ids(self) -> Iterator[list[str]]:
        """The id of every chunk, in batches."""
        last = ""
        statement = "SELECT id FROM cs_text WHERE generation = ? AND id > ? ORDER BY id LIMIT ?"
        while rows := self.database.run(statement, (self._id, last, BATCH)):
            yield [str(row[0]) for row in rows]
            last = str(rows[-1][0])

    def _rows(self, numbers: Sequence[int]) -> list[TextRow]:
        """In the order of the numbers."""
        found: dict[int, TextRow] = {}
        for some in in_batches(numbers, BATCH):
            rows = self.database.run(
                f"SELECT {TEXT}, number FROM cs_text WHERE number IN ({marks(some)})", some
            )
            found.update((int(row[-1]), text_of(row)) for row in rows)
        return [found[number] for number in numbers if number in found]

    def _where(self, column: str, values: Sequence[str]) -> Iterator[TextRow]:
        for some in in_batches(values, BATCH):
            statement = (
                f"SELECT {TEXT} FROM cs_text WHERE {self._among} AND {column} IN ({marks(some)})"
            )
            yield from map(text_of, self.database.run(statement, (*self._ids, *some)))

    # -- writing: in the transactions of ``Record``

    @atomic
    def prepare(self) -> None:
        """Make the index, or make it again where its terms are of another revision."""
        known = self.database.run("SELECT value FROM cs_known WHERE name = ?", (self._learned,))
        if known != [(WORDS_REVISION,)]:
            self._words.drop()
            self._words.create()
            statement = (
                "SELECT number, body FROM cs_text WHERE generation = ? AND number > ? ORDER BY"
                " number LIMIT ?"
            )
            last = -1
            while rows := self.database.run(statement, (self._id, last, BATCH)):
                self._words.add([(int(number), str(body)) for number, body in rows])
                last = int(rows[-1][0])
            self.database.run(
                "INSERT INTO cs_known VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value ="
                " excluded.value",
                (self._learned, WORDS_REVISION),
            )

    @atomic
    def replace(self, pages: Sequence[str], rows: Sequence[TextRow]) -> None:
        """These pages have these chunks and no others, with what their rows say."""
        self.prepare()
        there = set(self._ids_of(pages))
        wanted = {row.id for row in rows}
        self.remove(sorted(there - wanted))
        columns = ", ".join(f"{column} = ?" for column in TEXT.split(", ")[1:-1])
        self.database.many(
            f"UPDATE cs_text SET {columns} WHERE generation = ? AND id = ?",
            [(*_values(row)[1:-1], self._id, row.id) for row in rows if row.id in there],
        )
        self._insert([row for row in rows if row.id not in there])

    @atomic
    def remove(self, ids: Sequence[str]) -> None:
        """These chunks leave the index; unknown ones are no error."""
        for some in in_batches(ids, BATCH):
            chosen = f"generation = ? AND id IN ({marks(some)})"
            rows = self.database.run(
                f"SELECT number, body FROM cs_text WHERE {chosen}", (self._id, *some)
            )
            if rows:
                self.prepare()
                self._words.remove([(int(number), str(body)) for number, body in rows])
                self.database.run(f"DELETE FROM cs_text WHERE {chosen}", (self._id, *some))

    @atomic
    def remove_pages(self, pages: Sequence[str]) -> None:
        """The chunks of these pages leave the index."""
        self.remove(self._ids_of(pages))

    @atomic
    def copy_pages(self, pages: Sequence[str], source: Texts) -> None:
        """These pages have the chunks here that they have in another generation."""
        rows = [row for found in source.of_pages(pages).values() for row in found]
        if rows:
            self.replace(pages, rows)

    @atomic
    def take_pages(self, pages: Sequence[str], giver: Texts) -> None:
        """The chunks of these pages are here from now on, and no longer in another index."""
        for some in in_batches(pages, BATCH):
            chosen = f"generation = ? AND page IN ({marks(some)})"
            rows = self.database.run(
                f"SELECT number, body FROM cs_text WHERE {chosen}", (giver._id, *some)
            )
            if rows:
                giver.prepare()
                self.prepare()
                numbered = [(int(number), str(body)) for number, body in rows]
                giver._words.remove(numbered)
                self._words.add(numbered)
                self.database.run(
                    f"UPDATE cs_text SET generation = ? WHERE {chosen}",
                    (self._id, giver._id, *some),
                )

    @atomic
    def clear(self) -> None:
        """Leave nothing of the index."""
        self._words.drop()
        self.database.run("DELETE FROM cs_text WHERE generation = ?", (self._id,))
        self.database.run("DELETE FROM cs_known WHERE name = ?", (self._learned,))

    def _insert(self, rows: Sequence[TextRow]) -> None:
        columns = f"generation, {TEXT}"
        self.database.many(
            f"INSERT INTO cs_text ({columns}) VALUES ({marks(columns.split(', '))})",
            [(self._id, *_values(row)) for row in rows],
        )
        for some in in_batches([row.id for row in rows], BATCH):
            numbered = self.database.run(
                f"SELECT number, body FROM cs_text WHERE generation = ? AND id IN ({marks(some)})",
                (self._id, *some),
            )
            self._words.add([(int(number), str(body)) for number, body in numbered])

    def _ids_of(self, pages: Sequence[str]) -> list[str]:
        found: list[str] = []
        for some in in_batches(pages, BATCH):
            statement = f"SELECT id FROM cs_text WHERE generation = ? AND page IN ({marks(some)})"
            found += [str(row[0]) for row in self.database.run(statement, (self._id, *some))]
        return found


def _holds(text: str, identifier: str) -> bool:
    """Marks may stand within an identifier, but seldom do."""
    return holds_whole(text, identifier) or holds_whole(plain_form(text), identifier)


def _conditions(where: Filter) -> tuple[str, list[object]]:
    """Of rows of ``cs_text t``."""
    wanted: list[str] = []
    values: list[object] = []
    for column, names in (("space", where.space_keys), ("type", where.page_types)):
        if names:
            wanted.append(f"t.{column} IN ({marks(names)})")
            values += names
    if where.labels:
        wanted.append(" OR ".join(["t.labels LIKE ? ESCAPE '!'"] * len(where.labels)))
        values += [f"%,{_literal(label)},%" for label in where.labels]
    if where.access is not None:
        readable = marks(where.access) or "NULL"
        wanted.append(
            "EXISTS (SELECT 1 FROM cs_page p WHERE p.generation = t.generation AND p.id = t.page"
            f" AND p.access IN ({readable}))"
        )
        values += where.access
    if where.modified_since:
        wanted.append("t.modified_at >= ?")
        values.append(where.modified_since)
    return "".join(f" AND ({each})" for each in wanted), values


def _literal(text: str) -> str:
    """For ``LIKE``."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _values(row: TextRow) -> tuple[object, ...]:
    """In the order of ``TEXT``."""
    return (
        row.id,
        row.page_id,
        row.position,
        storable_text(row.title),
        storable_text(row.heading),
        row.url,
        row.page_type,
        row.space_key,
        storable_text("".join(f",{label}" for label in row.labels) + ","),
        row.modified_at,
        storable_text(row.text),
    )
