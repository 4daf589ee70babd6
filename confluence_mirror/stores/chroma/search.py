"""The nearest rows of a collection, under a filter.

Chroma filters by whole values of metadata before it ranks. Labels are one text there, and dates are
texts, which it does not compare: by these its answers are filtered here, and it is asked for more
until there are enough. Who knows which pages are meant names them, and is spared that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluence_mirror.model import Filter, Vector
from confluence_mirror.stores.base import Hit
from confluence_mirror.stores.rows import askable, matching, plain

MOST_PAGES = 10_000
"""Pages that a request names. SQLite, beneath Chroma, takes 32,766 variables
(https://www.sqlite.org/limits.html)."""
_GROWTH = 4


def nearest(
    handle: Any, vector: Vector, limit: int, where: Filter, pages: Sequence[str] | None
) -> list[Hit]:
    """Up to ``limit`` hits, best first, from a collection of Chroma's. Raises what ``translated``
    knows."""
    native = _native_values(where, pages)
    if not all(native.values()):
        return []  # an empty list is refused
    asked = limit
    while True:
        found = _ask(handle, vector, asked, native)
        hits = matching(found, where, pages)
        if len(hits) >= limit or len(found) < asked:
            return hits[:limit]
        asked *= _GROWTH


def nearest_ids(
    handle: Any, vector: Vector, limit: int, where: Filter, pages: Sequence[str] | None
) -> list[str]:
    """See ``SearchesIds``. To read a row costs Chroma 0.3 ms, thirty times as much as to find
    it."""
    native = _native_values(where, pages)
    if not all(native.values()):
        return []
    ids = _query(handle, vector, limit, native, ["distances"])["ids"]
    return [str(each) for each in ids[0]] if ids else []


def _native_values(where: Filter, pages: Sequence[str] | None) -> dict[str, list[str]]:
    """What Chroma itself can filter by: keys of metadata, each with the values that it may have."""
    given = {
        "space_key": where.space_keys or None,
        "page_type": where.page_types or None,
        "access": where.access,
        "page_id": pages if pages is not None and len(pages) <= MOST_PAGES else None,
    }
    return {key: askable(values) for key, values in given.items() if values is not None}


def _ask(handle: Any, vector: Vector, count: int, native: dict[str, list[str]]) -> list[Hit]:
    answer = _query(handle, vector, count, native, ["documents", "metadatas", "distances"])
    texts, metadatas, distances = (answer[key] for key in ("documents", "metadatas", "distances"))
    if not texts or not metadatas or not distances:
        return []
    return [
        Hit(text or "", plain(metadata or {}), 1.0 - distance)
        for text, metadata, distance in zip(texts[0], metadatas[0], distances[0], strict=True)
    ]


def _query(
    handle: Any, vector: Vector, count: int, native: dict[str, list[str]], include: list[str]
) -> Any:
    terms = [{key: {"$in": values}} for key, values in native.items()]
    return handle.query(
        query_embeddings=[list(vector)],
        n_results=count,
        where={"$and": terms} if len(terms) > 1 else next(iter(terms), None),
        include=include,
    )
