"""Secrets in rows, each sealed for its row."""

from __future__ import annotations

from confluence_mirror.service.db.tables import Connection, HookSecret, SealedRow
from confluence_mirror.service.vault import Keyring, open_sealed, seal_text

SEALED_ROWS: tuple[type[SealedRow], ...] = (Connection, HookSecret)
"""The tables whose column ``secret`` is sealed."""


def seal_secret(keyring: Keyring, row: SealedRow, text: str) -> None:
    """Put a secret into its row."""
    row.secret = seal_text(keyring, text, _place(row))


def open_secret(keyring: Keyring, row: SealedRow) -> str:
    """The secret. Raises ``SealBroken``."""
    return open_sealed(keyring, row.secret, _place(row))


def _place(row: SealedRow) -> str:
    return f"{row.workspace}/{row.__tablename__}/{row.id}"
