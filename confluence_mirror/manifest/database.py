"""One thin layer over SQLite and PostgreSQL: transactions, marks, and errors that an
operator understands."""

from __future__ import annotations

import functools
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from confluence_mirror.errors import StateUnusable, SyncError, Unfinished, WrongSettings
from confluence_mirror.manifest.postgresql import PostgresManifest, Row

__all__ = ["Database", "Row", "atomic", "marks", "storable_text"]

Result = TypeVar("Result")
_Given = ParamSpec("_Given")

BUSY_S = 30.0
"""Seconds to wait for another process that writes into the same SQLite file."""
_OLDEST = (3, 24, 0)
"""``INSERT … ON CONFLICT DO UPDATE``."""
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")


class Database:
    """A connection to the manifest's database. Used from one thread."""

    def __init__(
        self,
        url: str,
        *,
        read_only: bool = False,
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open ``sqlite:///path`` or ``postgresql://…``.

        Read-only never creates anything: a SQLite file that is not there, or has no name, is an
        empty database in memory. ``timeout`` in seconds is for a server that does not answer.
        """
        self.read_only = read_only
        self.sleep = sleep
        """How to wait for what another run holds: raises what ends this one."""
        self.path: Path | None = None
        self.missing = False
        self.server: PostgresManifest | None = None
        self.guards: list[Callable[[], None]] = []
        """Called before anything is read or written in a SQLite file: each raises where that must
        not go on."""
        self._connection: Any = None
        if url.startswith("sqlite:///"):
            self.path = Path(url.removeprefix("sqlite:///"))
            self.place = str(self.path)
            self._connection = self._open_sqlite(self.path)
        else:
            self.server = PostgresManifest(url, read_only=read_only, timeout=timeout, sleep=sleep)
            self.place = self.server.place
        if not self.missing:
            self._look_first()

    @property
    def is_postgres(self) -> bool:
        """Whether SQL goes to PostgreSQL."""
        return self.server is not None

    def _look_first(self) -> None:
        """Whether it answers. Where only looking is meant and nothing is there yet, it is an empty
        one in memory."""
        if self.is_postgres:
            empty = self.run("SELECT to_regclass('cs_meta')")[0][0] is None
        else:
            empty = not self.run("SELECT name FROM sqlite_master LIMIT 1")
        if empty and self.read_only:
            self.close()
            self.missing, self.server = True, None
            self._connection = sqlite3.connect(":memory:", isolation_level=None)

    def _open_sqlite(self, path: Path) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise WrongSettings(
                f"The SQLite of this Python is {sqlite3.sqlite_version}; the manifest needs "
                f"{'.'.join(map(str, _OLDEST))} or later.",
                hint="Use another Python, the image, or STATE_URL=postgresql://…",
            )
        with self._explain_errors():
            if self.read_only and (not path.name or not path.exists()):
                self.missing = True
                return sqlite3.connect(":memory:", isolation_level=None)
            if not self.read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
                # SQLite itself would make it 0644: on a volume another uid of the group must be
                # able to go on.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))
            mode = "ro" if self.read_only else "rwc"
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S)
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """Turn SQLite's errors into one line."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            name = str(getattr(error, "sqlite_errorname", ""))
            if name.startswith(_BUSY):
                raise Unfinished(
                    f"The manifest at {self.place} is held by another process; this run waited"
                    f" {BUSY_S:.0f} s.",
                    hint="Run again when that process is done.",
                ) from None
            if name == "SQLITE_READONLY_ROLLBACK":
                raise StateUnusable(
                    f"A run that was killed left a transaction open in {self.place}, and this"
                    " command writes nothing.",
                    hint="Run a sync first: it rolls the transaction back.",
                ) from None
            text = " ".join(str(error).split())[:200]
            raise StateUnusable(
                f"The manifest at {self.place} cannot be used: {text}.",
                hint=(
                    "The vector store is not affected. Check the disk, its permissions and"
                    " STATE_DIR / STATE_URL; a corrupt SQLite file may be moved away: the next run"
                    " finds its way from the store."
                ),
            ) from None

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """Execute one statement and return its rows (none for statements without a result)."""
        if self.server is not None:
            return self.server.run(statement, values)
        for guard in self.guards:
            guard()
        with self._explain_errors():
            cursor = self._connection.execute(statement, tuple(values))
            return list(cursor.fetchall()) if cursor.description else []

    def many(self, statement: str, values: Iterable[Sequence[object]]) -> None:
        """Execute one statement for each tuple of values."""
        batch = [tuple(row) for row in values]
        if not batch:
            return
        if self.server is not None:
            self.server.many(statement, batch)
            return
        with self._explain_errors():
            self._connection.executemany(statement, batch)

    def atomically(self, work: Callable[[], Result]) -> Result:
        """All that ``work`` does, or nothing. It may be called again from its beginning: it changes
        nothing else."""
        if self.server is not None:
            return self.server.atomically(work)
        if self._connection.in_transaction:
            return work()
        self.run("BEGIN IMMEDIATE")
        try:
            result = work()
            self.run("COMMIT")
        except BaseException:
            # Where even this fails, what happened first is told.
            with suppress(SyncError), self._explain_errors():
                self._connection.execute("ROLLBACK")
            raise
        return result

    def read_together(self, work: Callable[[], Result]) -> Result:
        """What ``work`` tells, which only reads: in PostgreSQL in one transaction, since one for
        each statement costs more than the statements. It may be called again from its beginning."""
        return work() if self.server is None else self.server.atomically(work)

    def close(self) -> None:
        """Close the connection; a PostgreSQL lock held on it goes with it."""
        if self.server is not None:
            self.server.close()
        else:
            self._connection.close()


class _Connected(Protocol):
    database: Database


_Owner = TypeVar("_Owner", bound=_Connected)


def atomic(
    method: Callable[Concatenate[_Owner, _Given], Result],
) -> Callable[Concatenate[_Owner, _Given], Result]:
    """One transaction, of which nothing or all is done; repeated from its beginning where the
    server broke it off."""

    @functools.wraps(method)
    def whole(self: _Owner, /, *given: _Given.args, **named: _Given.kwargs) -> Result:
        return self.database.atomically(lambda: method(self, *given, **named))

    return whole


def marks(values: Sequence[object]) -> str:
    """A placeholder for each value."""
    return ", ".join("?" * len(values))


def storable_text(text: str) -> str:
    """Without what a database refuses in a text: a reason may quote a page's body, or a store's
    answer."""
    return _NO_TEXT.sub("\ufffd", text)
