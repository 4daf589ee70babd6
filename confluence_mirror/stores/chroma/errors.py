"""What Chroma's errors mean to an operator."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from confluence_mirror.errors import (
    PermissionRefused,
    StateUnusable,
    StoreUnavailable,
    SyncError,
    WrongSettings,
    extra_hint,
)

NEEDED = (
    "The embedded store needs the package chromadb, which is not installed; nothing was written."
)


class TextRefusedError(Exception):
    """Chroma refuses what we sent: a text, or its metadata."""


TEXT_REFUSED = (TextRefusedError,)


class WedgedError(StoreUnavailable):
    """A collection that cannot fold its pending writes into its index any more."""


def chromadb() -> Any:
    """The package, imported when it is needed. Absent: one line that names the extra."""
    try:
        with _no_collections():
            return import_module("chromadb")
    except ImportError:
        raise WrongSettings(NEEDED, hint=extra_hint("chroma")) from None
    except RuntimeError as error:
        if "sqlite" not in str(error):
            raise
        raise WrongSettings(
            "The SQLite of this Python is too old for Chroma, which needs 3.35 or later; nothing"
            " was written.",
            hint="Use another Python, the image, or another store.",
        ) from None


@contextmanager
def _no_collections() -> Iterator[None]:
    """Of garbage: an import of a thousand modules leaves none, and looking for it takes an eighth
    of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def translated(location: str, consequence: str = "") -> Iterator[None]:
    """Errors of Chroma, of its transport and of the disk, as ours."""
    try:
        yield
    except (SyncError, TextRefusedError):
        raise
    except Exception as error:
        known = _known_error(error, location, f"; {consequence}" if consequence else "")
        if known is None:
            raise
        raise known from None


def _known_error(error: Exception, location: str, consequence: str) -> Exception | None:
    kind, text = type(error).__name__, " ".join(str(error).split())[:300]
    if isinstance(error, (UnicodeError, TypeError)) or kind in (
        "InvalidArgumentError",
        "ValueError",
    ):
        return invalid(text, location, consequence)
    if kind in ("ChromaAuthError", "AuthorizationError"):
        return PermissionRefused(
            f"Chroma at {location} refuses the credential{consequence}.", hint="Check CHROMA_TOKEN."
        )
    if re.search(
        r"read-?only database|disk is full|No space left|unable to open database",
        text,
        re.IGNORECASE,
    ):
        return StateUnusable(
            f"Chroma's folder {location} cannot be written{consequence}.",
            hint="Check disk and rights.",
        )
    if kind == "InternalError" and is_wedged(text):
        return wedged(text, location, consequence)
    if _is_of_library(error, "chromadb", "httpx", "httpcore") or isinstance(error, OSError):
        said = text or kind
        return StoreUnavailable(
            f"Chroma at {location} fails ({kind}: {said}){consequence}.", hint="Run again."
        )
    return None


def is_wedged(text: str) -> bool:
    """Whether an error of Chroma's says that pending writes cannot be folded into the index."""
    return bool(
        re.search(
            r"compaction|backfill|segment (writer|reader)|hnsw|Error (getting"
            r" embedding|finding id)",
            text,
            re.IGNORECASE,
        )
    )


def wedged(text: str, location: str, consequence: str = "") -> WedgedError:
    """The error for it."""
    return WedgedError(
        f"Chroma at {location} cannot fold pending writes into its index ({text}){consequence}.",
        hint=(
            "Run again: the embedded store builds it anew. On a server: name another COLLECTION_ID."
        ),
    )


def invalid(text: str, location: str, consequence: str) -> Exception:
    """What was wrong with a request: a setting, or the text in it."""
    if re.search(r"\bname\b", text) and "Expected" in text:
        return WrongSettings(
            f"Chroma refuses the name of the collection ({text}){consequence}.",
            hint="Set COLLECTION_ID.",
        )
    if re.search(r"tenant|database", text, re.IGNORECASE):
        return WrongSettings(
            f"Chroma at {location}: {text}{consequence}.",
            hint="Check CHROMA_TENANT, CHROMA_DATABASE.",
        )
    if re.search(r"dimension", text, re.IGNORECASE):
        return WrongSettings(
            f"Chroma at {location}: {text}{consequence}.", hint="Name another COLLECTION_ID."
        )
    return TextRefusedError(text)


def _is_of_library(error: Exception, *packages: str) -> bool:
    return type(error).__module__.partition(".")[0] in packages
