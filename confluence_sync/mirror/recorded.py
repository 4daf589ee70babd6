"""What the manifest has of one collection in one store, wherever another job keeps one of the same name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from confluence_sync.manifest import Generation, Manifest
from confluence_sync.manifest.locks import exclusive
from confluence_sync.stores.base import Store

log = logging.getLogger(__name__)


def generations(manifest: Manifest, store: Store, collection: str) -> list[Generation]:
    """Every generation under this name in this very store, of any site, newest first.

    Revision 1 of the manifest did not know where a store is: its generations belong to the store that has their
    collection, and are recorded as such by the first run that writes.
    """
    known = manifest.generations(store.kind, store.place, collection)
    if known:
        return known
    unplaced = manifest.generations(store.kind, "", collection)
    if not any(_is_here(store, each) for each in unplaced if each.state != "retired"):
        return []
    if not manifest.database.read_only:
        log.info("the manifest's record of collection %s belongs to %s from now on", collection, store.location)
        manifest.record_place(store.place, unplaced)
    return [replace(each, place=store.place) for each in unplaced]


@contextmanager
def alone(manifest: Manifest, store: Store, collection: str, wait_s: float) -> Iterator[None]:
    """The mirror's lock; ``Unfinished`` where another run holds it for longer than ``wait_s`` seconds."""
    with ExitStack() as locks:
        if manifest.generations(store.kind, "", collection):
            # A run of the version before, which may still be at work, knows the mirror by this name.
            locks.enter_context(exclusive(manifest.database, f"{store.kind}:{collection}", wait_s))
        locks.enter_context(exclusive(manifest.database, f"{store.kind}:{store.place}:{collection}", wait_s))
        yield


def _is_here(store: Store, generation: Generation) -> bool:
    found = store.find(generation.collection_id)
    return found is not None and found.id == generation.collection_id
