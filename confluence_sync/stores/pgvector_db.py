"""A connection to PostgreSQL for the pgvector store: retries, and errors that an operator understands."""

from __future__ import annotations

import importlib
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import tenacity

from confluence_sync.errors import PermissionRefused, StoreUnavailable, SyncError, Unfinished, WrongSettings

Connection: TypeAlias = Any
"""psycopg's connection: the package is an extra, so its types may not be there."""
Result = TypeVar("Result")

STATEMENT_S = 600
"""Seconds that one statement may take, but for the building of an index."""
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 6, "tcp_user_timeout": 90_000}
"""A host that vanished is noticed within 90 seconds (libpq's parameters; the last in milliseconds)."""
_BOUNDS = (
    "SELECT set_config(name, value, true) FROM (VALUES ('lock_timeout', %s), ('statement_timeout', %s)) "
    "AS ours (name, value) WHERE current_setting(name) = '0'"
)
"""For one transaction, since a pooler may give each another session. What the URL or the role sets, stands."""


class DataRefusedError(Exception):
    """PostgreSQL refuses a value that we sent."""


class Postgres:
    """One connection, opened when needed, opened again after it broke off. Used by one thread.

    ``timeout`` in seconds is for connecting, and for waiting for a lock that another session holds. Whatever runs in
    ``run`` is one transaction, and may be repeated.
    """

    def __init__(
        self, url: str, *, timeout: float, attempts: int = 5, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._url, self.location = _plain(url)
        self._timeout = timeout
        self._attempts = attempts
        self._sleep = sleep
        self._connection: Connection | None = None

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """``work`` in a transaction; again on a fresh connection where the old one broke off."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=lambda state: random.uniform(0.1, min(8.0, 0.5 * 2.0**state.attempt_number)),  # noqa: S311
            retry=tenacity.retry_if_exception_type(StoreUnavailable),
            sleep=self._sleep,
            reraise=True,
        )
        result: Result = retrying(self._once, work)
        return result

    def close(self) -> None:
        """Let go of the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _once(self, work: Callable[[Connection], Result]) -> Result:
        with self._told():
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            try:
                self._connection.execute(_BOUNDS, (f"{round(self._timeout * 1000)}ms", f"{STATEMENT_S}s"))
                result = work(self._connection)
                self._connection.commit()
            except BaseException:
                self._undo(self._connection)
                raise
            return result

    def _connect(self) -> Connection:
        package = psycopg()
        ours = {"connect_timeout": max(2, round(self._timeout)), "application_name": "confluence-sync", **_ALIVE}
        given = package.conninfo.conninfo_to_dict(self._url)
        return package.connect(**(ours | given), prepare_threshold=None)

    def _undo(self, connection: Connection) -> None:
        """A statement that a signal cut off is cancelled, or the server would work on for nobody."""
        with suppress(psycopg().Error):
            if connection.info.transaction_status == psycopg().pq.TransactionStatus.ACTIVE:
                connection.cancel_safe(timeout=5)
                self.close()
            else:
                connection.rollback()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SyncError:
            raise
        except Exception as error:
            known = self._known(error)
            if known is None:
                raise
            if isinstance(known, StoreUnavailable):
                self.close()
            raise known from None

    def _known(self, error: Exception) -> Exception | None:
        """By SQLSTATE (PostgreSQL, appendix A), else by psycopg's class. Messages can hold row data: not repeated."""
        errors = psycopg().errors
        state, said = str(getattr(error, "sqlstate", None) or ""), type(error).__name__
        at = f"PostgreSQL at {self.location}"
        refused = re.search(r'authentication failed|role "|no pg_hba.conf entry|no password supplied', str(error))
        if state.startswith("28") or state == "42501" or (refused and not state):
            return PermissionRefused(
                f"{at} refuses us ({said}).", hint="Check user, password and privileges (docs/stores.md)."
            )
        if state in ("55P03", "57014"):
            return Unfinished(
                f"{at}: another session holds a lock that this run needs, or a statement took too long ({said}).",
                hint="Run again.",
            )
        if state == "3D000" or ('database "' in str(error) and "does not exist" in str(error)):
            return WrongSettings(f"{at}: there is no such database.", hint="Check PGVECTOR_URL.")
        if re.search(r"invalid response to SSL negotiation|expected authentication request", str(error)):
            return WrongSettings(f"What answers at {self.location} is no PostgreSQL.", hint="Check PGVECTOR_URL.")
        if state.startswith("22") or isinstance(error, (errors.DataError, UnicodeError)):
            return DataRefusedError(said)
        if isinstance(error, errors.OperationalError) or state[:2] in ("08", "53", "57"):
            return StoreUnavailable(f"{at} does not answer ({said}).", hint="Run again.")
        if isinstance(error, errors.ProgrammingError) and not state:
            return WrongSettings("PGVECTOR_URL is not a PostgreSQL URL.", hint="Example: postgresql://user@host/db")
        if isinstance(error, errors.Error):
            return StoreUnavailable(f"{at} fails ({said} {state}).", hint="Run again.")
        return None


def psycopg() -> Any:
    """The package, imported when it is needed. Absent: one line that names the extra."""
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise WrongSettings(
            "The postgres extra is not installed; nothing was written.",
            hint="In the checkout of this program: pip install '.[postgres]'",
        ) from None


def _plain(url: str) -> tuple[str, str]:
    """The URL without SQLAlchemy's driver, and what of it may be shown."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise WrongSettings("PGVECTOR_URL is not a PostgreSQL URL.", hint="Example: postgresql://user@host/db")
    plain = f"{scheme.partition('+')[0]}://{rest}"
    parts = urlsplit(plain)
    host = parts.netloc.rpartition("@")[2]
    return plain, f"{host or 'this machine'}{parts.path}"
