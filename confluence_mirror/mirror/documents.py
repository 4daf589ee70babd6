"""From a body as it was read to the chunks that a store is given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, quote_plus, urlencode

from confluence_mirror import chunking, markdown
from confluence_mirror.chunking import ChunkSettings, Tokenizer
from confluence_mirror.document_store.front_matter import write_document
from confluence_mirror.errors import PageFailed
from confluence_mirror.files import FILES_REVISION
from confluence_mirror.manifest import PageRow, TextRow
from confluence_mirror.mirror import metadata, threads
from confluence_mirror.mirror.compare import page_url
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.model import (
    CHILD_TYPES,
    DOCUMENT_TYPES,
    Body,
    BodyFormat,
    Chunk,
    Converted,
    DocumentType,
    PageRef,
    Section,
    Space,
)
from confluence_mirror.stores.base import Capabilities

MAX_BODY_CHARS = 20_000_000
"""A body beyond this is the page's failure: nothing that a person wrote is so long."""


CHILD_REVISIONS: dict[str, int] = {"comment": threads.REVISION, "attachment": FILES_REVISION}
"""By type of child document: raised where the same one gives another text."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How documents are made; part of each page's fingerprint."""

    site_id: str
    tokenizer: Tokenizer
    chunks: ChunkSettings
    body_format: BodyFormat = "storage"
    core: bool = False
    """The store keeps only the core of the metadata."""
    exact: bool = False
    """The store updates metadata cheaply, so all of it is kept exact."""
    text_index: bool = True
    """Chunks go into the manifest's text index, too."""
    form: str = ""
    """The form in which we embed chunks; empty where the store does."""
    tree: str = ""
    """The place where whole documents are written; empty: nowhere."""

    def require(self) -> None:
        """Raise, before any page is converted, what lies in no page: a tokenizer whose file is not
        here."""
        self.tokenizer.count_tokens("")

    def fingerprints(self) -> dict[str, str]:
        """``fingerprint`` of each type."""
        return {each: self.fingerprint(each) for each in DOCUMENT_TYPES}

    def fingerprint(self, document_type: DocumentType = "page") -> str:
        """16 hex digits that change whenever the same page, or child document, could give other
        chunks, or its chunks are to be indexed; and, where we embed, the form in which we do."""
        child = document_type in CHILD_TYPES
        parts = [
            markdown.CONVERTER_REVISION,
            self.body_format,
            chunking.chunking_fingerprint(self.chunks, self.tokenizer),
            metadata.CONTRACT if child else metadata.PAGE_CONTRACT,
            self.core,
            self.exact,
            # Without it no part: the fingerprint of those that have no index is what it was.
            *(["text index"] if self.text_index else []),
            *([document_type, CHILD_REVISIONS.get(document_type, 1)] if child else []),
            *([f"tree {self.tree}"] if self.tree and not child else []),
        ]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
        return f"{digest}+{self.form}" if self.form else digest


def is_otherwise_embedded(row: PageRow | None, recipe: Recipe) -> bool:
    """Whether the chunks that a page's row records were embedded in another form than they would be
    now. A row that was taken over from the store does not say."""
    recorded = row.fingerprint if row else ""
    return recorded != "" and recorded.partition("+")[2] != recipe.form


