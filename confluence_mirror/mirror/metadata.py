"""The metadata contract: the same flat keys in every store, values text or numbers only.

Other tools rely on these keys (``docs/metadata.md``). A store with smaller limits keeps ``CORE``,
under the same names, long texts cut.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from confluence_mirror.model import (
    CHILD_TYPES,
    Chunk,
    Metadata,
    MetaValue,
    PageRef,
    Piece,
    Section,
    Space,
)

CONTRACT = 2
"""Part of the fingerprint of child documents: a changed contract re-plans them."""
PAGE_CONTRACT = 1
"""The last version that changed what a page's chunks carry; part of a page's fingerprint."""

KEYS = (
    "source",
    "site_id",
    "space_key",
    "space_name",
    "page_id",
    "page_type",
    "parent_page_id",
    "filename",
    "media_type",
    "page_number",
    "sheet",
    "title",
    "breadcrumb",
    "labels",
    "author",
    "created_at",
    "modified_at",
    "version",
    "url",
    "heading_path",
    "chunk_index",
    "chunk_count",
    "tokens",
    "content_hash",
    "chunk_id",
    "access",
)
CORE = (
    "source",
    "site_id",
    "space_key",
    "page_id",
    "page_type",
    "title",
    "breadcrumb",
    "labels",
    "modified_at",
    "version",
    "url",
    "heading_path",
    "chunk_index",
    "content_hash",
)
ACCESS = "access"
"""Only of mirrors that record who may read: the key of a conjunction (``access``). Empty where it
was recorded once and is no longer. Not of the core: a file of Llama Stack has no room for it."""
OF_CHILDREN = frozenset({"parent_page_id", "filename", "media_type", "page_number", "sheet"})
"""Of child documents alone: the chunks of pages have no such key. The last two stand only where
there is such a thing."""
VOLATILE = frozenset({"version", "modified_at", "chunk_index", "chunk_count"})
"""May stay as they were when a chunk was last written, where a store cannot update metadata without
a new write."""

CORE_TEXT_CHARS = 500
BREADCRUMB_SEPARATOR = " > "


def page_hash(
    ref: PageRef,
    space: Space,
    ancestors: Sequence[str],
    labels: Sequence[str],
    url: str,
    access: str = "",
) -> str:
    """What a listing shows of a page besides its version: a move, a rename or a label changes it,
    an edit need not. So does another ``access`` key, where keys are recorded.

    Who made the page and when cannot change, but an answer may have lacked it when the page was
    read.
    """
    made = [ref.author_id, ref.created_at]
    place = [ref.type, space.key, space.name, ref.title, list(ancestors), sorted(labels), url, made]
    more = ([ref.details] if ref.details else []) + ([access] if access else [])
    return _hash_text([*place, *more])


def chunk_of(
    piece: Piece,
    ref: PageRef,
    space: Space,
    ancestors: Sequence[str],
    labels: Sequence[str],
    author: str,
    url: str,
    site_id: str,
    *,
    section: Section | None = None,
    core: bool,
    exact: bool,
    access: str | None = None,
) -> Chunk:
    """A piece with its metadata.

    ``access``: its page's key; None: chunks have none.

    ``core`` reduces the keys for stores with small limits. ``exact`` says that the store can update
    metadata cheaply, so the hash covers every key; otherwise the volatile ones are left out of it,
    and an untouched chunk of an edited page is not sent again.
    """
    full = {
        **page_metadata(ref, space, ancestors, labels, author, url, site_id, access),
        "heading_path": piece.heading_path,
        "chunk_index": piece.index,
        "chunk_count": piece.count,
        "tokens": piece.tokens,
        "content_hash": piece.content_hash,
        "chunk_id": piece.id,
    }
    if ref.type == "attachment":
        full |= _of_file(ref, section or Section(""))
    metadata = _core_values(full) if core else full
    return Chunk(piece.id, ref.id, piece.text, metadata, metadata_hash(metadata, exact=exact))


def page_metadata(
    ref: PageRef,
    space: Space,
    ancestors: Sequence[str],
    labels: Sequence[str],
    author: str,
    url: str,
    site_id: str,
    access: str | None,
) -> dict[str, MetaValue]:
    """What all chunks of a page carry, and the page itself where it is kept as a document."""
    found: dict[str, MetaValue] = {
        "source": "confluence",
        "site_id": site_id,
        "space_key": space.key,
        "space_name": space.name,
        "page_id": ref.id,
        "page_type": ref.type,
        "title": ref.title,
        "breadcrumb": BREADCRUMB_SEPARATOR.join(ancestors),
        "labels": ",".join(sorted(labels)),
        "author": author,
        "created_at": whole_seconds(ref.created_at),
        "modified_at": whole_seconds(ref.version.created_at),
        "version": ref.version.number,
        "url": url,
    }
    if access is not None:
        found[ACCESS] = access
    if ref.type in CHILD_TYPES:
        found["parent_page_id"] = ref.parent_id or ""
    return found


def _of_file(ref: PageRef, section: Section) -> dict[str, MetaValue]:
    """What chunks of files have beside the rest."""
    media_type = json.loads(ref.details or "{}").get("media_type", "")
    found: dict[str, MetaValue] = {"filename": ref.title, "media_type": media_type}
    if section.page_number is not None:
        found["page_number"] = section.page_number
    if section.sheet is not None:
        found["sheet"] = section.sheet
    return found


def metadata_hash(metadata: Metadata, *, exact: bool) -> str:
    """8 hex digits over the keys that must be exact. Numbers that a store gives back as floats hash
    alike."""
    keys = [key for key in KEYS if key in metadata and (exact or key not in VOLATILE)]
    if not metadata.get(ACCESS):
        keys = [key for key in keys if key != ACCESS]
    return _hash_text([[key, _plain_value(metadata[key])] for key in keys])[:8]


def whole_seconds(moment: str) -> str:
    """``2026-01-31T08:15:00.123Z`` → ``2026-01-31T08:15:00Z``; anything unexpected is left as it
    is."""
    return (
        moment[:19] + "Z"
        if len(moment) > 20 and moment[19] == "." and moment.endswith("Z")
        else moment
    )


def _core_values(full: Metadata) -> dict[str, MetaValue]:
    return {key: _cut_value(full[key]) for key in CORE}


def _cut_value(value: MetaValue) -> MetaValue:
    if isinstance(value, str) and len(value) > CORE_TEXT_CHARS:
        return value[: CORE_TEXT_CHARS - 1] + "…"
    return value


def _plain_value(value: MetaValue) -> MetaValue:
    return int(value) if isinstance(value, float) else value


_json = json.JSONEncoder(ensure_ascii=False).encode


def _hash_text(value: object) -> str:
    return hashlib.sha256(_json(value).encode("utf-8", "surrogatepass")).hexdigest()
