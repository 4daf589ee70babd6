"""The file in the state folder that says which collection to read."""

from __future__ import annotations

from pathlib import Path

from confluence_mirror.errors import StateUnusable
from confluence_mirror.stores.base import Collection

POINTER = "CURRENT_COLLECTION"
_MOST_CHARS = 600


def write_pointer(state_dir: Path, collection: Collection) -> None:
    """Write what a reader passes to the store, in one step."""
    path = state_dir / POINTER
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(f"{collection.opened_by}\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise StateUnusable(f"{path} cannot be written: {error.strerror}.") from None


def read_pointer(state_dir: Path) -> str:
    """What an earlier run wrote; empty where there is none. A hint: the store has the last word."""
    try:
        return (
            (state_dir / POINTER)
            .read_text(encoding="utf-8", errors="replace")
            .strip()[:_MOST_CHARS]
        )
    except OSError:
        return ""