@dataclass(frozen=True, slots=True)
class RecipeSpec:
    """How documents are to be made, before it is known what the store can do."""

    site_id: str
    tokenizer: Tokenizer
    intended: ChunkSettings
    """As they are set."""
    chunks: ChunkSettings
    """As the embedding model can see them."""
    body_format: BodyFormat = "storage"
    text_index: bool = True
    form: str = ""
    """See ``Recipe``."""
    tree: str = ""
    """See ``Recipe``."""
    advice: str = ""
    """What to set for better answers, told once for a mirror; empty: nothing."""

    def for_store(self, can: Capabilities, *, indexes: bool = True) -> Recipe:
        """How they are made for this store, which may keep less in one piece. ``indexes``: the
        manifest can keep a text index."""
        most, chunks = can.max_text_tokens, self.chunks
        if most and most < chunks.tokens:
            chunks = chunking.scale_settings(self.intended, most)
        return Recipe(
            self.site_id,
            self.tokenizer,
            chunks,
            self.body_format,
            core=can.core_metadata,
            exact=can.updates_metadata,
            text_index=self.text_index and indexes,
            form=self.form,
            tree=self.tree,
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A page as chunks, with what its manifest row will say."""

    ref: PageRef
    chunks: tuple[Chunk, ...]
    author: str
    labels: tuple[str, ...]
    metadata_hash: str
    way: Literal["xml", "html", "text"]
    """How the body was read (``model.Converted``)."""
    pending: tuple[str, ...] = ()
    """What could not be learned in this run: ``labels``, ``names``."""
    access: str = ""
    """Key of the conjunction of those who may read it; empty: not recorded."""
    file: str = ""
    """The page as a file (``document_store.front_matter``), where there is a tree."""
    unreadable: str = ""
    """Why a file that should have text has none."""


def text_rows(document: Document, space: Space, url: str) -> list[TextRow]:
    """A page's chunks as the text index has them: what a store with small limits cuts is whole."""
    ref = document.ref
    return [
        TextRow(
            chunk.id,
            ref.id,
            int(chunk.metadata["chunk_index"]),
            ref.title,
            str(chunk.metadata["heading_path"]),
            url,
            ref.type,
            space.key,
            tuple(sorted(document.labels)),
            metadata.whole_seconds(ref.version.created_at),
            chunk.text,
        )
        for chunk in document.chunks
    ]


@dataclass(frozen=True, slots=True)
class Draft:
    """A body, and all that its chunks will say of the page beside it: converting needs nothing
    else."""

    body: Body
    space: Space
    ancestors: tuple[str, ...]
    labels: tuple[str, ...]
    author: str
    url: str
    site_url: str
    names: Mapping[str, str]
    """Display names by account id, of those that the body mentions."""
    pending: tuple[str, ...] = ()
    """As in ``Document``."""
    access: str | None = None
    """Key of the conjunction of those who may read it; empty: recorded once, and no longer; None:
    not recorded."""


class Drafts:
    """Makes drafts of bodies as they come in. Holds the display names met in this run."""

    def __init__(self, source: Source, listing: Listing, scope: Scope) -> None:
        self._source = source
        self._listing = listing
        self._spaces = scope.spaces_by_id()
        self._names: dict[str, str] = {}

    def of(self, bodies: Sequence[tuple[Body, str]]) -> list[Draft]:
        """Each body comes with its creator's name as first read; empty: as known now. Names are
        resolved in bulk."""
        mentioned = [_mentioned_accounts(body) for body, _ in bodies]
        authors = {body.ref.author_id for body, author in bodies if not author}
        self._learn(authors.union(*mentioned))
        return [
            self._draft(body, author, ids)
            for (body, author), ids in zip(bodies, mentioned, strict=True)
        ]

    def _learn(self, account_ids: set[str]) -> None:
        wanted = account_ids - {"", *self._names}
        if wanted:
            self._names.update(self._source.display_names(sorted(wanted)))

    def _draft(self, body: Body, author: str, mentioned: set[str]) -> Draft:
        ref = body.ref
        unnamed = ({*mentioned, "" if author else ref.author_id} - {""}) - self._names.keys()
        return Draft(
            body,
            self._spaces[ref.space_id],
            self._listing.ancestors(ref),
            self._listing.labels(ref.id) or (),
            author or self._names.get(ref.author_id, ""),
            page_url(self._source, ref),
            self._source.site_url(),
            {
                account_id: self._names[account_id]
                for account_id in mentioned
                if account_id in self._names
            },
            (("names",) if unnamed else ())
            + (() if self._listing.knows_labels(ref.id) else ("labels",)),
            self._listing.readers.keys_of([ref.id]).get(ref.id),
        )


def _mentioned_accounts(body: Body) -> set[str]:
    if body.comments:
        return threads.mentioned_accounts(body.comments)
    return markdown.account_ids(body.value) if body.format == "storage" else set()


def _convert_body(draft: Draft) -> Converted:
    body, ref = draft.body, draft.body.ref
    if body.size > MAX_BODY_CHARS:
        raise PageFailed(f"its body has {body.size:,} characters, the limit is {MAX_BODY_CHARS:,}")
    page_id = (ref.parent_id or "") if ref.type in CHILD_TYPES else ref.id
    resolver = SiteResolver(draft.site_url, draft.space.key, page_id, draft.names)
    if ref.type == "comment":
        return threads.convert_thread(body, resolver, draft.names)
    return markdown.convert(body.value, resolver=resolver, body_format=body.format)


def _heading_of(draft: Draft) -> str:
    """What opens each chunk: it begins with the title, as search expects."""
    ref = draft.body.ref
    if ref.type == "attachment" and draft.ancestors:
        return f"{ref.title} ({draft.ancestors[-1]})"
    return f"{ref.title} (comments)" if ref.type == "comment" else ref.title


def make_document(draft: Draft, recipe: Recipe) -> Document:
    """Convert and cut one page, or child document."""
    file = draft.body.file
    if file is None:
        converted = _convert_body(draft)
        return _cut_document(draft, recipe, [Section(converted.markdown)], converted.way)
    reason = file.reason if file.unreadable else ""
    return replace(_cut_document(draft, recipe, file.sections, "text"), unreadable=reason)


def _cut_document(
    draft: Draft, recipe: Recipe, sections: Sequence[Section], way: Literal["xml", "html", "text"]
) -> Document:
    ref = draft.body.ref
    about = (draft.space, draft.ancestors, draft.labels)
    pieces = chunking.chunk_sections(
        [section.text for section in sections],
        title=_heading_of(draft),
        site_id=recipe.site_id,
        page_id=ref.id,
        settings=recipe.chunks,
        tokenizer=recipe.tokenizer,
    )
    chunks = tuple(
        metadata.chunk_of(
            piece,
            ref,
            *about,
            draft.author,
            draft.url,
            recipe.site_id,
            section=sections[place],
            core=recipe.core,
            exact=recipe.exact,
            access=draft.access,
        )
        for place, piece in pieces
    )
    access = draft.access or ""
    page_hash = metadata.page_hash(ref, *about, draft.url, access)
    file = ""
    if recipe.tree and ref.type not in CHILD_TYPES:
        shown = metadata.page_metadata(
            ref, *about, draft.author, draft.url, recipe.site_id, draft.access
        )
        file = write_document(shown, sections[0].text)
    return Document(
        ref,
        chunks,
        draft.author,
        draft.labels,
        page_hash,
        way,
        draft.pending,
        access,
        file,
    )


class SiteResolver:
    """Turns what storage format names into what a person can follow: addresses on the site,
    people's names.

    Page links carry titles, not ids. ``/display/KEY/Title`` is an address that Confluence resolves
    by title, so a page's text depends on nothing but the page.
    """

    def __init__(
        self, site_url: str, space_key: str, page_id: str, names: Mapping[str, str]
    ) -> None:
        self.site_url = site_url.rstrip("/")
        self._space = space_key
        self._page = page_id
        self._names = names

    def user(self, account_id: str) -> str | None:
        """The display name, where it is visible."""
        return self._names.get(account_id) or None

    def user_url(self, account_id: str) -> str | None:
        """The profile's address."""
        return f"{self.site_url}/people/{quote(account_id)}"

    def space_url(self, key: str) -> str | None:
        """The space's overview."""
        return f"{self.site_url}/spaces/{quote(key)}"

    def page_url(self, space_key: str | None, title: str) -> str | None:
        """The page's address by space and title."""
        return f"{self.site_url}/display/{quote(space_key or self._space)}/{quote_plus(title)}"

    def url_by_id(self, content_id: str) -> str | None:
        """The address that Confluence resolves by id."""
        return f"{self.site_url}/pages/viewpage.action?pageId={quote_plus(content_id)}"

    def attachment_url(
        self, filename: str, page_title: str | None, space_key: str | None
    ) -> str | None:
        """The file on this page; for one on another page, whose id a body does not say, that page's
        attachments."""
        if page_title is None and space_key is None:
            return f"{self.site_url}/download/attachments/{self._page}/{quote(filename)}"
        query = {"spaceKey": space_key or self._space, "title": page_title or ""}
        return (
            f"{self.site_url}/pages/viewpageattachments.action?{urlencode(query)}"
            if page_title
            else None
        )
