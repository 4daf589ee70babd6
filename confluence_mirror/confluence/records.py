"""From JSON rows to the model. Rows are foreign: any field may be missing, null, or of another
type."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from confluence_mirror.errors import IncompleteEvidence
from confluence_mirror.model import (
    Body,
    BodyFormat,
    DocumentType,
    Node,
    PageRef,
    Space,
    Version,
)
from confluence_mirror.net.answers import parse_number

Row = Mapping[str, Any]

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_LONGEST_NAME = 1000
"""Characters; Confluence itself takes 255. What is longer is cut, since it stands in every chunk of
its page."""
_LARGEST_NUMBER = 2**53 - 1
"""Whole numbers up to here are exact in every database and in every reader of JSON."""


def row_id(row: Row) -> str:
    """The row's id, which v1 and v2 give as a number or a string. Raises ``IncompleteEvidence``
    where it has none."""
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value):
        raise IncompleteEvidence(
            "A row of a listing has no id.",
            hint="No page is removed because of it; run again later.",
        )
    return replace_unstorable(str(value))


def parse_page_ref(row: Row, page_type: DocumentType, *, space_id: str = "") -> PageRef:
    """A row of a v2 listing. ``space_id`` is for rows that do not say. A version that cannot be
    read is number 0."""
    links = row.get("_links")
    return PageRef(
        id=row_id(row),
        type=page_type,
        status=_text_field(row, "status").lower(),
        space_id=_text_field(row, "spaceId") or space_id,
        title=_name_field(row, "title"),
        parent_id=_text_field(row, "parentId") or None,
        parent_type=_text_field(row, "parentType") or None,
        author_id=_text_field(row, "authorId"),
        created_at=_text_field(row, "createdAt"),
        version=_parse_version(row.get("version")),
        webui=_text_field(links, "webui") if isinstance(links, dict) else "",
    )


def unknown_page(page_id: str, page_type: DocumentType) -> PageRef:
    """A page about which Confluence tells nothing."""
    return PageRef(page_id, page_type, "", "", "", None, None, "", "", Version(0, ""), "")


def parse_page_body(row: Row, ref: PageRef, body_format: BodyFormat) -> Body | str:
    """The page as it was read; or, as text, what keeps the row from being one."""
    read = parse_page_ref(row, ref.type, space_id=ref.space_id)
    body = row.get("body")
    part = body.get(body_format) if isinstance(body, dict) else None
    value = part.get("value") if isinstance(part, dict) else None
    if not isinstance(value, str):
        return f"the answer has no body in the format {body_format}"
    if not isinstance(row.get("title"), str):
        return "the answer has no title"
    if read.version.number < 1 or not read.version.created_at:
        return "the answer has no version"
    return Body(read, value, body_format)


def parse_space(row: Row) -> Space:
    """A row of ``/spaces``."""
    alias = _text_field(row, "currentActiveAlias")
    status = _text_field(row, "status").lower()
    return Space(
        row_id(row),
        _text_field(row, "key"),
        _name_field(row, "name"),
        _text_field(row, "type"),
        status,
        alias,
    )


def parse_node(row: Row, node_type: str) -> Node:
    """An element of the page tree, from the route of its type."""
    return Node(
        row_id(row),
        node_type,
        _name_field(row, "title"),
        _text_field(row, "parentId") or None,
        _text_field(row, "parentType") or None,
        _text_field(row, "spaceId"),
    )


def parse_folder(row: Row) -> Node | None:
    """A folder from a search with ``expand=ancestors``; None where the answer does not show its
    parents."""
    return _parse_with_ancestors(row, "folder")


def parse_container(row: Row) -> Node | None:
    """What holds pages, from such a search; its type is the row's."""
    return _parse_with_ancestors(row, _text_field(row, "type"))


def _parse_with_ancestors(row: Row, node_type: str) -> Node | None:
    ancestors = row.get("ancestors")
    if not isinstance(ancestors, list) or not all(isinstance(each, dict) for each in ancestors):
        return None
    if not ancestors:
        return Node(row_id(row), node_type, _name_field(row, "title"), None, None)
    parent = ancestors[-1]
    return Node(
        row_id(row),
        node_type,
        _name_field(row, "title"),
        row_id(parent),
        _text_field(parent, "type"),
    )


def parse_label_names(rows: object) -> tuple[str, ...]:
    """The names of labels, sorted, each once, without personal marks (``my``) and Confluence's own
    (``system``)."""
    if not isinstance(rows, list):
        return ()
    shared = [
        row for row in rows if isinstance(row, dict) and row.get("prefix") not in ("my", "system")
    ]
    return tuple(sorted({_text_field(row, "name") for row in shared} - {""}))


