"""What became of chunks whose write may or may not have happened, in an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from confluence_mirror.model import Metadata, StoredRef
from confluence_mirror.stores.vector_api.wire import Dialect, FoundRow, hits_of

LOOK_LIMIT = 4000
"""Hits asked for in one look at a collection that cannot be listed (some servers refuse more than
4,096)."""


def settle(
    wire: Dialect,
    collection_id: str,
    in_doubt: Sequence[StoredRef],
    listed: Iterable[FoundRow] | None,
    hash_metadata: Callable[[Metadata], str] | None,
) -> tuple[dict[str, str | None], list[StoredRef]]:
    """The answer of ``Store.settle_writes``, and the chunks that should be removed where that can
    be done.

    Without a listing, one query brings back the whole collection if it is small, and its nearest
    rows if it is not. Copies of a chunk have equal scores: those ranked above the last hit have all
    been seen.
    """
    hits, complete = (
        (list(listed), True) if listed is not None else _find_copies(wire, collection_id)
    )
    if hits is None:
        return {ref.chunk_id: None for ref in in_doubt}, list(in_doubt)
    lowest = min((hit.score for hit in hits), default=0.0)
    seen: dict[str, list[FoundRow]] = {}
    for hit in hits:
        seen.setdefault(hit.chunk_id, []).append(hit)
    answers: dict[str, str | None] = {}
    leaving = []
    for ref in in_doubt:
        copies = seen.get(ref.chunk_id, [])
        all_seen = complete or any(copy.score > lowest for copy in copies)
        if len(copies) == 1 and all_seen and _is_same(copies[0], ref, hash_metadata):
            answers[ref.chunk_id] = ""
            continue
        leaving.append(ref)
        if copies or not complete:
            answers[ref.chunk_id] = None
    return answers, leaving


def _find_copies(wire: Dialect, collection_id: str) -> tuple[list[FoundRow] | None, bool]:
    hits = hits_of(wire.ask(collection_id, "Everything that is here", LOOK_LIMIT))
    return hits, hits is not None and len(hits) < LOOK_LIMIT


def _is_same(
    found: FoundRow, ref: StoredRef, hash_metadata: Callable[[Metadata], str] | None
) -> bool:
    return hash_metadata is not None and hash_metadata(found.metadata) == ref.metadata_hash
