"""What tests of pgvector ask its tables."""

from __future__ import annotations

import psycopg

from confluence_mirror.stores.base import Capabilities

CAN = Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True)
INDEXES = "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname LIKE '%hnsw'"


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()
