"""What the manifest has of one collection in one store, wherever another job keeps one of the same
name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from confluence_mirror.errors import Refused
from confluence_mirror.manifest import Generation, Manifest
from confluence_mirror.manifest.locks import exclusive
from confluence_mirror.mirror.scope import describe
from confluence_mirror.stores.base import Collection, Store

log = logging.getLogger(__name__)

SOME_HITS = 20
"""Rows that are looked at to tell whose a collection is."""


def generations(manifest: Manifest, store: Store, collection: str) -> list[Generation]:
    """Every generation under this name in this very store, of any site, newest first.

    Revision 1 of the manifest did not know where a store is: its generations belong to the store
    that has their collection, with rows that they record, and are recorded as such by the first run
    that writes. A store that has moved to another address has no record there: it is taken over
    from its rows, as after a lost manifest.
    """
    known = manifest.generations(store.kind, store.place, collection)
    if known:
        return known
    unplaced = manifest.generations(store.kind, "", collection)
    if not any(_is_here(manifest, store, each) for each in unplaced if each.state != "retired"):
        return []
    if not manifest.database.read_only:
        log.info(
            "the manifest's record of collection %s belongs to %s from now on",
            collection,
            store.location,
        )
        manifest.record_place(store.place, unplaced)
    return [replace(each, place=store.place) for each in unplaced]


@contextmanager
def alone(manifest: Manifest, store: Store, collection: str, wait_s: float) -> Iterator[None]:
    """The mirror's lock; ``Unfinished`` where another run holds it for longer than ``wait_s``
    seconds."""
    with ExitStack() as locks:
        if manifest.generations(store.kind, "", collection):
            # A run of the version before, which may still be at work, knows the mirror by this
            # name.
            locks.enter_context(exclusive(manifest.database, f"{store.kind}:{collection}", wait_s))
        locks.enter_context(
            exclusive(manifest.database, f"{store.kind}:{store.place}:{collection}", wait_s)
        )
        yield


def require_free(manifest: Manifest, store: Store, found: Collection, collection: str) -> None:
    """Raise ``Refused`` where another mirror of this manifest has the collection, under another
    name."""
    for other in manifest.owners(store.kind, store.place, found.id):
        if other.collection != collection:
            raise Refused(
                f"Collection {found.name} ({found.id}) at {store.location} is the mirror of another"
                f" job: COLLECTION_ID={other.collection}, {describe(other.scope)}. Nothing was read"
                " or removed.",
                hint="Set another COLLECTION_ID.",
            )


def _is_here(manifest: Manifest, store: Store, generation: Generation) -> bool:
    """Whether the collection of a generation is in this store. An id that the store gave is proof;
    where the id is but the name, another store may have one of that name, so that its rows must be
    recorded ones."""
    found = store.find(generation.collection_id)
    if found is None or found.id != generation.collection_id:
        return False
    if found.id != found.name or not manifest.chunk_count(generation):
        return True
    hits = store.search(found, "a page of documentation", SOME_HITS)
    ids = [str(hit.metadata["chunk_id"]) for hit in hits if "chunk_id" in hit.metadata]
    return bool(manifest.chunks(generation, ids))
