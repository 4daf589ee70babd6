"""The nearest rows of a table, under a filter.

An HNSW index knows nothing of a filter: its scan gives ``hnsw.ef_search`` rows, and the filter
takes from these. So where a filter leaves few rows, all of them are compared. Where it leaves more,
pgvector goes on scanning from 0.8 on until there are enough
(https://github.com/pgvector/pgvector#iterative-index-scans); before, or where the scan ends early
(``hnsw.max_scan_tuples``), all are compared as well. PostgreSQL itself cannot choose: it has no
statistics of what is inside ``metadata_``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluence_mirror.model import Filter
from confluence_mirror.postgres.package import Connection, psycopg
from confluence_mirror.stores.pgvector.tables import Table
from confluence_mirror.stores.rows import askable

_ITERATIVE = (0, 8)
"""pgvector's first version with ``hnsw.iterative_scan``."""
FEW = 2000
"""Rows that are compared one by one in about the time that an index scan takes."""
_LEAST_WIDTH, _MOST_WIDTH = 100, 1000
"""``hnsw.ef_search``: the second is the most that pgvector takes."""
_BY_INDEX = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('hnsw.ef_search', %s, true)"
)
_ON_AND_ON = ", set_config('hnsw.iterative_scan', 'relaxed_order', true)"
_ROW_BY_ROW = (
    "SELECT set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true)"
)
_TERMS = {
    "all": "TRUE",
    "space_keys": "metadata_->>'space_key' = ANY(%(space_keys)s)",
    "labels": "string_to_array(metadata_->>'labels', ',') && %(labels)s::text[]",
    "page_types": "metadata_->>'page_type' = ANY(%(page_types)s)",
    "access": "metadata_->>'access' = ANY(%(access)s)",
    "pages": "metadata_->>'page_id' = ANY(%(pages)s)",
    "since": """metadata_->>'modified_at' COLLATE "C" >= %(since)s""",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked for: a vector as pgvector reads it, how many rows, and among which."""

    vector: str
    limit: int
    where: Filter
    pages: Sequence[str] | None


def scans_iteratively(version: str) -> bool:
    """Whether pgvector of this version (``0.8.1``) goes on scanning until a filter is satisfied."""
    numbers = re.findall(r"\d+", version)
    return tuple(map(int, numbers[:2])) >= _ITERATIVE


def nearest(
    connection: Connection, table: Table, asked: Request, *, iterative: bool
) -> list[tuple[str, Any, float]]:
    """Text, metadata and cosine distance, nearest first, of as many rows as there are up to the
    limit. In the caller's transaction."""
    values = _filter_values(asked)
    sql = psycopg().sql
    condition = sql.SQL(" AND ").join(sql.SQL(_TERMS[name]) for name in ("all", *values))
    statement = (
        table.sql("SELECT text, metadata_, embedding <=> %(vector)s::vector FROM {table} WHERE ")
        + condition
        + sql.SQL(" ORDER BY embedding <=> %(vector)s::vector LIMIT %(limit)s")
    )
    given = {**values, "vector": asked.vector, "limit": asked.limit}
    rows: list[Any] = []
    if not values or (iterative and not _leaves_few(connection, table, condition, values)):
        width = min(max(2 * asked.limit, _LEAST_WIDTH), _MOST_WIDTH)
        connection.execute(_BY_INDEX + _ON_AND_ON * iterative, (str(width),))
        rows = connection.execute(statement, given).fetchall()
    if len(rows) < asked.limit:  # not asked yet, or there are no more, or the scan ended early
        connection.execute(_ROW_BY_ROW)
        rows = connection.execute(statement, given).fetchall()
    found = [(text, metadata, _finite(distance)) for text, metadata, distance in rows]
    return sorted(found, key=lambda row: row[2])


def _leaves_few(
    connection: Connection, table: Table, condition: object, values: dict[str, object]
) -> bool:
    start = table.sql("SELECT count(*) FROM (SELECT FROM {table} WHERE ")
    statement = start + condition + psycopg().sql.SQL(" LIMIT %(few)s) AS counted")
    return bool(connection.execute(statement, {**values, "few": FEW}).fetchone()[0] < FEW)


def _filter_values(asked: Request) -> dict[str, object]:
    """What is asked for under each of ``_TERMS``; what excludes nothing is left out."""
    where = asked.where
    lists = {
        "space_keys": where.space_keys or None,
        "labels": where.labels or None,
        "page_types": where.page_types or None,
        "access": where.access,
        "pages": asked.pages,
    }
    values: dict[str, object] = {
        name: askable(wanted) for name, wanted in lists.items() if wanted is not None
    }
    return values | ({"since": where.modified_since} if where.modified_since else {})


def _finite(distance: float | None) -> float:
    """Of a row without a vector, or with zeros alone, nothing is known: it counts as unlike."""
    return 1.0 if distance is None or math.isnan(distance) else float(distance)
