"""What stores have in common about rows: whose they are, and what can be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from confluence_mirror.model import Chunk, Filter, Metadata, MetaValue, StoredRef
from confluence_mirror.stores.base import Hit, StoredRow

_PAGE_ID = re.compile("(?:att)?[0-9]{1,19}")
"""Confluence's ids are numbers of 64 bits, those of attachments behind ``att``. What has another
(some tool's test row) is not our writing."""
_NAME = re.compile("[!-~]{1,200}")
"""Of a chunk or a site: printable, without blanks."""


def stored(
    metadata: Mapping[str, object] | None,
    *,
    text: str | None = None,
    ref: str = "",
    metadata_hash: str = "",
) -> StoredRow:
    """A listed row. Ours are those that name Confluence as their source, and a chunk, a page and a
    site as we would."""
    flat = plain(metadata or {})
    chunk_id, page_id, site_id = (
        str(flat.get(key, "")) for key in ("chunk_id", "page_id", "site_id")
    )
    if flat.get("source") != "confluence" or not could_be_ours(chunk_id, page_id, site_id):
        return StoredRow("", "", "", ref, "", text, flat)
    return StoredRow(chunk_id, page_id, site_id, ref, metadata_hash, text, flat)


def could_be_ours(chunk_id: str, page_id: str, site_id: str) -> bool:
    """Whether we write such ids."""
    return bool(
        _PAGE_ID.fullmatch(page_id) and _NAME.fullmatch(chunk_id) and _NAME.fullmatch(site_id)
    )


def plain(metadata: Mapping[str, object]) -> Metadata:
    """Text and whole numbers as they were sent (some servers answer ``3`` with ``3.0``); other
    values are left out."""
    return {
        key: whole for key, value in metadata.items() if (whole := _plain_value(value)) is not None
    }


def picked(rows: Iterable[StoredRow], refs: Sequence[StoredRef]) -> list[Chunk]:
    """Of these rows the chunks that are meant, each once: ``Store.fetch_chunks`` where a listing
    gives texts."""
    wanted = {ref.chunk_id: ref for ref in refs}
    found: dict[str, Chunk] = {}
    for row in rows:
        ref = wanted.get(row.chunk_id)
        if ref is not None and row.text is not None and row.metadata is not None:
            found[row.chunk_id] = Chunk(
                row.chunk_id, ref.page_id, row.text, row.metadata, ref.metadata_hash
            )
    return list(found.values())


def matches(metadata: Metadata, where: Filter) -> bool:
    """Whether a row with this metadata is of those that ``where`` leaves."""
    if where.space_keys and metadata.get("space_key") not in where.space_keys:
        return False
    if where.page_types and metadata.get("page_type") not in where.page_types:
        return False
    if where.labels and not set(where.labels) & set(str(metadata.get("labels", "")).split(",")):
        return False
    if where.access is not None and metadata.get("access") not in where.access:
        return False
    return str(metadata.get("modified_at", "")) >= where.modified_since


def matching(hits: Iterable[Hit], where: Filter, pages: Sequence[str] | None) -> list[Hit]:
    """Of these hits those that ``where`` leaves, and that are of ``pages`` where they are given."""
    among = None if pages is None else set(pages)
    return [
        hit
        for hit in hits
        if (among is None or hit.metadata.get("page_id") in among) and matches(hit.metadata, where)
    ]


def askable(values: Iterable[str]) -> list[str]:
    """Of the values of a filter those that a store can be asked for. Nothing stored holds another:
    half a character, or NUL."""
    return [value for value in values if "\0" not in value and _is_text(value)]


NOT_UNICODE = "it holds half a character (a lone surrogate), which no store takes"


def is_unicode(chunk: Chunk) -> bool:
    """Whether text and metadata can be written as UTF-8."""
    return _is_text(chunk.text) and all(_is_text(str(value)) for value in chunk.metadata.values())


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain_value(value: object) -> MetaValue | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, (str, int)) else None
