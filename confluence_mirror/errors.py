"""Every error that an operator would treat differently, with its exit code and what to do.

A ``SyncError`` is printed as one line, without a traceback; anything else is a bug in this program
(``Exit.BUG``) and keeps its traceback. The codes follow sysexits, so that a scheduler can tell a
retry (69, 75) from a mistake (64, 65, 74, 77, 78).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from enum import IntEnum


class Exit(IntEnum):
    """How a run ended."""

    OK = 0
    DRIFT = 3
    USAGE = 64
    REFUSED = 65
    UNAVAILABLE = 69
    BUG = 70
    STATE = 74
    UNFINISHED = 75
    PERMISSION = 77
    SETTINGS = 78
    INTERRUPTED = 130
    TERMINATED = 143


class SyncError(Exception):
    """What happened, what was not done, and what to do. Never holds a credential."""

    exit = Exit.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.hint}" if self.hint else message


class WrongUsage(SyncError):
    """The command line does not fit."""

    exit = Exit.USAGE


class WrongSettings(SyncError):
    """A setting is missing or wrong, or does not fit the store as it is."""

    exit = Exit.SETTINGS


class Refused(SyncError):
    """Refused for safety: a mass removal, a changed scope, somebody else's collection."""

    exit = Exit.REFUSED


class IncompleteEvidence(Refused):
    """A listing did not end, or a question was not answered: nothing may be removed in this run."""


class PermissionRefused(SyncError):
    """The credential is refused, lacks a scope, or does not see the space."""

    exit = Exit.PERMISSION
    scope = ""
    """The scope that the token lacks; empty where the refusal has another reason."""


class SourceUnavailable(SyncError):
    """Confluence did not answer after all retries."""

    exit = Exit.UNAVAILABLE


NOT_ANSWERED = (IncompleteEvidence, PermissionRefused, SourceUnavailable)
"""What a question to Confluence ends with where it is not answered; a stop and a spent budget are
no such thing."""


class StoreUnavailable(SyncError):
    """The vector store did not answer after all retries."""

    exit = Exit.UNAVAILABLE


class StateUnusable(SyncError):
    """The manifest, the report or the state folder cannot be read or written."""

    exit = Exit.STATE


class StateUnavailable(SyncError):
    """The manifest's server did not answer after all retries."""

    exit = Exit.UNAVAILABLE


class DocumentStoreUnavailable(SyncError):
    """The place where documents are written did not answer after all retries."""

    exit = Exit.UNAVAILABLE


class DocumentStoreUnusable(SyncError):
    """The place where documents are written is full, or may not be written."""

    exit = Exit.STATE


class Unfinished(SyncError):
    """Run again: the lock is held, pages failed and are kept for retry, or the time budget is
    spent."""

    exit = Exit.UNFINISHED


class Interrupted(SyncError):
    """SIGINT: the batch in hand was finished and committed."""

    exit = Exit.INTERRUPTED


class Terminated(SyncError):
    """SIGTERM: the batch in hand was finished and committed."""

    exit = Exit.TERMINATED


def in_image(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is the image of ``Containerfile``."""
    return bool(environ.get("CONFLUENCE_SYNC_IMAGE"))


def extra_hint(extra: str) -> str:
    """How the packages of an extra are added, where they are missing."""
    if not in_image():
        return f"In the checkout of this program: pip install '.[{extra}]'"
    if extra != "chroma":
        return "The image does not hold it: run this in a checkout of the program."
    return (
        "The image has no embedded store unless it is built with --build-arg EMBEDDED=1. Set"
        " VECTOR_API_BASE_URL, LLAMA_BASE_URL, CHROMA_URL or PGVECTOR_URL, or build it so."
    )


_WITHOUT_A_FILE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE}
)


def of_the_system(error: BaseException) -> StateUnusable | None:
    """An error of a file, a folder or a disk that nobody nearer by has told better; None: it is a
    bug."""
    if (
        type(error).__module__ != "builtins"
        or not isinstance(error, OSError)
        or error.errno is None
    ):
        return None  # a library's: it speaks of a server
    if error.filename is None and error.errno not in _WITHOUT_A_FILE:
        return None
    where = "" if error.filename is None else f"{error.filename}: "
    return StateUnusable(
        f"{where}{error.strerror}.",
        hint="Check the disk, the folder and its permissions, then run again.",
    )


class PageFailed(Exception):
    """One page could not be read, converted or stored; the run goes on with the others.

    ``lies_in_page`` is true where the reason is the page itself, so that trying again cannot help
    until it
    changes: not for rate limits and network faults.
    """

    def __init__(self, reason: str, *, lies_in_page: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lies_in_page = lies_in_page
