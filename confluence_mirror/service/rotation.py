"""Secrets sealed anew, and former ciphertexts gone from the files."""

from __future__ import annotations

from sqlalchemy import select, text

from confluence_mirror.errors import WrongSettings
from confluence_mirror.service.credentials import open_token, seal_token
from confluence_mirror.service.db.database import Database
from confluence_mirror.service.db.tables import Connection
from confluence_mirror.service.vault import Keyring, SealBroken


def require_keys(database: Database, keyring: Keyring) -> None:
    """Raise ``WrongSettings`` where there are secrets and these keys open none of them."""
    with database.reading() as session:
        rows = session.scalars(select(Connection).where(Connection.secret != "")).all()
    if rows and not any(_opens(keyring, row) for row in rows):
        raise WrongSettings(
            "SERVICE_SECRET_KEYS opens none of the secrets in the database.",
            hint="Set the keys that sealed them; add new ones before them.",
        )


def rotate_secrets(database: Database, keyring: Keyring) -> tuple[int, int]:
    """Seal every secret with the first key, while the service runs: how many, and how many do not
    open."""
    with database.reading() as session:
        ids = session.scalars(select(Connection.id).where(Connection.secret != "")).all()
    sealed = broken = 0
    for row_id in ids:
        with database.writing() as session:
            row = session.get(Connection, row_id, with_for_update=True)
            if row is None or not row.secret:
                continue
            try:
                seal_token(keyring, row, open_token(keyring, row))
                sealed += 1
            except SealBroken:
                broken += 1
    forget_former(database)
    return sealed, broken


def forget_former(database: Database) -> None:
    """Take what was replaced out of the files: SQLite's log, PostgreSQL's dead rows."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.is_postgres:
            connection.execute(text("VACUUM confluence_credentials"))
        else:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _opens(keyring: Keyring, row: Connection) -> bool:
    try:
        open_token(keyring, row)
    except SealBroken:
        return False
    return True
