"""Manifests of earlier revisions, as the program of that time made them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from confluence_mirror.manifest import Database

REVISION_1 = (Path(__file__).parent / "revision_1.sql").read_text(encoding="utf-8")
"""The dump of a run of revision 1 over four pages of which one was refused: SQL that both databases
take."""


def load(url: str) -> None:
    """Make the manifest of the dump."""
    with closing(Database(url)) as database:
        for statement in _statements():
            database.run(statement)


def set_back(url: str) -> None:
    """Make of a manifest what revision 1 would have written: its tables, with the rows that are
    there now."""
    with closing(Database(url)) as database:
        database.atomically(lambda: _set_back(database))


def _set_back(database: Database) -> None:
    tables = [each for each in _statements() if each.startswith("CREATE TABLE")]
    rows = {}
    for statement in tables:
        name = statement.split()[2]
        columns = [line.split()[0] for line in _columns(statement)]
        rows[name] = columns, database.run(f"SELECT {', '.join(columns)} FROM {name}")
    for name in (*rows, "cs_known", "cs_text", *_tables_of_words(database)):
        database.run(f"DROP TABLE {name}")
    for statement in (each for each in _statements() if not each.startswith("INSERT")):
        database.run(statement)
    for name, (columns, values) in rows.items():
        marks = ", ".join("?" * len(columns))
        database.many(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", values)
    database.run("UPDATE cs_meta SET value = '1' WHERE name = 'revision'")


def _tables_of_words(database: Database) -> list[str]:
    if database.is_postgres:
        return ["cs_words"]
    found = database.run("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'")
    return [str(row[0]) for row in found]


def _statements() -> list[str]:
    found = [statement.strip() for statement in REVISION_1.split(";\n")]
    return [each for each in found if each.startswith(("CREATE", "INSERT"))]


def _columns(statement: str) -> list[str]:
    inside = statement.partition("(")[2].rpartition(")")[0]
    parts = inside.split("\n") if "\n" in inside else inside.split(",")
    return [
        part.strip()
        for part in parts
        if part.strip() and not part.strip().startswith("PRIMARY KEY (")
    ]
