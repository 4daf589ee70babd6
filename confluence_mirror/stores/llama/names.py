"""How a chunk becomes a file of a Llama Stack file store: its name, its text, its attributes. Pure
functions.

The name is the chunk's identity and revision. It is there from the upload on, ``GET …/files`` lists
it cheaply, and it survives a lost manifest.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from confluence_mirror.model import Chunk, Metadata, MetaValue
from confluence_mirror.net.answers import parse_number

PREFIX = "confluence-sync"
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
"""The core of the metadata contract: 14 keys. With ``file_id`` and ``filename`` a file has 16, as
many as it may."""
WHOLE_NUMBERS = ("version", "chunk_index")
"""Keys that the servers hand back as floats."""
MARKER = "cs_marker"
"""Attribute of an end marker: one of our files that holds no chunk."""
MAX_ATTRIBUTE_CHARS = 500
"""The servers take 512."""
MAX_URL_CHARS = 300
"""Of the address in a file's first line. A title of 255 letters, each written as ``%D0%9F``, would
fill a file."""

_MARK = re.compile("[0-9a-f]{12}")
_POISON = re.compile(r"<\|(?=(?:endoftext|endofprompt|fim_prefix|fim_middle|fim_suffix)\|>)")
_FIRST_LINE = re.compile(r"\A<!-- [^\n]* -->(?:\n|\Z)")


@dataclass(frozen=True, slots=True)
class FileName:
    """What the name of one of our files says."""

    site_id: str
    page_id: str
    chunk_id: str
    metadata_hash: str


def store_mark(store_id: str) -> str:
    """12 hex digits that stand for a store in the names of its files (SHA-256 of its id)."""
    return hashlib.sha256(store_id.encode()).hexdigest()[:12]


def _part(value: str) -> str:
    return quote(value, safe="").replace("--", "-%2D")


def identity(chunk: Chunk) -> FileName:
    """What the name of a chunk's file will say."""
    return FileName(
        str(chunk.metadata.get("site_id", "")), chunk.page_id, chunk.id, chunk.metadata_hash
    )


def file_name(store_id: str, name: FileName) -> str:
    """``confluence-sync--<store>--<site>--<page>--<chunk>--<metadata hash>.md``.

    Without the extension the servers find no text in a file.
    """
    parts = (name.site_id, name.page_id, name.chunk_id, name.metadata_hash)
    return "--".join((PREFIX, store_mark(store_id), *map(_part, parts))) + ".md"


def marker_name(store_id: str, nonce: str) -> str:
    """The name of an end marker of this store."""
    return f"{PREFIX}--{store_mark(store_id)}--marker--{nonce}.md"


def origin(name: str) -> tuple[str, str] | None:
    """The mark of the store that one of our files was uploaded for, and the site (empty for an end
    marker).

    None for a file that this program did not name.
    """
    parts = name.removesuffix(".md").split("--")
    if (
        not name.endswith(".md")
        or parts[0] != PREFIX
        or len(parts) < 4
        or not _MARK.fullmatch(parts[1])
    ):
        return None
    if parts[2] == "marker" and len(parts) == 4:
        return parts[1], ""
    return (parts[1], unquote(parts[2])) if len(parts) == 6 else None


def is_ours(store_id: str, name: str) -> bool:
    """Whether a file of this name was uploaded by us for this store: nothing else is ever
    touched."""
    return name.startswith(f"{PREFIX}--{store_mark(store_id)}--")


def is_marker(store_id: str, name: str) -> bool:
    """Whether this is the name of one of our end markers."""
    return name.startswith(f"{PREFIX}--{store_mark(store_id)}--marker--")


def parse(store_id: str, name: str) -> FileName | None:
    """The chunk that a file's name stands for; None for a name that is not ours (or is a
    marker's)."""
    if not is_ours(store_id, name) or not name.endswith(".md"):
        return None
    parts = name.removesuffix(".md").split("--")[2:]
    return FileName(*map(unquote, parts)) if len(parts) == 4 else None


def file_text(chunk: Chunk, nonce: str) -> tuple[str, int]:
    """The file's text, and how many special tokens were broken up in it.

    The first line is unique to this upload: a server identifies a chunk by its text, so of two
    files of one text the deletion of one would take both. The five ``<|…|>`` on which the servers'
    tokenizer fails get a zero-width space behind the ``<|``.
    """
    text, broken = _POISON.subn("<|\u200b", chunk.text)
    url = str(chunk.metadata.get("url", "")).replace("\n", " ").replace("-->", "")[:MAX_URL_CHARS]
    return f"<!-- {url} · {chunk.id} · {chunk.metadata_hash} · {nonce} -->\n{text}", broken


def chunk_text(stored: str) -> str:
    """A stored text without our first line."""
    return _FIRST_LINE.sub("", stored, count=1)


def attributes(chunk: Chunk, file_id: str, name: str) -> dict[str, MetaValue]:
    """What a file is attached with: the core of the metadata, and ``file_id`` and ``filename``,
    which 0.2 answers empty unless we set them."""
    core = {key: _short(chunk.metadata[key]) for key in CORE if key in chunk.metadata}
    return {**core, "file_id": file_id, "filename": name}


def _short(value: MetaValue) -> MetaValue:
    if isinstance(value, str) and len(value) > MAX_ATTRIBUTE_CHARS:
        return value[: MAX_ATTRIBUTE_CHARS - 1] + "…"
    return value


def hit_metadata(store_id: str, attributes: object) -> Metadata | None:
    """Our metadata from a hit's attributes, whole numbers as such; None for a hit that is an end
    marker.

    ``chunk_id`` is added, from the file's name; what the server puts beside ours (``document_id``,
    ``token_count``) is left out where the file is ours.
    """
    given = attributes if isinstance(attributes, dict) else {}
    if MARKER in given:
        return None
    name = parse(store_id, str(given.get("filename", "")))
    if name is None:
        return {str(key): value for key, value in given.items() if isinstance(value, str | int)}
    ours: dict[str, MetaValue] = {"chunk_id": name.chunk_id}
    for key in CORE:
        value = given.get(key)
        if isinstance(value, str | int | float):
            ours[key] = int(parse_number(value)) if key in WHOLE_NUMBERS else str(value)
    return ours