@dataclass(frozen=True, slots=True)
class CommentRow:
    """One comment, as the index or v2 gives it."""

    id: str
    root_id: str
    """The comment with which its thread begins; itself, if it does."""
    page_id: str
    """What it stands on; empty where the answer does not say."""
    status: str
    author_id: str
    """Who wrote the current version."""
    created_at: str
    """When it was made; empty where the answer does not say."""
    version: Version
    resolution: str
    """Of an inline comment: ``open``, ``reopened``, ``resolved`` or ``dangling``; else empty."""
    resolved_at: str
    """When it was last resolved or reopened; empty: never."""
    selection: str
    """The text that an inline comment marks."""
    body: str

    def to_json(self) -> str:
        """All of it."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> CommentRow:
        """What ``to_json`` gave."""
        values = json.loads(text)
        return CommentRow(**{**values, "version": Version(**values["version"])})


def parse_comment(row: Row) -> CommentRow:
    """A comment from the index, with ``version``, ``history``, ``container``, ``ancestors`` and
    ``extensions`` expanded."""
    ancestors = [each for each in _rows_in(row, "ancestors") if each.get("id")]
    version, history = _part(row, "version"), _part(row, "history")
    extensions = _part(row, "extensions")
    resolution = _part(extensions, "resolution")
    return CommentRow(
        id=row_id(row),
        root_id=row_id(ancestors[0]) if ancestors else row_id(row),
        page_id=_text_field(_part(row, "container"), "id"),
        status=_text_field(row, "status").lower(),
        author_id=_text_field(_part(version, "by"), "accountId"),
        created_at=_text_field(history, "createdDate"),
        version=_parse_version({**version, "createdAt": _text_field(version, "when")}),
        resolution=_text_field(resolution, "status"),
        resolved_at=_text_field(resolution, "lastModifiedDate"),
        selection=_text_field(_part(extensions, "inlineProperties"), "originalSelection"),
        body=_storage_in(row),
    )


def parse_comment_now(row: Row, root_id: str, location: str) -> CommentRow:
    """A comment of a thread from v2."""
    version = _parse_version(row.get("version"))
    inline = location == "inline" and row_id(row) == root_id
    return CommentRow(
        id=row_id(row),
        root_id=root_id,
        page_id=_text_field(row, "pageId") or _text_field(row, "blogPostId"),
        status=_text_field(row, "status").lower(),
        author_id=_text_field(_part(row, "version"), "authorId"),
        created_at=version.created_at if version.number == 1 else "",
        version=version,
        resolution=_text_field(row, "resolutionStatus"),
        resolved_at=_text_field(row, "resolutionLastModifiedAt") if inline else "",
        selection=_text_field(_part(row, "properties"), "inlineOriginalSelection"),
        body=_storage_in(row),
    )


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """A file on a page in its current version, as the index or v2 gives it."""

    id: str
    """``att`` and a number."""
    status: str
    filename: str
    page_id: str
    """What it is attached to; empty where the answer does not say."""
    holder_type: str
    """``page``, ``blogpost``, or what else can hold files."""
    author_id: str
    """Who uploaded this version."""
    created_at: str
    """When its first version was uploaded."""
    version: Version
    media_type: str
    size: int
    """Bytes; -1 where the answer does not say."""
    labels: tuple[str, ...]


def parse_attachment(row: Row) -> AttachmentRow:
    """A file from the index, with ``version``, ``history``, ``container``, ``extensions`` and
    ``metadata.labels`` expanded."""
    version, container = _part(row, "version"), _part(row, "container")
    extensions = _part(row, "extensions")
    return AttachmentRow(
        id=row_id(row),
        status=_text_field(row, "status").lower(),
        filename=_name_field(row, "title"),
        page_id=_text_field(container, "id"),
        holder_type=_text_field(container, "type"),
        author_id=_text_field(_part(version, "by"), "accountId"),
        created_at=_text_field(_part(row, "history"), "createdDate"),
        version=_parse_version({**version, "createdAt": _text_field(version, "when")}),
        media_type=_text_field(extensions, "mediaType"),
        size=_parse_size(extensions.get("fileSize")),
        labels=parse_label_names(_part(_part(row, "metadata"), "labels").get("results")),
    )


def parse_attachment_now(row: Row) -> AttachmentRow:
    """A file from v2, with its labels included."""
    on_page = _text_field(row, "pageId")
    return AttachmentRow(
        id=row_id(row),
        status=_text_field(row, "status").lower(),
        filename=_name_field(row, "title"),
        page_id=on_page or _text_field(row, "blogPostId"),
        holder_type="page" if on_page else "blogpost",
        author_id=_text_field(_part(row, "version"), "authorId"),
        created_at=_text_field(row, "createdAt"),
        version=_parse_version(row.get("version")),
        media_type=_text_field(row, "mediaType"),
        size=_parse_size(row.get("fileSize")),
        labels=parse_label_names(_part(row, "labels").get("results")),
    )


def _parse_size(value: object) -> int:
    """Bytes; -1 for what is no length."""
    found = parse_number(value) if value is not None else -1
    return int(found) if 0 <= found <= _LARGEST_NUMBER else -1


def _part(row: Row, key: str) -> Row:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _rows_in(row: Row, key: str) -> list[Row]:
    value = row.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _storage_in(row: Row) -> str:
    return _raw_text(_part(_part(row, "body"), "storage").get("value"))


def _raw_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parse_version(value: object) -> Version:
    if not isinstance(value, dict):
        return Version(0, "")
    text = _text_field(value, "number")
    number = int(text) if text.isdecimal() and len(text) <= len(str(_LARGEST_NUMBER)) else 0
    return Version(number if number <= _LARGEST_NUMBER else 0, _text_field(value, "createdAt"))


def _name_field(row: Row, key: str) -> str:
    name = _text_field(row, key)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _text_field(row: Row, key: str) -> str:
    value = row.get(key)
    if isinstance(value, str):
        return replace_unstorable(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def replace_unstorable(text: str) -> str:
    """A name as every database takes it: a NUL, or half of a surrogate pair, becomes U+FFFD."""
    return _NO_TEXT.sub("\ufffd", text)
