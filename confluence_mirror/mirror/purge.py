"""Take everything that is ours out of a store: for those who leave."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluence_mirror.errors import WrongSettings
from confluence_mirror.manifest import Generation, Manifest
from confluence_mirror.mirror.drops import drop
from confluence_mirror.mirror.plan import batches
from confluence_mirror.mirror.verify import is_ours
from confluence_mirror.model import StoredRef
from confluence_mirror.stores.base import Capabilities, Collection, Store

log = logging.getLogger(__name__)

BATCH = 200


@dataclass(slots=True)
class Purged:
    """What left the store."""

    chunks: int = 0
    pages: set[str] = field(default_factory=set)
    """Ids."""
    collection: bool = False
    """The collection itself is gone."""


def purge(
    store: Store,
    can: Capabilities,
    collection: Collection,
    manifest: Manifest,
    generation: Generation,
) -> Purged:
    """Remove all that is ours from the store, recorded or stray, and nothing else.

    A collection that we made goes as a whole; where it holds rows of others too (another site's
    among them), or is not ours, only our rows go. Raises ``WrongSettings`` where neither can be
    done.
    """
    purged = Purged()
    ours: list[StoredRef] = []
    foreign = False if can.lists else None
    for ref in _held(store, can, collection, manifest, generation):
        if ref is None:
            foreign = True
        else:
            ours.append(ref)
    whole = generation.made_by_us and can.drops_collections and foreign is False
    if whole and drop(store, manifest, collection, [generation]):
        purged.collection = True
    elif can.deletes:
        for refs in batches(ours, BATCH):
            store.remove(collection, refs)
    else:
        raise WrongSettings(
            f"{store.kind} at {store.location} cannot remove single chunks, and collection"
            f" {collection.name} is not known to be ours alone; nothing was removed.",
            hint="Remove the collection with the server's own tools.",
        )
    purged.chunks, purged.pages = len(ours), {ref.page_id for ref in ours}
    manifest.forget_generation(generation)
    return purged


def _held(
    store: Store,
    can: Capabilities,
    collection: Collection,
    manifest: Manifest,
    generation: Generation,
) -> Iterator[StoredRef | None]:
    """Our rows as the store lists them (None for a row of others); as they are recorded, where it
    cannot."""
    if not can.lists:
        yield from (row.stored() for rows in manifest.all_chunks(generation) for row in rows)
        return
    for row in store.rows(collection, texts=False):
        ours = is_ours(row, generation.site)
        yield StoredRef(row.chunk_id, row.page_id, row.metadata_hash, row.ref) if ours else None
