"""The tables of the pgvector store: how one is named, made and found again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from confluence_mirror.errors import PermissionRefused, WrongSettings
from confluence_mirror.postgres.package import Connection, psycopg

OWNER = "confluence-sync"
_COMMENT = {"id": str, "name": str, "embedding_model": str, "dimension": int}


@dataclass(frozen=True, slots=True)
class Table:
    """A collection's table. What is known of it stands in its comment, so it comes and goes with
    it."""

    id: str
    """Given once, when it is made; the table's name where it is not ours."""
    name: str
    """The collection's name, as it was written."""
    table: str
    model: str = ""
    dimension: int = 0
    fault: str = ""
    """Why it cannot be used: "was made by something else" …"""

    def sql(self, statement: str, **names: str) -> Any:
        """``statement`` with ``{table}``, and other names in braces, quoted."""
        sql = psycopg().sql
        quoted = {key: sql.Identifier(value) for key, value in names.items()}
        return sql.SQL(statement).format(table=sql.Identifier(self.table), **quoted)

    def comment(self) -> str:
        """What ``tables`` reads again."""
        known = {"owner": OWNER, "id": self.id, "name": self.name}
        return json.dumps(known | {"embedding_model": self.model, "dimension": self.dimension})


def extension_version(connection: Connection) -> tuple[str, str]:
    """pgvector's version in this database, and on this server; empty where it is not."""
    installed = connection.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
    ).fetchone()
    available = connection.execute(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    ).fetchone()
    return (installed[0] if installed else ""), (available[0] if available else "")


def hidden_schema(connection: Connection) -> str:
    """The schema of pgvector where the search path does not lead to it (Supabase: ``extensions``);
    else empty."""
    found = connection.execute(
        "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
        "WHERE extname = 'vector' AND nspname <> ALL (current_schemas(true))"
    ).fetchone()
    return str(found[0]) if found else ""


def find_types_in(connection: Connection, schema: str) -> None:
    """Let this transaction find pgvector's types and operators, behind whatever is on the search
    path."""
    connection.execute(
        "SELECT set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'),"
        " ''), quote_ident(%s)), true)",
        (schema,),
    )


def place(connection: Connection) -> str:
    """Server, database and schema that a table without a schema's name is made in and found in.

    Of several hosts, all: which of them leads, changes.
    """
    given = connection.info.get_parameters()
    database, schema = connection.execute("SELECT current_database(), current_schema()").fetchone()
    host, port = given.get("host") or given.get("hostaddr", ""), given.get("port", "5432")
    return f"{host}:{port}/{database}/{schema or ''}"


def table_name(collection: str) -> str:
    """As LlamaIndex names the table of a ``PGVectorStore``. Raises ``WrongSettings`` for a name
    that is too long."""
    name = f"data_{collection.lower()}"
    if len(name.encode()) > 63 - len("_hnsw"):
        raise WrongSettings(
            f"COLLECTION_ID {collection} is too long for PostgreSQL.",
            hint="53 bytes are the limit.",
        )
    return name


def tables(connection: Connection) -> list[Table]:
    """Every visible table named ``data_…``, in the order of their names."""
    rows = connection.execute(
        "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class WHERE relkind = 'r' AND"
        " relname LIKE 'data\\_%' AND pg_table_is_visible(oid) ORDER BY relname"
    ).fetchall()
    return [_read_table(name, comment or "") for name, comment in rows]


def create_table(connection: Connection, table: Table) -> None:
    """Table, unique ``node_id``, index on the page's id, and the comment, in the caller's
    transaction."""
    if not extension_version(connection)[0]:
        _create_extension(connection)
    connection.execute(
        table.sql(
            "CREATE TABLE {table} (id bigserial PRIMARY KEY, text varchar NOT NULL, metadata_"
            f" jsonb, node_id varchar NOT NULL UNIQUE, embedding vector({int(table.dimension)}),"
            " hash varchar)"
        )
    )
    connection.execute(table.sql("CREATE INDEX ON {table} ((metadata_->>'page_id'))"))
    sql = psycopg().sql
    connection.execute(table.sql("COMMENT ON TABLE {table} IS ") + sql.Literal(table.comment()))


def _create_extension(connection: Connection) -> None:
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg().errors.InsufficientPrivilege:
        raise PermissionRefused(
            "pgvector is not in this database, and this user may not create it; no collection was"
            " made.",
            hint="An administrator runs once: CREATE EXTENSION vector;",
        ) from None
    except psycopg().errors.FeatureNotSupported:
        raise WrongSettings(
            "This PostgreSQL server has no pgvector.", hint="Install the extension."
        ) from None


def _read_table(name: str, comment: str) -> Table:
    bare = Table(name, name.removeprefix("data_"), name)
    try:
        known = json.loads(comment)
    except ValueError:
        known = None
    if not isinstance(known, dict) or known.get("owner") != OWNER:
        return replace(bare, fault="was made by something else")
    lacking = [key for key, kind in _COMMENT.items() if not isinstance(known.get(key), kind)]
    if lacking:
        return replace(bare, fault=f"has our comment without a usable {' and '.join(lacking)}")
    return Table(known["id"], known["name"], name, known["embedding_model"], known["dimension"])
