"""The HNSW index over a table's vectors."""

from __future__ import annotations

import logging
from collections.abc import Callable

from confluence_mirror.errors import PermissionRefused
from confluence_mirror.postgres.package import Connection, psycopg
from confluence_mirror.postgres.session import Session
from confluence_mirror.stores.base import Memory
from confluence_mirror.stores.pgvector.tables import Table
from confluence_mirror.wording import counted

log = logging.getLogger("confluence_mirror.stores")

INDEX_FROM = 1000
"""Rows from which an index is built: below, reading them all is as quick, and exact."""
_MOST_DIMENSIONS = 2000
"""pgvector's limit for an index on ``vector``."""


class IndexStarvedError(Exception):
    """There is no memory to build the index."""


def may_be_indexed(table: Table) -> bool:
    """Whether pgvector can index vectors of this length."""
    return table.dimension <= _MOST_DIMENSIONS


class IndexBuilder:
    """Builds the index after a load, and says where that cannot be done: once for as long as the
    cause lasts, where ``memory`` is set."""

    def __init__(self, postgres: Session) -> None:
        self._postgres = postgres
        self.memory: Memory | None = None

    def ensure(self, table: Table, count: Callable[[], int]) -> None:
        """Build it, unless it is there or there are too few rows. Raises ``PermissionRefused``
        where the table is another user's."""
        if not self._postgres.run(lambda connection: has_hnsw(connection, table)):
            rows = count()
            if rows < INDEX_FROM or not self._try_to_build(table, rows):
                return
        self._forget_warning(table)

    def _try_to_build(self, table: Table, rows: int) -> bool:
        log.info("building the HNSW index over %s of %s", counted(rows, "row"), table.table)
        try:
            self._postgres.run(lambda connection: build_hnsw(connection, table))
        except IndexStarvedError as error:
            self._warn_once(table, str(error))
            return False
        except PermissionRefused:
            statement = table.sql(
                "CREATE INDEX ON {table} USING hnsw (embedding vector_cosine_ops)"
            ).as_string(None)
            raise PermissionRefused(
                f"All chunks are written, but this user does not own table {table.table} at"
                f" {self._postgres.location} and may not build its index.",
                hint=f"The owner runs once: {statement};",
            ) from None
        return True

    def _warn_once(self, table: Table, cause: str) -> None:
        name = _warned_of(table)
        known = self.memory is not None and self.memory.read_known(name) == cause
        log.log(
            logging.INFO if known else logging.WARNING,
            "all chunks are written, but there is no memory at %s to index them (%s): searches"
            " read every row. The next run tries again; give the server more"
            " maintenance_work_mem or shared memory",
            self._postgres.location,
            cause,
        )
        if self.memory is not None:
            self.memory.record_known(name, cause)

    def _forget_warning(self, table: Table) -> None:
        name = _warned_of(table)
        if self.memory is not None and self.memory.read_known(name) is not None:
            self.memory.forget_known(name)


def _warned_of(table: Table) -> str:
    """Under which name it is remembered why a table has no index."""
    return f"no index {table.id}"


def has_hnsw(connection: Connection, table: Table) -> bool:
    """Whether any HNSW index is on this very table, by whatever name."""
    found = connection.execute(
        "SELECT 1 FROM pg_index JOIN pg_class AS named ON named.oid = indexrelid JOIN pg_am ON"
        " pg_am.oid = relam WHERE indrelid = %s::regclass AND amname = 'hnsw' AND indisvalid"
        " LIMIT 1",
        (table.sql("{table}").as_string(connection),),
    ).fetchone()
    return found is not None


def build_hnsw(connection: Connection, table: Table) -> None:
    """Cosine, pgvector's own defaults: after a load it is many times quicker than while loading."""
    connection.execute("SET LOCAL statement_timeout = 0")
    statement = (
        "CREATE INDEX IF NOT EXISTS {index} ON {table} USING hnsw (embedding vector_cosine_ops)"
    )
    errors = psycopg().errors
    try:
        connection.execute(table.sql(statement, index=f"{table.table}_hnsw"))
    except (
        errors.OutOfMemory,
        errors.DiskFull,
    ) as error:  # shared memory that is too small is called a full disk
        raise IndexStarvedError(type(error).__name__) from None
