"""The manifest in PostgreSQL: transactions that are repeated as a whole, and locks that are never
only believed in.

A lock belongs to the server's session. Every transaction begins by asking whether its session holds
it, so that a run which lost it, or never had it because a pooler gives each transaction another
session, does not write.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from confluence_mirror.errors import (
    StateUnavailable,
    StateUnusable,
    SyncError,
    Unfinished,
    WrongSettings,
)
from confluence_mirror.postgres.errors import DataRefusedError, TryAgainError, Words
from confluence_mirror.postgres.package import Connection
from confluence_mirror.postgres.session import Session

Result = TypeVar("Result")
Row = tuple[Any, ...]

_HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND"
    " granted AND classid = %s AND objid = %s AND objsubid = 1"
)


class PostgresManifest:
    """SQL for ``Database``, and the locks of the mirrors. Used from one thread."""

    def __init__(
        self,
        url: str,
        *,
        read_only: bool,
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        words = Words("STATE_URL", StateUnavailable, StateUnusable)
        self._session = Session(url, words, timeout=timeout, read_only=read_only, sleep=sleep)
        self._session.begun = self._check_locks
        self.place = f"postgresql://{self._session.location}"
        self._inside: Connection | None = None
        self._held: dict[int, str] = {}
        """Our locks, each with the name under which we hold it."""
        self._locked_on: Connection | None = None
        self._is_direct = False

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """One statement, in the transaction that is open or in one of its own."""
        return self._run_locked(
            lambda connection: _fetch_rows(
                connection.execute(_to_placeholders(statement), tuple(values))
            )
        )

    def many(self, statement: str, values: Iterable[Sequence[object]]) -> None:
        """One statement for each tuple of values."""
        batch = [tuple(row) for row in values]
        self._run_locked(
            lambda connection: connection.cursor().executemany(_to_placeholders(statement), batch)
        )

    def atomically(self, work: Callable[[], Result]) -> Result:
        """All that ``work`` does in one transaction, repeated from its beginning where the session
        broke off."""

        def once(connection: Connection) -> Result:
            self._inside = connection
            try:
                return work()
            finally:
                self._inside = None

        return work() if self._inside is not None else self._explain_errors(once)

    def close(self) -> None:
        """Close the session; its locks go with it."""
        self._session.close()

    def _run_locked(self, work: Callable[[Connection], Result]) -> Result:
        return work(self._inside) if self._inside is not None else self._explain_errors(work)

    def _explain_errors(self, work: Callable[[Connection], Result]) -> Result:
        try:
            return self._session.run(work)
        except DataRefusedError as error:
            raise StateUnusable(
                f"The manifest at {self.place} refuses a value ({error})."
            ) from None

    # -- locks

    def try_lock(self, number: int, holder: str) -> bool:
        """Take a lock unless another session has it; ``holder`` is what others are told."""
        if not self._is_direct:
            self._refuse_pooled_transactions()
            self._is_direct = True

        def take(connection: Connection) -> bool:
            if _holds_lock(connection, number):
                raise self._pooler_refused()  # another run's, which was given the same session
            self._locked_on = connection
            return bool(
                connection.execute("SELECT pg_try_advisory_lock(%s)", (number,)).fetchone()[0]
            )

        if not self._session.run(take):
            return False
        self._held[number] = f"{holder} #{uuid.uuid4().hex[:8]}"
        try:
            self.run(
                "INSERT INTO cs_meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value ="
                " excluded.value",
                (_lock_name(number), self._held[number]),
            )
        except BaseException:
            self.unlock(number)
            raise
        return True

    def holder(self, number: int) -> str:
        """Who holds it, for the message."""
        rows = self.run("SELECT value FROM cs_meta WHERE name = ?", (_lock_name(number),))
        return str(rows[0][0]).partition(" #")[0] if rows else "holder unknown"

    def unlock(self, number: int) -> None:
        """Give it back. A session that is gone holds no lock."""
        self._held.pop(number, None)
        with suppress(SyncError, DataRefusedError):
            self._session.once(
                lambda connection: connection.execute("SELECT pg_advisory_unlock(%s)", (number,))
            )

    def _check_locks(self, connection: Connection) -> None:
        """Before anything is read or written under a lock: that it is still ours."""
        for number, holder in list(self._held.items()):
            if connection is self._locked_on:
                if not _holds_lock(connection, number):
                    raise self._pooler_refused()
            else:
                self._lock_again(connection, number, holder)
        if self._held:
            self._locked_on = connection

    def _lock_again(self, connection: Connection, number: int, holder: str) -> None:
        """The session broke off, and the lock with it. Goes on only where nobody had it in
        between."""
        if not connection.execute("SELECT pg_try_advisory_lock(%s)", (number,)).fetchone()[0]:
            # Perhaps it is our former session's, which the server has not given up yet.
            raise TryAgainError(self._lock_lost())
        row = connection.execute(
            "SELECT value FROM cs_meta WHERE name = %s", (_lock_name(number),)
        ).fetchone()
        if row is None or row[0] != holder:
            connection.execute("SELECT pg_advisory_unlock(%s)", (number,))
            raise self._lock_lost()

    def _lock_lost(self) -> Unfinished:
        return Unfinished(
            f"The session at {self.place} broke off, and another run of this mirror began; this one"
            " stops.",
            hint="Run again.",
        )

    def _refuse_pooled_transactions(self) -> None:
        """A pooler in transaction mode gives a second client the session that ours has just used.

        Asked before a lock is taken, which would stay behind in the pool.
        """
        ours, server = self._session.run(_backend_ids)
        if ours == server:
            return

        def shares(other: Connection) -> bool:
            # While its transaction is open, ours can only go on in the same session where that is
            # its own.
            return bool(
                _backend_ids(other)[1] == server or self._session.run(_backend_ids)[1] != server
            )

        if self._session.on_another_connection(shares):
            raise self._pooler_refused()

    def _pooler_refused(self) -> WrongSettings:
        self._held.clear()
        return WrongSettings(
            f"STATE_URL leads to {self.place} through a pooler in transaction mode, where a lock"
            " cannot hold; nothing more was written.",
            hint=(
                "Name the session pooler (another port or pool_mode=session), or connect directly."
            ),
        )


def _fetch_rows(cursor: Any) -> list[Row]:
    return list(cursor.fetchall()) if cursor.description else []


def _to_placeholders(statement: str) -> str:
    return statement.replace("?", "%s")


def _lock_name(number: int) -> str:
    return f"holder:{number}"


def _holds_lock(connection: Connection, number: int) -> bool:
    high, low = (number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF
    return bool(connection.execute(_HELD, (high, low)).fetchone()[0])


def _backend_ids(connection: Connection) -> tuple[int, int]:
    """The server's process as the connection was told when it began, and as it is now: a pooler
    tells another."""
    return connection.info.backend_pid, connection.execute("SELECT pg_backend_pid()").fetchone()[0]
