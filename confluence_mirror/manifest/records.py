"""Rows of the manifest as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from confluence_mirror.manifest.database import Row
from confluence_mirror.model import CHILD_TYPES, DocumentType, PageRef, StoredRef, Version

QUARANTINE_AFTER = 3
"""Runs in which a page failed for a reason that lies in the page itself."""

State = Literal["current", "building", "retired"]
ChunkState = Literal["sending", "there", "removing"]
Cause = Literal["", "page", "store", "embedder"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One site's pages in one collection."""

    id: str
    site: str
    store: str
    collection: str
    """The name that is set (``COLLECTION_ID``)."""
    collection_id: str
    """The id that the store gave."""
    collection_name: str
    state: State
    made_by_us: bool
    """We created the collection, so a rotation may remove it."""
    scope: str
    begun_at: str
    watermark: datetime | None
    """Start of the last completed run, by the gateway's clock."""
    reconciled_at: datetime | None
    place: str = ""
    """Where the store is (``Store.place``); empty in a manifest of revision 1 until a run takes the
    generation over."""
    compared_at: datetime | None = None
    """When the ids in the store were last compared with the recorded ones."""
    shard: str = ""
    """Which shard of its mirror it is (``model.Shard``); empty where the mirror has none."""


@dataclass(frozen=True, slots=True)
class PageRow:
    """A page, or a child document, as it was last written; ``version`` is None while a write is
    open or nothing was written yet."""

    id: str
    type: DocumentType
    space_id: str
    parent_id: str | None
    parent_type: str | None
    title: str
    author: str
    labels: tuple[str, ...]
    version: Version | None
    metadata_hash: str
    fingerprint: str
    attempts: int = 0
    """Runs in a row in which it failed for a reason that lies in the page itself."""
    reason: str = ""
    """Why it failed last; empty where the last try succeeded."""
    tried: str = ""
    """Version and fingerprint at the last failure: a quarantined page is tried again when this
    changes."""
    cause: Cause = ""
    """Whose fault the last failure was; empty where the last try succeeded."""
    pending: tuple[str, ...] = ()
    """Metadata that could not be learned yet (``labels``, ``author`` …): the page is as written but
    for it."""
    access: str = ""
    """Key of the conjunction that whoever reads it must satisfy (``access``); empty where that is
    not recorded."""
    unreadable: str = ""
    """Of an attached file: why it has no text though it should; empty where nothing is wrong."""

    @property
    def is_child(self) -> bool:
        """Whether it hangs on the page ``parent_id``."""
        return self.type in CHILD_TYPES

    @property
    def placed(self) -> bool:
        """Whether its space is known. It is not where a page was taken over from rows of the store
        which do not show what scope they were written for."""
        return bool(self.space_id)

    @property
    def quarantined(self) -> bool:
        """Given up until its version or the fingerprint changes."""
        return self.attempts >= QUARANTINE_AFTER


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk that is, or may be, in the store."""

    id: str
    page: str
    state: ChunkState
    metadata_hash: str
    ref: str

    def stored(self) -> StoredRef:
        """As the stores know it."""
        return StoredRef(self.id, self.page, self.metadata_hash, self.ref)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to happen to one page."""

    ref: PageRef
    sending: Mapping[str, str]
    """Chunk id → metadata hash."""
    leaving: tuple[str, ...]
    fingerprint: str
    """Of what is written."""


@dataclass(frozen=True, slots=True)
class TextRow:
    """A chunk of the text index, with what its page's metadata says."""

    id: str
    page_id: str
    position: int
    """Among the chunks of its page, from 0 (``chunk_index``)."""
    title: str
    heading: str
    """``Heading > Subheading``; may be empty."""
    url: str
    page_type: str
    space_key: str
    labels: tuple[str, ...]
    modified_at: str
    """UTC: ``2026-01-31T08:15:00Z``."""
    text: str


PAGE = (
    "id, type, space_id, parent_id, parent_type, title, author, labels, version_number, version_at,"
    " metadata_hash, fingerprint, attempts, reason, tried, cause, pending, access, unreadable"
)
GENERATION = (
    "id, site, store, collection, collection_id, collection_name, state, made_by_us, scope,"
    " begun_at, watermark, reconciled_at, place, compared_at, shard"
)
TEXT = "id, page, position, title, heading, url, type, space, labels, modified_at, body"


def page_of(row: Row) -> PageRow:
    """From the columns ``PAGE``."""
    version = None if row[8] is None else Version(int(row[8]), str(row[9]))
    labels = tuple(json.loads(row[7])) if row[7] else ()
    return PageRow(
        str(row[0]),
        cast(DocumentType, row[1]),
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        labels,
        version,
        row[10],
        row[11],
        int(row[12]),
        row[13],
        row[14],
        row[15],
        tuple(row[16].split()),
        row[17],
        row[18],
    )


def generation_of(row: Row) -> Generation:
    """From the columns ``GENERATION``."""
    watermark, reconciled, compared = (
        datetime.fromisoformat(value) if value else None for value in (row[10], row[11], row[13])
    )
    return Generation(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        bool(row[7]),
        row[8],
        row[9],
        watermark,
        reconciled,
        row[12],
        compared,
        row[14],
    )


def text_of(row: Row) -> TextRow:
    """From the columns ``TEXT``."""
    labels = tuple(label for label in row[8].split(",") if label)
    page = (row[3], row[4], row[5], row[6], row[7], labels, row[9])
    return TextRow(str(row[0]), str(row[1]), int(row[2]), *page, row[10])
