"""From a body as it was read to the chunks that a store is given."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

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
from confluence_mirror.mirror.site_links import SiteResolver
from confluence_mirror.model import (
    CHILD_TYPES,
    DOCUMENT_TYPES,
    Body,
    BodyFormat,
    Chunk,
    Converted,
    DocumentType,
    PageRef,
    Piece,
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


class Names:
    """Display names met in this run, by account id."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[str, str] = {}

    def learn(self, account_ids: Set[str]) -> None:
        """Ask for those that are not known yet, in bulk."""
        wanted = account_ids - {"", *self._known}
        if wanted:
            self._known.update(self._source.display_names(sorted(wanted)))

    def select(self, account_ids: Set[str]) -> dict[str, str]:
        """Of these accounts, those that are known."""
        return {each: self._known[each] for each in account_ids if each in self._known}


class _Listed(NamedTuple):
    """What the listing says of a group of pages, by page id."""

    labels: Mapping[str, tuple[str, ...]]
    guessed: Set[str]
    """Whose labels are only a guess."""
    keys: Mapping[str, str]
    """See ``Draft.access``."""


class Drafts:
    """Makes drafts of bodies as they come in."""

    def __init__(self, source: Source, listing: Listing, scope: Scope, names: Names) -> None:
        self._source = source
        self._listing = listing
        self._spaces = scope.spaces_by_id()
        self._names = names

    def of(self, bodies: Sequence[tuple[Body, str]]) -> list[Draft]:
        """Each body comes with its creator's name as first read; empty: as known now. Names are
        resolved in bulk."""
        mentioned = [mentioned_accounts(body) for body, _ in bodies]
        authors = {body.ref.author_id for body, author in bodies if not author}
        self._names.learn(authors.union(*mentioned))
        page_ids = [body.ref.id for body, _ in bodies]
        listed = _Listed(
            self._listing.labels_of(page_ids),
            self._listing.guessed_among(page_ids),
            self._listing.readers.keys_of(page_ids),
        )
        return [
            self._draft(body, author, ids, listed)
            for (body, author), ids in zip(bodies, mentioned, strict=True)
        ]

    def _draft(self, body: Body, author: str, mentioned: set[str], listed: _Listed) -> Draft:
        ref = body.ref
        named = {*mentioned, "" if author else ref.author_id} - {""}
        names = self._names.select(named)
        return Draft(
            body,
            self._spaces[ref.space_id],
            self._listing.ancestors(ref),
            listed.labels.get(ref.id, ()),
            author or names.get(ref.author_id, ""),
            page_url(self._source, ref),
            self._source.site_url(),
            {each: names[each] for each in mentioned & names.keys()},
            (("names",) if named - names.keys() else ())
            + (("labels",) if ref.id in listed.guessed else ()),
            listed.keys.get(ref.id),
        )


def mentioned_accounts(body: Body) -> set[str]:
    """Whose names a body's text depends on."""
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


@dataclass(frozen=True, slots=True)
class CutText:
    """A body, converted and cut: all of a document that does not depend on where its page stands.
    A child document's heading does, so those are not cut ahead."""

    pieces: tuple[tuple[int, Piece], ...]
    """Each with the number of its section."""
    sections: tuple[Section, ...]
    way: Literal["xml", "html", "text"]
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class CutBody(Body):
    """A body that was converted before the whole listing was known; its ``value`` is gone."""

    cut: bytes | str = b""
    """What ``cut_ahead`` gave, or why it gave nothing."""


def make_document(draft: Draft, recipe: Recipe) -> Document:
    """Convert and cut one page, or child document."""
    body = draft.body
    if not isinstance(body, CutBody):
        return _finish_document(draft, recipe, _cut_body(draft, recipe))
    if isinstance(body.cut, str):
        raise PageFailed(body.cut)
    cut: CutText = pickle.loads(body.cut)  # noqa: S301 - our own, from a private temporary file
    return _finish_document(draft, recipe, cut)


def cut_ahead(draft: Draft, recipe: Recipe) -> bytes:
    """The same as far as it can be done before it is known where the page stands: a ``CutText``,
    pickled, since it is kept and given back to a process that finishes it."""
    cut = _cut_body(draft, recipe)
    return pickle.dumps(cut if recipe.tree else replace(cut, sections=(Section(""),)))


def _cut_body(draft: Draft, recipe: Recipe) -> CutText:
    file = draft.body.file
    reason = file.reason if file is not None and file.unreadable else ""
    way: Literal["xml", "html", "text"] = "text"
    if file is None:
        converted = _convert_body(draft)
        sections: tuple[Section, ...] = (Section(converted.markdown),)
        way = converted.way
    else:
        sections = file.sections
    pieces = chunking.chunk_sections(
        [section.text for section in sections],
        title=_heading_of(draft),
        site_id=recipe.site_id,
        page_id=draft.body.ref.id,
        settings=recipe.chunks,
        tokenizer=recipe.tokenizer,
    )
    return CutText(tuple(pieces), sections, way, reason)


def _finish_document(draft: Draft, recipe: Recipe, cut: CutText) -> Document:
    ref = draft.body.ref
    about = (draft.space, draft.ancestors, draft.labels)
    chunks = tuple(
        metadata.chunk_of(
            piece,
            ref,
            *about,
            draft.author,
            draft.url,
            recipe.site_id,
            section=cut.sections[place],
            core=recipe.core,
            exact=recipe.exact,
            access=draft.access,
        )
        for place, piece in cut.pieces
    )
    access = draft.access or ""
    page_hash = metadata.page_hash(ref, *about, draft.url, access)
    file = ""
    if recipe.tree and ref.type not in CHILD_TYPES:
        shown = metadata.page_metadata(
            ref, *about, draft.author, draft.url, recipe.site_id, draft.access
        )
        file = write_document(shown, cut.sections[0].text)
    return Document(
        ref,
        chunks,
        draft.author,
        draft.labels,
        page_hash,
        cut.way,
        draft.pending,
        access,
        file,
        cut.unreadable,
    )
