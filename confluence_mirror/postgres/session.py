"""One session of PostgreSQL: transactions, each repeated as a whole where the server could not take
it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

from confluence_mirror.errors import SyncError, WrongSettings
from confluence_mirror.net.retry import RetryPolicy, TryAgainError
from confluence_mirror.postgres import url as urls
from confluence_mirror.postgres.errors import Words, explained
from confluence_mirror.postgres.package import Connection, psycopg
from confluence_mirror.waits import WAITS

Result = TypeVar("Result")
_Steps: TypeAlias = Generator[Any, Any, Any]
"""What psycopg does on a connection: it gives what it waits for, and takes what is ready."""

_LOOK_S = 1.0
STATEMENT_S = 600
"""Seconds that one statement may take, but for the building of an index."""
_ALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 90_000,
}
"""A host that vanished is noticed within 90 seconds (libpq's parameters; the last in
milliseconds)."""
_BOUNDS = (
    "SELECT set_config(name, value, true) FROM (VALUES ('lock_timeout', %s), ('statement_timeout',"
    " %s)) AS ours (name, value) WHERE current_setting(name) = '0'"
)
"""For one transaction, since a pooler may give each another session. What the URL or the role sets,
stands."""


class Session:
    """One connection, opened when needed, opened again after it broke off. Used by one thread.

    ``timeout`` in seconds is for connecting, for waiting for a lock that another session holds, and
    for trying again. Whatever runs in ``run`` is one transaction, and may be repeated from its
    beginning. Nothing outlives it: behind a pooler in transaction mode each may run in another
    session. ``read_only``: so is every transaction. ``sleep`` waits between tries, and is called
    with 0 about once per second while an answer is awaited; it ends the wait by what it raises.
    """

    def __init__(
        self,
        url: str,
        words: Words,
        *,
        timeout: float,
        read_only: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if wrong := urls.fault(url):
            raise WrongSettings(
                f"{words.variable} {wrong}.",
                hint="Example: postgresql://user:password@host/database",
            )
        self._url = urls.plain(url)
        self._words = words
        self._timeout = timeout
        self._read_only = read_only
        self._sleep = sleep
        self._connection: Connection | None = None
        self.begun: Callable[[Connection], None] | None = None
        """Called at the beginning of each transaction, in it."""
        self.location = self._location()
        self._at = f"PostgreSQL at {self.location}"
        self._policy = RetryPolicy(
            self._at, attempts=1, longest=8.0, patience_s=timeout, sleep=sleep
        )

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """``work`` in a transaction; again, on a fresh connection, for ``timeout`` seconds where it
        may help."""
        return self._policy.call_with_retries(self._once, work, time.monotonic() + self._timeout)

    def once(self, work: Callable[[Connection], Result]) -> Result:
        """``work`` in a transaction of the connection that is open, without ``begun``; never
        repeated."""
        begun, self.begun = self.begun, None
        try:
            return self._once(work, 0.0)
        except TryAgainError as error:
            raise error.final or error from None
        finally:
            self.begun = begun

    def on_another_connection(self, work: Callable[[Connection], Result]) -> Result | None:
        """``work`` in a transaction of a second connection; None where there is none to be had."""
        with suppress(psycopg().Error), self._connect() as connection:
            return work(connection)
        return None

    def close(self) -> None:
        """Let go of the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _once(self, work: Callable[[Connection], Result], deadline: float) -> Result:
        try:
            with WAITS.announce(self._at, idle=False):
                return self._transaction(work)
        except SyncError:
            raise
        except Exception as error:
            known = (
                error
                if isinstance(error, TryAgainError)
                else explained(error, self._at, self._words, read_only=self._read_only)
            )
            if known is None:
                raise
            if isinstance(known, TryAgainError):
                if not isinstance(error, TryAgainError):
                    self.close()
                known.patient = time.monotonic() < deadline
            raise known from None

    def _transaction(self, work: Callable[[Connection], Result]) -> Result:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        connection = self._connection
        try:
            connection.execute(_BOUNDS, (f"{round(self._timeout * 1000)}ms", f"{STATEMENT_S}s"))
            if self.begun is not None:
                self.begun(connection)
            result = work(connection)
            connection.commit()
        except BaseException:
            self._undo(connection)
            raise
        return result

    def _connect(self) -> Connection:
        given = self._parameters()
        ours: dict[str, Any] = {
            "connect_timeout": max(2, round(self._timeout)),
            "application_name": "confluence-mirror",
            "client_encoding": "UTF8",
            **_ALIVE,
        }
        if "," in str(given.get("host", "")) and not self._read_only:
            ours["target_session_attrs"] = "read-write"
        connection = psycopg().connect(**(ours | given), prepare_threshold=None)
        connection.wait = partial(self._wait, connection.wait)
        connection.read_only = True if self._read_only else None
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in (None, "UTF8"):
            connection.close()
            raise WrongSettings(
                f"{self._at}: the database is in {encoding}, which cannot hold every text; nothing"
                " was written.",
                hint=(
                    f"Name one in UTF-8 in {self._words.variable}: "
                    "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0;"
                ),
            )
        return connection

    def _wait(self, wait: Callable[..., Any], steps: _Steps, *_: object, **given: Any) -> Any:
        """psycopg's way to wait for the server, by which it looks up once per interval."""
        return wait(self._looking(steps), **given | {"interval": _LOOK_S})

    def _looking(self, steps: _Steps) -> _Steps:
        """The same steps; those that are taken without anything from the server look whether to go
        on."""
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if not ready:
                    self._sleep(0)
                wanted = steps.send(ready)
        except StopIteration as end:
            return end.value

    def _undo(self, connection: Connection) -> None:
        """A statement that a signal cut off is cancelled, or the server would work on for
        nobody."""
        with suppress(psycopg().Error):
            if connection.info.transaction_status == psycopg().pq.TransactionStatus.ACTIVE:
                connection.cancel_safe(timeout=5)
                self.close()
            else:
                connection.rollback()

    def _parameters(self) -> dict[str, Any]:
        try:
            given: dict[str, Any] = psycopg().conninfo.conninfo_to_dict(self._url)
        except psycopg().ProgrammingError:
            raise WrongSettings(
                f"{self._words.variable} is not a PostgreSQL URL.",
                hint=f"Example: postgresql://user@host/db; {urls.ENCODE}.",
            ) from None
        return given

    def _location(self) -> str:
        """What of the URL may be shown: host, port and database."""
        given = self._parameters()
        host, port = str(given.get("host") or given.get("hostaddr") or ""), given.get("port")
        shown = (
            "this machine"
            if not host or host.startswith("/")
            else host + (f":{port}" if port else "")
        )
        return f"{shown}/{given.get('dbname', '')}"
