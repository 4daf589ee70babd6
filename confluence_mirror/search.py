"""A look at what is stored: the nearest chunks of the current collection, for people."""

from __future__ import annotations

import logging
from contextlib import closing

from confluence_mirror import terminal
from confluence_mirror.errors import SyncError, WrongSettings
from confluence_mirror.manifest import Database, Generation, Manifest
from confluence_mirror.mirror.pointer import pointed
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.settings import Settings
from confluence_mirror.stores.base import Capabilities, Collection, Hit, Store

log = logging.getLogger(__name__)

LIMIT = 5
_LINES = 4
_WIDTH = 110


def hits(
    store: Store, settings: Settings, query: str, *, hint: str = "", limit: int = LIMIT
) -> list[Hit]:
    """Search the collection that the last run left as current; ``WrongSettings`` where there is
    none.

    ``hint``: the collection's id as someone remembers it.
    """
    can = store.connect()
    found = _current(store, can, settings, hint)
    if found is None:
        raise WrongSettings(
            f"There is no collection {settings.store.collection} in {store.location} yet.",
            hint="Run a sync first, or check COLLECTION_ID.",
        )
    return store.search(found, query, limit)


def answer(store: Store, settings: Settings, query: str, *, hint: str = "") -> str:
    """Title, heading, link, score and first lines of each hit."""
    found = hits(store, settings, query, hint=hint)
    return (
        "\n\n".join(_shown(number, hit) for number, hit in enumerate(found, 1)) or "nothing found"
    )


def _current(store: Store, can: Capabilities, settings: Settings, hint: str) -> Collection | None:
    """The collection as a run finds it: by the id that is recorded or remembered, where the store
    has it, before the name, which several may bear."""
    recorded = _recorded(store, can, settings)
    if recorded is not None and (found := store.find(recorded.collection_id)) is not None:
        return found
    name = settings.store.collection
    if hint and (found := store.find(hint)) is not None and found.name == name:
        return found
    # Where the record is lost, the pointer still says which of a rotation's collections is whole.
    kept = pointed(settings.state.folder)
    found = store.find(kept) if kept else None
    return (
        found if found is not None and f"{found.name}-".startswith(f"{name}-") else store.find(name)
    )


def _recorded(store: Store, can: Capabilities, settings: Settings) -> Generation | None:
    """This mirror as it is recorded. A record that cannot be read is no reason not to
    search."""
    try:
        with closing(
            Database(
                settings.state.url.reveal(), read_only=True, timeout=settings.net.request_timeout
            )
        ) as database:
            recorded = RecordedStore(store, can, Manifest(database))
            return recorded.current(settings.store.collection, settings.confluence.cloud_id)
    except SyncError as error:
        log.warning("%s", error)
        return None


def _shown(number: int, hit: Hit) -> str:
    title, heading, url = (
        terminal.one_line(str(hit.metadata.get(key, "")))
        for key in ("title", "heading_path", "url")
    )
    head = f"{number}. {title}" + (f" > {heading}" if heading else "") + f"  ({hit.score:.2f})"
    # The chunk's first line repeats title and headings.
    lines = [line for line in hit.text.splitlines()[1:] if line.strip()][:_LINES]
    body = "\n".join(
        "   " + (line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…") for line in lines
    )
    return f"{head}\n   {url}\n{body}"
