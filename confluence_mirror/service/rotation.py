"""Secrets sealed anew, and former ciphertexts gone from the files."""

from __future__ import annotations

from sqlalchemy import select, text

from confluence_mirror.errors import WrongSettings
from confluence_mirror.service.credentials import (
    SEALED_ROWS,
    open_secret,
    seal_secret,
)
from confluence_mirror.service.db.database import Database
from confluence_mirror.service.db.tables import SealedRow
from confluence_mirror.service.vault import Keyring, SealBroken


def require_keys(database: Database, keyring: Keyring) -> None:
    """Raise ``WrongSettings`` where there are secrets and these keys open none of them."""
    rows: list[SealedRow] = []
    with database.reading() as session:
        for table in SEALED_ROWS:
            rows += session.scalars(select(table).where(table.secret != "")).all()
    if rows and not any(_opens(keyring, row) for row in rows):
        raise WrongSettings(
            "SERVICE_SECRET_KEYS opens none of the secrets in the database.",
            hint="Set the keys that sealed them; add new ones before them.",
        )


def rotate_secrets(database: Database, keyring: Keyring) -> tuple[int, int]:
    """Seal every secret with the first key, while the service runs: how many, and how many do not
    open."""
    sealed = broken = 0
    for table in SEALED_ROWS:
        with database.reading() as session:
            ids = session.scalars(select(table.id).where(table.secret != "")).all()
        for row_id in ids:
            with database.writing() as session:
                row = session.get(table, row_id, with_for_update=True)
                if row is None or not row.secret:
                    continue
                try:
                    seal_secret(keyring, row, open_secret(keyring, row))
                    sealed += 1
                except SealBroken:
                    broken += 1
    forget_former(database)
    return sealed, broken


def forget_former(database: Database) -> None:
    """Take what was replaced out of the files: SQLite's log, PostgreSQL's dead rows."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.is_postgres:
            for table in SEALED_ROWS:
                connection.execute(text(f"VACUUM {table.__tablename__}"))
        else:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _opens(keyring: Keyring, row: SealedRow) -> bool:
    try:
        open_secret(keyring, row)
    except SealBroken:
        return False
    return True
