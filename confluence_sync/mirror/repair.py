"""Mend drift, and take everything that is ours out of a store."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from confluence_sync.errors import WrongSettings
from confluence_sync.manifest import Generation, Manifest
from confluence_sync.mirror.plan import batches
from confluence_sync.mirror.verify import Drift
from confluence_sync.model import StoredRef
from confluence_sync.stores.base import Capabilities, Collection, Store, Stored

log = logging.getLogger(__name__)

BATCH = 200


def mend(
    found: Drift, store: Store, can: Capabilities, collection: Collection, manifest: Manifest, generation: Generation
) -> None:
    """Take out what is ours and stray; make the next plan send what is missing or changed.

    A row that is there twice is taken out with its copy, and sent again.
    """
    leaving = [*found.stray, *found.twice]
    if leaving and not can.deletes:
        raise WrongSettings(
            f"{store.kind} at {store.location} cannot remove single chunks, so it cannot be repaired.",
            hint="WRITE_MODE=rotate builds a new collection.",
        )
    _remove(store, collection, leaving)
    again = [*found.missing, *found.changed, *((row.page_id, row.chunk_id) for row in found.twice)]
    manifest.doubt(generation, [(chunk, page) for page, chunk in again])
    log.info("repair: %d stray chunks removed, %d to be sent again", len(leaving), len(again))


def purge(store: Store, can: Capabilities, collection: Collection, manifest: Manifest, generation: Generation) -> int:
    """Remove all that is ours from the store, and nothing else; the number of chunks.

    A collection that we made goes as a whole; where it holds rows of others too, or is not ours, only our rows go.
    """
    foreign = _foreign(store, can, collection)
    recorded = manifest.chunk_count(generation)
    if generation.made_by_us and can.drops_collections and foreign is False:
        store.drop(collection)
        manifest.forget_generation(generation)
        return recorded
    if not can.deletes:
        raise WrongSettings(
            f"{store.kind} at {store.location} cannot remove single chunks, and collection {collection.name} is not "
            "known to be ours alone; nothing was removed.",
            hint="Remove the collection with the server's own tools.",
        )
    removed = 0
    ours: Iterable[StoredRef] = (
        (_ref(row) for row in store.rows(collection) if row.chunk_id and row.site_id == generation.site)
        if can.lists
        else (row.stored() for rows in manifest.all_chunks(generation) for row in rows)
    )
    for refs in batches(list(ours), BATCH):
        store.remove(collection, refs)
        removed += len(refs)
    manifest.forget_generation(generation)
    return removed


def _foreign(store: Store, can: Capabilities, collection: Collection) -> bool | None:
    """Whether others have rows in the collection; None where the store cannot list them."""
    if not can.lists:
        return None
    return any(not row.chunk_id for row in store.rows(collection))


def _remove(store: Store, collection: Collection, rows: Sequence[Stored]) -> None:
    for batch in batches(rows, BATCH):
        store.remove(collection, [_ref(row) for row in batch])


def _ref(row: Stored) -> StoredRef:
    return StoredRef(row.chunk_id, row.page_id, row.metadata_hash, row.ref)
