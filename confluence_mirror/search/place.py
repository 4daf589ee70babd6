"""Where a mirror's chunks are, as the last run left them: the collection that is current, and what
is recorded of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluence_mirror.errors import SyncError, WrongSettings
from confluence_mirror.manifest import Database, Generation, Manifest
from confluence_mirror.mirror.pointer import read_pointer
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.search.searcher import Searched
from confluence_mirror.stores.base import Capabilities, Collection, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chunks of a mirror are, and the record of them."""

    site: str
    collection: str
    """Its name."""
    state_url: str
    state_dir: Path
    timeout: float
    """Seconds, for the record's server."""
    remembered_id: str = ""
    """The collection's id as someone remembers it."""


@contextmanager
def searched_mirror(store: Store, place: Place) -> Iterator[Searched]:
    """The mirror in the collection that the last run left as current, for as long as it is read.
    ``WrongSettings`` where there is none."""
    can = store.connect()
    with ExitStack() as opened:
        manifest = _open_manifest(place, opened)
        recorded = _recorded(store, can, place, manifest) if manifest is not None else []
        found = _current_collection(store, place, next(iter(recorded), None))
        if found is None:
            raise WrongSettings(
                f"There is no collection {place.collection} in {store.location} yet.",
                hint="Run a sync first, or check COLLECTION_ID.",
            )
        record = manifest.of(*recorded) if manifest is not None and recorded else None
        yield Searched(store, can, found, place.site, record)


def _open_manifest(place: Place, opened: ExitStack) -> Manifest | None:
    """A record that cannot be read is no reason not to search."""
    try:
        database = Database(place.state_url, read_only=True, timeout=place.timeout)
        opened.enter_context(closing(database))
        return Manifest(database)
    except SyncError as error:
        log.warning("%s", error)
        return None


def _recorded(
    store: Store, can: Capabilities, place: Place, manifest: Manifest
) -> list[Generation]:
    """One, or where the mirror is run in shards each of them."""
    try:
        return RecordedStore(store, can, manifest).current_generations(place.collection, place.site)
    except SyncError as error:
        log.warning("%s", error)
        return []


def _current_collection(
    store: Store, place: Place, recorded: Generation | None
) -> Collection | None:
    """The collection as a run finds it: by the id that is recorded or remembered, where the store
    has it, before the name, which several may have."""
    if (
        recorded is not None
        and (found := store.find_collection(recorded.collection_id)) is not None
    ):
        return found
    name, remembered_id = place.collection, place.remembered_id
    if (
        remembered_id
        and (found := store.find_collection(remembered_id)) is not None
        and found.name == name
    ):
        return found
    # Where the record is lost, the pointer still says which of a rotation's collections is whole.
    kept = read_pointer(place.state_dir)
    found = store.find_collection(kept) if kept else None
    return (
        found
        if found is not None and f"{found.name}-".startswith(f"{name}-")
        else store.find_collection(name)
    )
