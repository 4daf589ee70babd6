"""What travels between the rooms: frozen values without behaviour. The words are those of the
glossary."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

PageType: TypeAlias = Literal["page", "blogpost"]
ChildType: TypeAlias = Literal["attachment", "comment"]
"""What hangs on a page, and is a document of its own."""
DocumentType: TypeAlias = Literal[PageType, ChildType]
PAGE_TYPES: tuple[PageType, ...] = get_args(PageType)
CHILD_TYPES: tuple[ChildType, ...] = get_args(ChildType)
DOCUMENT_TYPES: tuple[DocumentType, ...] = get_args(DocumentType)
BodyFormat: TypeAlias = Literal["storage", "export_view"]
EmbeddingApi: TypeAlias = Literal["openai", "azure", "ollama", "tei"]
"""What an embedding server speaks."""
MetaValue: TypeAlias = str | int
Metadata: TypeAlias = Mapping[str, MetaValue]
Vector: TypeAlias = Sequence[float]
Audience: TypeAlias = frozenset[str]
"""Users and groups of whom each may read, as ``user_principal`` and ``group_principal`` name them.
Groups are never expanded into their members."""


Restrictions: TypeAlias = tuple[Audience, ...]
"""What an element of the page tree itself asks of its readers: nothing, or to be in one audience.
"""


def user_principal(account_id: str) -> str:
    """An account in an audience."""
    return f"user:{account_id}"


def group_principal(group_id: str) -> str:
    """A group in an audience, by its id: names change."""
    return f"group:{group_id}"


@dataclass(frozen=True, slots=True)
class Space:
    """A space that the credential can see."""

    id: str
    key: str
    name: str
    type: str
    """``global``, ``personal``, ``collaboration``, ``knowledge_base`` …"""
    status: str
    """``current`` or ``archived``."""
    alias: str = ""
    """Another key by which addresses may name it; often the key itself."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as v2 gives it. Numbers are positions that history deletion renumbers, so both
    parts are compared."""

    number: int
    created_at: str
    """UTC, exactly as received: ``2026-01-31T08:15:00.123Z``."""


@dataclass(frozen=True, slots=True)
class PageRef:
    """A row of a listing: everything about a page, or a child document, but its body."""

    id: str
    type: DocumentType
    status: str
    """``current``; ``archived``, ``trashed``, ``deleted``, ``draft`` only where a page was asked
    for by id."""
    space_id: str
    title: str
    parent_id: str | None
    parent_type: str | None
    """``page``, ``folder``, ``whiteboard``, ``database``, ``embed`` …; None where there is no
    parent."""
    author_id: str
    """Account id of the creator; empty where Confluence gives none."""
    created_at: str
    version: Version
    webui: str
    """Path below the site's ``…/wiki``: ``/spaces/KEY/pages/ID/Title``."""
    details: str = ""
    """Of a child document: what else its text is made of, as its source writes it down (JSON).
    Where it changes, the document is read again."""

    def is_current_in(self, space_ids: Container[str]) -> bool:
        """Whether it is neither a draft nor archived nor in the bin, and lies in one of these
        spaces."""
        return self.status == "current" and self.space_id in space_ids


@dataclass(frozen=True, slots=True)
class Node:
    """An element of the page tree that may be no page (a folder, a whiteboard …): what a breadcrumb
    needs."""

    id: str
    type: str
    title: str
    parent_id: str | None
    parent_type: str | None
    space_id: str = ""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a row of the index tells of a page; None: it does not."""

    id: str
    labels: tuple[str, ...] | None
    restrictions: Restrictions | None


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that asks, as Confluence tells of it now."""

    account_id: str
    groups: frozenset[str]
    """Ids of its groups."""
    active: bool
    """An account that is deactivated, closed or of unknown status reads nothing."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment of a thread, as it was read."""

    id: str
    author_id: str
    """Account id of who wrote its current version; empty where Confluence gives none."""
    written_at: str
    """When that was: UTC, as received."""
    body: str
    """In storage format."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a file that can be pointed at: a page, a slide, a sheet, or all of it."""

    text: str
    """Markdown."""
    page_number: int | None = None
    """Of the PDF's page or the slide, from 1 on."""
    sheet: str | None = None
    """The name of the sheet."""


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's sections, or why there are none."""

    sections: tuple[Section, ...] = ()
    reason: str = ""
    """One line; empty where there are sections."""
    unreadable: bool = False
    """The file should have had text: it is damaged, encrypted, empty or too much. Else nothing is
    wrong with it: it is of a kind that has no text, or it is a picture and there is no OCR."""


