"""What PostgreSQL says, told apart: by SQLSTATE (appendix A of its manual), else by psycopg's class
and libpq's words.

Messages of the server can hold row data, and those of libpq parts of the URL: none is repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from confluence_mirror.errors import (
    PermissionRefused,
    StateUnusable,
    SyncError,
    Unfinished,
    WrongSettings,
)
from confluence_mirror.net.retry import TryAgainError as TryAgainError
from confluence_mirror.postgres.package import psycopg
from confluence_mirror.postgres.url import ENCODE

_REFUSED = (
    r'authentication failed|role "[^"]*" (does not exist|is not)|no pg_hba.conf entry|no password'
    r" supplied"
)
_CERTIFICATE = (
    r"certificate|server does not support SSL|SSL connection is required|root certificate"
)
_FULL = (
    r"too many clients|connection slots are reserved|too many connections|no more connections"
    r" allowed"
)
_STARTING = r"is starting up|is shutting down|in recovery mode|not yet accepting connections"
_NOT_POSTGRES = r"invalid response to SSL negotiation|expected authentication request"
_READ_ONLY = r"session is read-only|server is in hot standby mode"


class DataRefusedError(Exception):
    """PostgreSQL refuses a value that we sent."""


@dataclass(frozen=True, slots=True)
class Words:
    """Who speaks: the variable that holds the URL, and what it means that the server does not
    answer, or fails."""

    variable: str
    unavailable: type[SyncError]
    broken: type[SyncError]


def explained(
    error: Exception, at: str, words: Words, *, read_only: bool = False
) -> Exception | None:
    """The error that a run ends with; in a ``TryAgainError`` where it may be over in a moment.
    None: not known.

    ``read_only``: the session was opened for reading alone.
    """
    state, said, text = (
        str(getattr(error, "sqlstate", None) or ""),
        type(error).__name__,
        str(error),
    )
    errors = psycopg().errors
    if (state == "25006" and not read_only) or (not state and re.search(_READ_ONLY, text)):
        # While one server hands over to another, the old one is read-only for a moment, too.
        return TryAgainError(_read_only(at, words))
    if permanent := _permanent(error, state, at, words):
        return permanent
    if state == "53100":
        return StateUnusable(f"The disk of {at} is full.", hint="Make room there, and run again.")
    if state == "53300" or (not state and re.search(_FULL, text)):
        return TryAgainError(
            words.unavailable(
                f"{at} has no free connection.", hint="Run again, or allow more there."
            )
        )
    if state == "57P03" or (not state and re.search(_STARTING, text)):
        return TryAgainError(
            words.unavailable(f"{at} is starting up or shutting down.", hint="Run again.")
        )
    if state in ("55P03", "57014"):
        return Unfinished(
            f"{at}: another session holds a lock that this run needs, or a statement took too long"
            f" ({said}).",
            hint="Run again.",
        )
    if state.startswith("22") or isinstance(error, (errors.DataError, UnicodeError)):
        return DataRefusedError(said)
    if state.startswith(("08", "40", "53", "57")) or state == "25P03":
        return TryAgainError(
            words.unavailable(f"{at} does not answer ({said}).", hint="Run again.")
        )
    if isinstance(error, errors.OperationalError) and not state:
        return TryAgainError(
            words.unavailable(f"{at} does not answer ({said}).", hint="Run again.")
        )
    if isinstance(error, errors.Error):
        return words.broken(
            f"{at} fails ({said} {state}).", hint="See the server's log, and run again."
        )
    return None


def _permanent(error: Exception, state: str, at: str, words: Words) -> SyncError | None:
    """What only a person can change."""
    text, said = str(error), type(error).__name__
    if state.startswith("28") or state == "42501" or (not state and re.search(_REFUSED, text)):
        return PermissionRefused(
            f"{at} refuses us ({said}).",
            hint=(
                f"Check user, password and privileges in {words.variable} (docs/stores.md);"
                f" {ENCODE}."
            ),
        )
    if state == "3D000" or ('database "' in text and "does not exist" in text):
        return WrongSettings(f"{at}: there is no such database.", hint=f"Check {words.variable}.")
    if re.search(_NOT_POSTGRES, text):
        return WrongSettings(
            f"{at}: what answers there is not PostgreSQL.", hint=f"Check {words.variable}."
        )
    if not state and re.search(_CERTIFICATE, text):
        return WrongSettings(
            f"{at}: no secure connection can be made as {words.variable} asks (sslmode,"
            " sslrootcert).",
            hint="Check both, and the server's certificate.",
        )
    if isinstance(error, psycopg().errors.ProgrammingError) and not state:
        return WrongSettings(
            f"{words.variable} is not a PostgreSQL URL.",
            hint=f"Example: postgresql://user@host/db; {ENCODE}.",
        )
    return None


def _read_only(at: str, words: Words) -> SyncError:
    return WrongSettings(
        f"{at} is read-only and takes no writes: a replica, or a database that was set so.",
        hint=f"Name the primary server in {words.variable}.",
    )
