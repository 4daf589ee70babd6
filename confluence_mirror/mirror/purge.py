"""Take everything that is ours out of a store: for those who leave."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluence_mirror.errors import WrongSettings
from confluence_mirror.mirror.plan import batches
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.mirror.verify import is_ours
from confluence_mirror.model import StoredRef

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


def purge(recorded: RecordedStore, mirror: StoredMirror) -> Purged:
    """Remove all that is ours from the store, recorded or stray, and nothing else.

    A collection that we made goes as a whole; where it holds rows of others too (another site's
    among them), or is not ours, only our rows go. Raises ``WrongSettings`` where neither can be
    done.
    """
    store, can, collection = mirror.store, mirror.capabilities, mirror.collection
    generation = mirror.generation
    purged = Purged()
    ours: list[StoredRef] = []
    foreign = False if can.lists else None
    for ref in _held(mirror):
        if ref is None:
            foreign = True
        else:
            ours.append(ref)
    whole = generation.made_by_us and can.drops_collections and foreign is False
    if whole and recorded.drop(collection, [generation]):
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
    recorded.manifest.forget_generation(generation)
    return purged


def _held(mirror: StoredMirror) -> Iterator[StoredRef | None]:
    """Our rows as the store lists them (None for a row of others); as they are recorded, where it
    cannot."""
    if not mirror.capabilities.lists:
        yield from (row.stored() for rows in mirror.record.all_chunks() for row in rows)
        return
    for row in mirror.store.rows(mirror.collection, texts=False):
        ours = is_ours(row, mirror.site)
        yield StoredRef(row.chunk_id, row.page_id, row.metadata_hash, row.ref) if ours else None
