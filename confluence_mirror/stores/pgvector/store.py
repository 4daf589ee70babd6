"""A store in PostgreSQL with pgvector: one table a collection.

The tables are those that LlamaIndex's ``PGVectorStore`` reads: named ``data_<collection>``, with
the columns ``id``, ``text``, ``metadata_``, ``node_id`` and ``embedding``. ``hash`` is ours.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from confluence_mirror.errors import Refused, StoreUnavailable, WrongSettings
from confluence_mirror.model import EVERYTHING, Chunk, Filter, StoredRef
from confluence_mirror.postgres.errors import DataRefusedError, Words
from confluence_mirror.postgres.package import Connection
from confluence_mirror.postgres.session import Session
from confluence_mirror.stores.base import (
    Capabilities,
    Collection,
    Dimension,
    Embedding,
    Hit,
    Memory,
    Replacement,
    StoredRow,
    WriteResult,
)
from confluence_mirror.stores.pgvector.index import IndexBuilder, may_be_indexed
from confluence_mirror.stores.pgvector.rows import (
    Row,
    delete,
    insert,
    patch,
    row_of,
    unlike_stored,
    vector_text,
    why_unfit,
)
from confluence_mirror.stores.pgvector.search import Request, nearest, scans_iteratively
from confluence_mirror.stores.pgvector.tables import (
    Table,
    create_table,
    extension_version,
    find_types_in,
    hidden_schema,
    place,
    table_name,
    tables,
)
from confluence_mirror.stores.rows import picked, plain, stored
from confluence_mirror.stores.vectors import Vectors

log = logging.getLogger("confluence_mirror.stores")

READ_LIMIT = 1000
"""Rows a query, when a collection is listed."""
_CAN = Capabilities(
    replaces=True,
    deletes=True,
    lists=True,
    updates_metadata=True,
    filters=True,
    proves_refusals=True,
    atomic=True,
)


class PgvectorStore:
    """Fulfils ``Store``. ``url`` is ``postgresql://user:password@host/database``
    (``?sslmode=…&sslrootcert=…``)."""

    kind = "pgvector"

    def __init__(
        self,
        url: str,
        embed: Embedding,
        dimension: Dimension,
        model_id: str,
        *,
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        words = Words("PGVECTOR_URL", StoreUnavailable, StoreUnavailable)
        self._postgres = Session(url, words, timeout=timeout, sleep=sleep)
        self.location = self._postgres.location
        self.place = ""
        self._vectors = Vectors(embed, dimension, model_id)
        self._form = embed.form
        self._model_id = model_id
        self._tables: dict[str, Table] = {}
        self._index = IndexBuilder(self._postgres)
        self._iterative = False

    def connect(self) -> Capabilities:
        """Whether there is a PostgreSQL, with pgvector or the means to install it."""
        installed, available = self._postgres.run(extension_version)
        if not installed and not available:
            raise WrongSettings(
                f"PostgreSQL at {self.location} has no pgvector; nothing was written.",
                hint="Install the extension on the server.",
            )
        self._iterative = scans_iteratively(installed or available)
        self.place = self._postgres.run(place)
        if schema := self._postgres.run(hidden_schema):
            self._postgres.begun = lambda connection: find_types_in(connection, schema)
        log.info(
            "PostgreSQL at %s, pgvector %s",
            self.location,
            installed or f"{available} (not yet created)",
        )
        return _CAN

    def learn_capabilities(self, memory: Memory, *, tries: bool) -> Capabilities:
        """See ``Store.learn_capabilities``: known without a trial."""
        self._index.memory = memory
        return _CAN

    def find_collection(self, name: str) -> Collection | None:
        """By id, else by name (the table's name is in lower case)."""
        known = self._postgres.run(tables)
        found = next((table for table in known if table.id == name), None)
        found = found or next((table for table in known if table.table == table_name(name)), None)
        if found is None:
            return None
        self._check_table(found)
        if name not in (found.id, found.name):
            raise WrongSettings(
                f"Collections {found.name} and {name} would share table {found.table} at"
                f" {self.location}; nothing was written to it.",
                hint=(
                    f"Set COLLECTION_ID to {found.name} if it is meant, or to a name that differs"
                    " in more than case."
                ),
            )
        return self._known_collection(found)

    def create_collection(self, name: str) -> Collection:
        """A table without an index on the vectors: that is built after the first load."""
        table = Table(
            str(uuid.uuid4()), name, table_name(name), self._model_id, self._vectors.dimension
        )
        self._postgres.run(lambda connection: create_table(connection, table))
        log.info("table %s made at %s", table.table, self.location)
        return self._known_collection(table)

    def drop_collection(self, collection: Collection) -> None:
        """Only our own table; absent is fine."""
        table = next(
            (table for table in self._postgres.run(tables) if table.id == collection.id), None
        )
        if table is not None:
            self._postgres.run(
                lambda connection: connection.execute(table.sql("DROP TABLE IF EXISTS {table}"))
            )
        self._tables.pop(collection.id, None)

    def write_chunks(
        self,
        collection: Collection,
        chunks: Sequence[Chunk],
        replacing: Mapping[str, str],
    ) -> WriteResult:
        """One transaction. Chunks without a vector are there as they should be."""
        table = self._table_of(collection)
        rows, rejected = self._prepare_rows(collection, table, chunks)
        self._upsert_halving(table, rows, rejected)
        return WriteResult({chunk.id: "" for chunk in chunks if chunk.id not in rejected}, rejected)

    def unlike_stored(self, collection: Collection, chunks: Sequence[Chunk]) -> Sequence[Chunk]:
        """See ``ComparesRows``. What can never be a row is none of them."""
        table, fit = self._table_of(collection), [one for one in chunks if not why_unfit(one)]
        return self._postgres.run(
            lambda connection: unlike_stored(connection, table, fit, self._form)
        )

    def replace_pages(self, collection: Collection, pages: Sequence[Replacement]) -> WriteResult:
        """One transaction for all pages, or for fewer where PostgreSQL refuses a value."""
        table = self._table_of(collection)
        rows, rejected = self._prepare_rows(
            collection, table, [chunk for page in pages for chunk in page.chunks]
        )
        sound = [page for page in pages if not any(chunk.id in rejected for chunk in page.chunks)]
        replaced = self._replace_halving(table, sound, {row[0]: row for row in rows}, rejected)
        return WriteResult({chunk.id: "" for page in replaced for chunk in page.chunks}, rejected)

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Text and vector untouched; absent ids are passed over."""
        table = self._table_of(collection)
        self._postgres.run(lambda connection: patch(connection, table, chunks, self._form))

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """By id; absent ones are no error."""
        table = self._table_of(collection)
        self._postgres.run(lambda connection: delete(connection, table, refs))

    def settle_writes(
        self,
        collection: Collection,
        in_doubt: Sequence[StoredRef],
    ) -> Mapping[str, str | None]:
        """Nothing to find out: a transaction happened or it did not, and rows are known by our
        ids."""
        return {}

    def holds_data(self, collection: Collection) -> bool:
        """Whether there is a row."""
        return bool(self._fetch_all(collection, "SELECT 1 FROM {table} LIMIT 1"))

    def count_rows(self, collection: Collection) -> int | None:
        """All rows, ours or not."""
        return int(self._fetch_all(collection, "SELECT count(*) FROM {table}")[0][0])

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        """In the order of ``id``; each page is a transaction of its own, so that writes may go on
        meanwhile."""
        last = -1
        query = (
            "SELECT id, CASE WHEN %s THEN text END, metadata_ FROM {table} WHERE id > %s ORDER BY"
            " id LIMIT %s"
        )
        while True:
            page = self._fetch_all(collection, query, texts, last, READ_LIMIT)
            for _, text, metadata in page:
                yield stored(metadata, text=text)
            if len(page) < READ_LIMIT:
                return
            last = page[-1][0]

    def fetch_chunks(
        self, collection: Collection, refs: Sequence[StoredRef], *, about: str
    ) -> list[Chunk]:
        """From the listing."""
        return picked(self.list_rows(collection), refs)

    def search(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[Hit]:
        """By cosine; the score is 1 − distance."""
        table = self._table_of(collection)
        vector = vector_text(self._vectors.of_query(query, collection.name, table.dimension))
        asked = Request(vector, limit, where, pages)
        rows = self._postgres.run(
            lambda connection: nearest(connection, table, asked, iterative=self._iterative)
        )
        return [Hit(text, plain(metadata or {}), 1 - distance) for text, metadata, distance in rows]

    def finish_writing(self, collection: Collection) -> None:
        """Build the HNSW index where there is none: after a load it is many times quicker than
        while loading."""
        table = self._table_of(collection)
        if may_be_indexed(table):
            self._index.ensure(table, lambda: self.count_rows(collection) or 0)

    def close(self) -> None:
        """Let go of the connection."""
        self._postgres.close()

    def _prepare_rows(
        self, collection: Collection, table: Table, chunks: Sequence[Chunk]
    ) -> tuple[list[Row], dict[str, str]]:
        """Rows for the chunks that have a vector; the rejected."""
        rejected = {chunk.id: why for chunk in chunks if (why := why_unfit(chunk))}
        self._require_stored(collection, [one for one in chunks if one.vector is None])
        fit = [one for one in chunks if one.vector is not None and one.id not in rejected]
        vectors = self._vectors.of_chunks(fit, collection.name, table.dimension)
        rows = [
            row_of(chunk, vector, self._form) for chunk, vector in zip(fit, vectors, strict=True)
        ]
        return rows, rejected

    def _require_stored(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        if chunks and self.unlike_stored(collection, chunks):
            raise StoreUnavailable(
                f"Rows of collection {collection.name} at {self.location} were changed while it was"
                " written.",
                hint="Run again.",
            )

    def _upsert_halving(self, table: Table, rows: Sequence[Row], rejected: dict[str, str]) -> None:
        try:
            self._postgres.run(lambda connection: insert(connection, table, rows))
        except DataRefusedError as error:
            if len(rows) == 1:
                rejected[rows[0][0]] = f"PostgreSQL refuses it ({error})"
                return
            middle = len(rows) // 2
            self._upsert_halving(table, rows[:middle], rejected)
            self._upsert_halving(table, rows[middle:], rejected)

    def _replace_halving(
        self,
        table: Table,
        pages: Sequence[Replacement],
        rows: Mapping[str, Row],
        rejected: dict[str, str],
    ) -> list[Replacement]:
        """The pages that were replaced. Of one that PostgreSQL refuses, a chunk is in
        ``rejected``."""

        def work(connection: Connection) -> None:
            insert(
                connection,
                table,
                [rows[c.id] for page in pages for c in page.chunks if c.id in rows],
            )
            patch(
                connection, table, [chunk for page in pages for chunk in page.patches], self._form
            )
            delete(connection, table, [ref for page in pages for ref in page.stale])

        try:
            self._postgres.run(work)
        except DataRefusedError as error:
            if len(pages) == 1:
                first = next(iter([*pages[0].chunks, *pages[0].patches]))
                rejected[first.id] = (
                    f"PostgreSQL refuses it, or another chunk of its page ({error})"
                )
                return []
            middle = len(pages) // 2
            return [
                *self._replace_halving(table, pages[:middle], rows, rejected),
                *self._replace_halving(table, pages[middle:], rows, rejected),
            ]
        return list(pages)

    def _fetch_all(
        self, collection: Collection, query: str, *values: object
    ) -> list[tuple[Any, ...]]:
        statement = self._table_of(collection).sql(query)
        found: list[tuple[Any, ...]] = self._postgres.run(
            lambda connection: connection.execute(statement, values).fetchall()
        )
        return found

    def _known_collection(self, table: Table) -> Collection:
        self._tables[table.id] = table
        return Collection(table.id, table.name, table.model, opened_by_name=True)

    def _table_of(self, collection: Collection) -> Table:
        known = self._tables.get(collection.id)
        if known is None:
            found = self.find_collection(collection.id)
            if found is None:
                raise StoreUnavailable(
                    f"Collection {collection.name} is gone from {self.location}.", hint="Run again."
                )
            known = self._tables[found.id]
        return known

    def _check_table(self, table: Table) -> None:
        if table.fault:
            raise Refused(
                f"Table {table.table} at {self.location} {table.fault}; nothing was written to it.",
                hint="Name another COLLECTION_ID.",
            )
        if table.model != self._model_id:
            raise WrongSettings(
                f"Collection {table.name} holds vectors of {table.model} ({table.dimension}"
                f" numbers), not of {self._model_id}; nothing was written to it.",
                hint="Set EMBEDDING_MODEL_ID to it, or name another COLLECTION_ID.",
            )
        if self._vectors.known_dimension is not None:
            self._vectors.check(self._vectors.known_dimension, table.name, table.dimension)
