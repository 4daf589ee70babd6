"""Tables of the manifest, and how an older one becomes the present one."""

from __future__ import annotations

from confluence_mirror.errors import StateUnusable, WrongSettings
from confluence_mirror.manifest.database import Database

REVISION = 2

_TABLES = """
CREATE TABLE IF NOT EXISTS cs_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cs_known (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cs_generation (
    id TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    store TEXT NOT NULL,
    collection TEXT NOT NULL,
    collection_id TEXT NOT NULL,
    collection_name TEXT NOT NULL,
    state TEXT NOT NULL,
    made_by_us INTEGER NOT NULL,
    scope TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    watermark TEXT,
    reconciled_at TEXT,
    place TEXT NOT NULL DEFAULT '',
    compared_at TEXT
);
CREATE TABLE IF NOT EXISTS cs_page (
    generation TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    space_id TEXT NOT NULL,
    parent_id TEXT,
    parent_type TEXT,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    labels TEXT NOT NULL,
    version_number BIGINT,
    version_at TEXT,
    metadata_hash TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    tried TEXT NOT NULL DEFAULT '',
    cause TEXT NOT NULL DEFAULT '',
    pending TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (generation, id)
);
CREATE TABLE IF NOT EXISTS cs_chunk (
    generation TEXT NOT NULL,
    id TEXT NOT NULL,
    page TEXT NOT NULL,
    state TEXT NOT NULL,
    metadata_hash TEXT NOT NULL,
    ref TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (generation, id)
);
CREATE INDEX IF NOT EXISTS cs_chunk_page ON cs_chunk (generation, page);
CREATE INDEX IF NOT EXISTS cs_chunk_doubt ON cs_chunk (generation, state) WHERE state <> 'there';
CREATE INDEX IF NOT EXISTS cs_page_pending ON cs_page (generation)
    WHERE version_number IS NULL OR reason <> ''
"""

_MIGRATIONS: dict[int, str] = {
    1: (
        """
ALTER TABLE cs_generation ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE cs_generation ADD COLUMN compared_at TEXT;
ALTER TABLE cs_page ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE cs_page ADD COLUMN pending TEXT NOT NULL DEFAULT ''
"""
    ),
}
"""Statements that lead from a revision to the next, by the revision they start from. Tables that
are new in it are made by ``_TABLES``."""


def prepare(database: Database) -> None:
    """Create or migrate the tables.

    A read-only manifest is used as it is (an empty one where there is none). Raises
    ``WrongSettings`` for a manifest written by a newer version of this program, and for one of an
    older version that may only be read.
    """
    if database.read_only and not database.missing:
        found = _read_revision(database)
        _check_revision(database, found)
        if found < REVISION:
            raise WrongSettings(
                f"The manifest at {database.place} was written by an older version (revision"
                f" {found} of {REVISION}), and this command writes nothing.",
                hint="Run a sync first: it brings the manifest up to date.",
            )
        return
    database.atomically(lambda: _bring_up_to_date(database))


def _bring_up_to_date(database: Database) -> None:
    if database.is_postgres:
        # Two first runs at once: CREATE TABLE IF NOT EXISTS alone can still collide in the
        # catalogue.
        database.run("SELECT pg_advisory_xact_lock(7232018)")
    for statement in _TABLES.strip().split(";\n"):
        database.run(statement)
    database.run(
        "INSERT INTO cs_meta VALUES ('revision', ?) ON CONFLICT DO NOTHING", (str(REVISION),)
    )
    found = _read_revision(database)
    _check_revision(database, found)
    for step in range(found, REVISION):
        for statement in _MIGRATIONS[step].strip().split(";\n"):
            database.run(statement)
    database.run("UPDATE cs_meta SET value = ? WHERE name = 'revision'", (str(REVISION),))


def _read_revision(database: Database) -> int:
    rows = database.run("SELECT value FROM cs_meta WHERE name = 'revision'")
    if not rows or not str(rows[0][0]).isdecimal():
        raise StateUnusable(
            f"{database.place} is no manifest of confluence-mirror.", hint="Set another STATE_URL."
        )
    return int(rows[0][0])


def _check_revision(database: Database, found: int) -> None:
    if found > REVISION:
        raise WrongSettings(
            f"The manifest at {database.place} was written by a newer version (revision {found},"
            f" this one knows {REVISION}).",
            hint="Use that version again, or restore the manifest from before the upgrade.",
        )
