"""The secret of a connection, sealed for its row."""

from __future__ import annotations

from confluence_mirror.service.db.tables import Connection
from confluence_mirror.service.vault import Keyring, open_sealed, seal_text


def seal_token(keyring: Keyring, connection: Connection, token: str) -> None:
    """Put a token into its row."""
    connection.secret = seal_text(keyring, token, _place(connection))


def open_token(keyring: Keyring, connection: Connection) -> str:
    """The token. Raises ``SealBroken``."""
    return open_sealed(keyring, connection.secret, _place(connection))


def _place(connection: Connection) -> str:
    return f"{connection.workspace}/confluence_credentials/{connection.id}"
