"""A look at what is stored: the nearest chunks of the current collection, for people."""

from __future__ import annotations

from pathlib import Path

from confluence_sync.errors import WrongSettings
from confluence_sync.mirror.rotate import POINTER
from confluence_sync.stores.base import Hit, Store

LIMIT = 5
_LINES = 4
_WIDTH = 110


def hits(store: Store, collection: str, state_dir: Path, query: str, limit: int = LIMIT) -> list[Hit]:
    """Search the collection that the last run left as current; ``WrongSettings`` where there is none."""
    store.connect()
    pointer = state_dir / POINTER
    named = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
    found = (store.find(named) if named.startswith(collection) else None) or store.find(collection)
    if found is None:
        raise WrongSettings(
            f"There is no collection {collection} in {store.location} yet.",
            hint="Run a sync first, or check COLLECTION_ID.",
        )
    return store.search(found, query, limit)


def answer(store: Store, collection: str, state_dir: Path, query: str) -> str:
    """Title, heading, link, score and first lines of each hit."""
    found = hits(store, collection, state_dir, query)
    return "\n\n".join(_shown(number, hit) for number, hit in enumerate(found, 1)) or "nothing found"


def _shown(number: int, hit: Hit) -> str:
    title, heading = hit.metadata.get("title", ""), hit.metadata.get("heading_path", "")
    head = f"{number}. {title}" + (f" > {heading}" if heading else "") + f"  ({hit.score:.2f})"
    # The chunk's first line repeats title and headings.
    lines = [line for line in hit.text.splitlines()[1:] if line.strip()][:_LINES]
    body = "\n".join("   " + (line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…") for line in lines)
    return f"{head}\n   {hit.metadata.get('url', '')}\n{body}"
