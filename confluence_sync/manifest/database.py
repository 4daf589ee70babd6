"""One thin layer over sqlite3 and psycopg: transactions, placeholders, and errors that an operator understands."""

from __future__ import annotations

import importlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from confluence_sync.errors import StateUnusable, WrongSettings

Row = tuple[Any, ...]

_SESSION = {
    "connect_timeout": 15,
    "application_name": "confluence-sync",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 90_000,
}
"""A host that vanished is noticed within 90 seconds (libpq's parameters; the last in milliseconds). The URL's win."""


class Database:
    """A connection to the manifest's database. Used from one thread."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Open ``sqlite:///path`` or ``postgresql://…``.

        Read-only never creates anything: a SQLite file that is not there, or has no name, is an empty database in
        memory.
        """
        self.read_only = read_only
        self.path: Path | None = None
        self.missing = False
        self.is_postgres = False
        """Whether SQL goes to PostgreSQL."""
        self._errors: tuple[type[Exception], ...] = (OSError,)
        if url.startswith("sqlite:///"):
            self.path = Path(url.removeprefix("sqlite:///"))
            self.place = str(self.path)
            self._connection: Any = self._open_sqlite(self.path)
        else:
            parts = urlsplit(url)
            self.place = f"postgresql://{parts.hostname or ''}{parts.path}"
            self._connection = self._open_postgres(url)
            self.is_postgres = True
        if read_only and not self.missing:
            self._only_look()

    def _only_look(self) -> None:
        """A session that cannot write. Where our tables are not there yet, an empty database in memory instead."""
        if self.is_postgres:
            self.run("SET default_transaction_read_only = on")
            empty = self.run("SELECT to_regclass('cs_meta')")[0][0] is None
        else:
            empty = not self.run("SELECT name FROM sqlite_master LIMIT 1")
        if empty:
            self.close()
            self.missing, self.is_postgres, self._errors = True, False, (sqlite3.Error, OSError)
            self._connection = sqlite3.connect(":memory:", isolation_level=None)

    def _open_sqlite(self, path: Path) -> sqlite3.Connection:
        self._errors = (sqlite3.Error, OSError)
        if self.read_only and (not path.name or not path.exists()):
            self.missing = True
            return sqlite3.connect(":memory:", isolation_level=None)
        with self._told():
            if not self.read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
                # SQLite itself would make it 0644: on a volume another uid of the group must be able to go on.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
            mode = "ro" if self.read_only else "rwc"
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _open_postgres(self, url: str) -> Any:
        try:
            psycopg = importlib.import_module("psycopg")
        except ImportError:
            raise WrongSettings(
                "STATE_URL names PostgreSQL, but psycopg is not installed.",
                hint="In the checkout of this program: pip install '.[postgres]'",
            ) from None
        self._errors = (psycopg.Error, OSError)
        with self._told():
            given = psycopg.conninfo.conninfo_to_dict(url)
            # Autocommit, so that the advisory lock lives on the session and not in a transaction left open.
            return psycopg.connect(**(_SESSION | given), autocommit=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the libraries' errors into one line that names the place but no credential."""
        try:
            yield
        except self._errors as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
                raise StateUnusable(
                    f"A run that was killed left a transaction open in {self.place}, and this command writes nothing.",
                    hint="Run a sync first: it rolls the transaction back.",
                ) from None
            text = " ".join(str(error).split())[:200]
            raise StateUnusable(
                f"The manifest at {self.place} cannot be used: {text}.",
                hint="Nothing that is stored was lost. Check the disk, its permissions and STATE_DIR / STATE_URL; "
                "a corrupt SQLite file may be moved away: the next run finds its way from the store.",
            ) from None

    def _sql(self, statement: str) -> str:
        return statement.replace("?", "%s") if self.is_postgres else statement

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Execute one statement and return its rows (none for statements without a result)."""
        with self._told():
            cursor = self._connection.execute(self._sql(statement), tuple(values))
            return list(cursor.fetchall()) if cursor.description else []

    def many(self, statement: str, values: Iterable[Sequence[object]]) -> None:
        """Execute one statement for each tuple of values."""
        batch = [tuple(row) for row in values]
        if not batch:
            return
        with self._told():
            cursor = self._connection.cursor()
            cursor.executemany(self._sql(statement), batch)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.run("BEGIN" if self.is_postgres else "BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # Where even this fails, the session is gone and its transaction with it: what happened first is told.
            with suppress(StateUnusable), self._told():
                self._connection.execute("ROLLBACK")
            raise
        self.run("COMMIT")

    def close(self) -> None:
        """Close the connection; a PostgreSQL lock held on it goes with it."""
        self._connection.close()
