"""A connection to PostgreSQL for the pgvector store: retries, and errors that an operator understands."""

from __future__ import annotations

import importlib
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import tenacity

from confluence_sync.errors import PermissionRefused, StoreUnavailable, SyncError, WrongSettings

Connection: TypeAlias = Any
"""psycopg's connection: the package is an extra, so its types may not be there."""
Result = TypeVar("Result")


class DataRefusedError(Exception):
    """PostgreSQL refuses a value that we sent."""


class Postgres:
    """One connection, opened when needed, opened again after it broke off. Used by one thread.

    ``timeout`` in seconds is for connecting. Whatever runs in ``run`` is one transaction, and may be repeated.
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
                self._connection = psycopg().connect(
                    self._url, autocommit=True, connect_timeout=max(2, round(self._timeout)), prepare_threshold=None
                )
            with self._connection.transaction():
                return work(self._connection)

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
        if state == "3D000" or ('database "' in str(error) and "does not exist" in str(error)):
            return WrongSettings(f"{at}: there is no such database.", hint="Check PGVECTOR_URL.")
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
            hint="pip install 'confluence-sync[postgres]'",
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
