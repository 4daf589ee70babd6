"""Chunks as rows of a table, and the statements that write them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TypeAlias

from confluence_mirror.model import Chunk, StoredRef, Vector
from confluence_mirror.postgres.package import Connection
from confluence_mirror.stores.pgvector.tables import Table
from confluence_mirror.stores.rows import NOT_UNICODE, is_unicode

Row: TypeAlias = tuple[str, str, str, str, str]
"""Id, text, metadata, vector and hash, as SQL takes them."""
_NUL = "it holds a NUL character, which PostgreSQL does not take"


def row_of(chunk: Chunk, vector: Vector, form: str) -> Row:
    """A chunk with its vector. ``form``: the one that it was embedded in (``Embedding.form``)."""
    metadata, digest = _metadata_json(chunk), _content_hash(chunk, form)
    return chunk.id, chunk.text, metadata, vector_text(vector), digest


def why_unfit(chunk: Chunk) -> str:
    """Why PostgreSQL cannot take a chunk, as far as that is seen without asking; empty where it
    can."""
    if not is_unicode(chunk):
        return NOT_UNICODE
    nul = "\x00" in chunk.text or any(
        "\x00" in value for value in chunk.metadata.values() if isinstance(value, str)
    )
    return _NUL if nul else ""


def unlike_stored(
    connection: Connection, table: Table, chunks: Sequence[Chunk], form: str
) -> list[Chunk]:
    """Those that are not there as they should be. Text and metadata themselves are compared, since
    who changed them may have left the hash as it was; the form of the vector is in the hash
    alone."""
    statement = table.sql(
        "SELECT node_id, text, metadata_, hash FROM {table} WHERE node_id = ANY(%s)"
    )
    rows = connection.execute(statement, ([chunk.id for chunk in chunks],)).fetchall()
    there = {chunk_id: row for chunk_id, *row in rows}
    return [
        chunk
        for chunk in chunks
        if there.get(chunk.id) != [chunk.text, dict(chunk.metadata), _content_hash(chunk, form)]
    ]


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write rows, over those with the same ids."""
    statement = table.sql(
        "INSERT INTO {table} (node_id, text, metadata_, embedding, hash) VALUES (%s, %s, %s::jsonb,"
        " %s::vector, %s) ON CONFLICT (node_id) DO UPDATE SET text = EXCLUDED.text, metadata_ ="
        " EXCLUDED.metadata_, embedding = EXCLUDED.embedding, hash = EXCLUDED.hash"
    )
    _execute_many(connection, statement, rows)


def patch(connection: Connection, table: Table, chunks: Sequence[Chunk], form: str) -> None:
    """Change the metadata of rows; absent ids are passed over."""
    statement = table.sql("UPDATE {table} SET metadata_ = %s::jsonb, hash = %s WHERE node_id = %s")
    _execute_many(
        connection,
        statement,
        [(_metadata_json(chunk), _content_hash(chunk, form), chunk.id) for chunk in chunks],
    )


def delete(connection: Connection, table: Table, refs: Sequence[StoredRef]) -> None:
    """Remove rows; absent ids are passed over."""
    statement = table.sql("DELETE FROM {table} WHERE node_id = ANY(%s)")
    connection.execute(statement, ([ref.chunk_id for ref in refs],))


def _execute_many(
    connection: Connection, statement: object, rows: Sequence[tuple[object, ...]]
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _metadata_json(chunk: Chunk) -> str:
    return json.dumps(dict(chunk.metadata), ensure_ascii=False)


def _content_hash(chunk: Chunk, form: str) -> str:
    parts = [chunk.text, sorted(chunk.metadata.items()), *([form] if form else [])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def vector_text(vector: Vector) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(repr(float(value)) for value in vector) + "]"
