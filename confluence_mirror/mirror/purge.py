"""Take everything that is ours out of a store: for those who leave."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluence_mirror.batches import in_batches
from confluence_mirror.errors import WrongSettings
from confluence_mirror.manifest import Generation
from confluence_mirror.mirror.events import ChunksCounted, Emit, PagesRemoved, StoreTouched
from confluence_mirror.mirror.pointer import POINTER
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.mirror.resharding import forget_shards
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.mirror.tree_opening import open_tree
from confluence_mirror.mirror.verify import is_ours
from confluence_mirror.model import StoredRef
from confluence_mirror.wording import counted

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


def purge_all(job: MirrorSpec, recorded: RecordedStore, mirror: StoredMirror, emit: Emit) -> None:
    """What is ours leaves the tree of documents and the store, and is forgotten."""
    emit(StoreTouched())
    if (tree := open_tree(job, recorded, emit)) is not None:
        tree.purge()
    purged = purge(recorded, mirror)
    forget_shards(recorded, job)
    collection = mirror.collection
    emit(PagesRemoved(len(purged.pages)))
    emit(ChunksCounted("removed", purged.chunks))
    if purged.collection:
        log.info("collection %s is removed: it held nothing but this mirror", collection.name)
        (job.state_dir / POINTER).unlink(missing_ok=True)
    else:
        log.info("collection %s stays: it holds others' rows, or is not ours", collection.name)


def purge(recorded: RecordedStore, mirror: StoredMirror) -> Purged:
    """Remove all that is ours from the store, recorded or stray, and nothing else: from the
    collection in force, and from those that rotations left behind it.

    A collection that we made goes as a whole; where it holds rows of others too (another site's
    among them), or is not ours, only our rows go. Raises ``WrongSettings`` where neither can be
    done.
    """
    ours, foreign = _told_apart(mirror)
    can, collection = mirror.capabilities, mirror.collection
    name = mirror.generation.collection
    generations = recorded.current_generations(name, mirror.site)
    made_by_us = any(each.made_by_us for each in generations)
    whole = made_by_us and can.drops_collections and foreign is False
    purged = Purged(len(ours), {ref.page_id for ref in ours})
    if whole and recorded.drop_collection(collection, generations):
        purged.collection = True
    elif can.deletes:
        _remove_rows(mirror, ours)
    else:
        raise WrongSettings(
            f"{mirror.store.kind} at {mirror.store.location} cannot remove single chunks, and"
            f" collection {collection.name} is not known to be ours alone; no chunk was removed.",
            hint="Remove the collection with the server's own tools.",
        )
    for generation in generations:
        recorded.manifest.forget_generation(generation)
    for generation in recorded.generations(name):
        if generation.site == mirror.site:
            _purge_earlier(recorded, generation, purged)
    return purged


def _purge_earlier(recorded: RecordedStore, generation: Generation, purged: Purged) -> None:
    """A collection that a rotation left behind, or had begun: it goes as a rotation would remove
    it, and what cannot go is said."""
    name = generation.collection_name
    try:
        collection = recorded.store.find_collection(generation.collection_id)
        if collection is not None:
            mirror = recorded.open_generation(generation, collection)
            ours, foreign = _told_apart(mirror)
            whole = generation.made_by_us and mirror.capabilities.drops_collections and not foreign
            if not (whole and recorded.drop_collection(collection, [generation])):
                if not mirror.capabilities.deletes:
                    raise WrongSettings("this store cannot remove single chunks")
                _remove_rows(mirror, ours)
            purged.chunks += len(ours)
            purged.pages |= {ref.page_id for ref in ours}
            log.info(
                "removed from the earlier collection %s: %s", name, counted(len(ours), "chunk")
            )
    except WrongSettings as cannot:
        log.warning("the earlier collection %s stays: %s", name, cannot)
        return
    recorded.manifest.forget_generation(generation)


def _told_apart(mirror: StoredMirror) -> tuple[list[StoredRef], bool | None]:
    """Our rows, and whether there are others; None where the store cannot list them."""
    if not mirror.capabilities.lists:
        return [row.stored() for rows in mirror.record.all_chunks() for row in rows], None
    ours: list[StoredRef] = []
    foreign = False
    for row in mirror.store.list_rows(mirror.collection, texts=False):
        mirror.check()
        if is_ours(row, mirror.site):
            ours.append(StoredRef(row.chunk_id, row.page_id, row.metadata_hash, row.ref))
        else:
            foreign = True
    return ours, foreign


def _remove_rows(mirror: StoredMirror, refs: Sequence[StoredRef]) -> None:
    for some in in_batches(refs, BATCH):
        mirror.check()
        mirror.store.remove_chunks(mirror.collection, some)