@dataclass(frozen=True, slots=True)
class Body:
    """A page as it was read: its row at that moment, and its body."""

    ref: PageRef
    value: str
    format: BodyFormat = "storage"
    comments: tuple[Comment, ...] = ()
    """Of a thread: its comments, in order; then ``value`` is empty."""
    file: FileText | None = None
    """Of a file: what it says; then ``value`` is empty."""

    @property
    def size(self) -> int:
        """Characters in all."""
        sections = self.file.sections if self.file else ()
        parts = [*(each.body for each in self.comments), *(each.text for each in sections)]
        return len(self.value) + sum(map(len, parts))


@dataclass(frozen=True, slots=True)
class Converted:
    """A body as Markdown."""

    markdown: str
    way: Literal["xml", "html", "text"]
    """Which of the chain's ways read it: strict XML, tolerant HTML, or plain text as the last
    resort."""
    macros: tuple[str, ...] = ()
    """Names of the macros met, sorted, each once."""
    notes: tuple[str, ...] = ()
    """What a reader should know: cut for its size, flattened for its depth …"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a document, cut by the chunker, before metadata is put to it."""

    id: str
    """A UUID from SHA-256 of site, page and text: see ``chunking``."""
    text: str
    heading_path: str
    """``Heading > Subheading`` where the piece begins, without the page's title; may be empty."""
    index: int
    """From 0."""
    count: int
    tokens: int
    content_hash: str
    """SHA-256 of the text, 64 hex digits."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a page with its metadata: what a store is given."""

    id: str
    page_id: str
    text: str
    metadata: Metadata
    metadata_hash: str
    """8 hex digits over the keys that must be exact in this store (see ``mirror.metadata``)."""
    vector: Vector | None = field(default=None, compare=False, repr=False)
    """Of its text, in the form in which chunks are embedded; None: the store embeds, or has it."""


@dataclass(frozen=True, slots=True)
class StoredRef:
    """A chunk that we believe to be in the store."""

    chunk_id: str
    page_id: str
    metadata_hash: str
    ref: str = ""
    """The store's own id for it, where that is not the chunk id (a file id); else empty."""


@dataclass(frozen=True, slots=True)
class Unembedded:
    """What an embedder gives in place of a vector where a text itself is the reason that there is
    none."""

    reason: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pages a search may answer from. An empty field excludes nothing."""

    space_keys: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Pages that have any of these; whole names."""
    page_types: tuple[str, ...] = ()
    """``page``, ``blogpost``, ``attachment``, ``comment``."""
    modified_since: str = ""
    """UTC, as in metadata (``2026-01-31T08:15:00Z``), inclusive: of the page's current version."""
    access: tuple[str, ...] | None = None
    """Pages with one of these keys, of which there may be none; None excludes nothing."""

    def __bool__(self) -> bool:
        """Whether it excludes anything."""
        narrowed = self.space_keys or self.labels or self.page_types or self.modified_since
        return bool(narrowed) or self.access is not None


EVERYTHING = Filter()
"""Excludes nothing."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the parts in which a mirror is run."""

    index: int
    """From 0."""
    count: int

    def __str__(self) -> str:
        """As it is set, and recorded: ``0/3``."""
        return f"{self.index}/{self.count}"
