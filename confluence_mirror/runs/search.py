"""A look at what is stored: the nearest chunks of the current collection."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass

from confluence_mirror.errors import SyncError, WrongSettings
from confluence_mirror.manifest import Database, Generation, Manifest
from confluence_mirror.mirror.pointer import pointed
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.settings.groups import StateSettings
from confluence_mirror.stores.base import Capabilities, Collection, Hit, Store

log = logging.getLogger(__name__)

LIMIT = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chunks of a mirror are, and the record of them."""

    site: str
    collection: str
    """Its name."""
    state: StateSettings
    timeout: float
    """Seconds, for the record's server."""
    remembered_id: str = ""
    """The collection's id as someone remembers it."""


def hits(store: Store, place: Place, query: str, *, limit: int = LIMIT) -> list[Hit]:
    """Search the collection that the last run left as current; ``WrongSettings`` where there is
    none."""
    can = store.connect()
    found = _current(store, can, place)
    if found is None:
        raise WrongSettings(
            f"There is no collection {place.collection} in {store.location} yet.",
            hint="Run a sync first, or check COLLECTION_ID.",
        )
    return store.search(found, query, limit)


def _current(store: Store, can: Capabilities, place: Place) -> Collection | None:
    """The collection as a run finds it: by the id that is recorded or remembered, where the store
    has it, before the name, which several may bear."""
    recorded = _recorded(store, can, place)
    if recorded is not None and (found := store.find(recorded.collection_id)) is not None:
        return found
    name, remembered_id = place.collection, place.remembered_id
    if remembered_id and (found := store.find(remembered_id)) is not None and found.name == name:
        return found
    # Where the record is lost, the pointer still says which of a rotation's collections is whole.
    kept = pointed(place.state.folder)
    found = store.find(kept) if kept else None
    return (
        found if found is not None and f"{found.name}-".startswith(f"{name}-") else store.find(name)
    )


def _recorded(store: Store, can: Capabilities, place: Place) -> Generation | None:
    """This mirror as it is recorded. A record that cannot be read is no reason not to
    search."""
    try:
        with closing(
            Database(place.state.url.reveal(), read_only=True, timeout=place.timeout)
        ) as database:
            recorded = RecordedStore(store, can, Manifest(database))
            return recorded.current(place.collection, place.site)
    except SyncError as error:
        log.warning("%s", error)
        return None
