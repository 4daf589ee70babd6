"""What a Llama Stack or OGX answers, as values: rows of its lists, and the words of its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from confluence_mirror.net.answers import as_object, parse_number
from confluence_mirror.wording import counted

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileRow:
    """An uploaded file, attached to a store or not."""

    id: str
    name: str
    created_at: float
    """Unix time, whole seconds, by the server's clock."""


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A vector store as the server lists it."""

    id: str
    name: str
    created_at: float
    files: int
    """Files that were indexed completely."""
    provider: str
    """Empty where the server does not say."""
    embedding_model: str = ""
    embedding_dimension: int | None = None
    owner: str = ""
    """Who made it, by its metadata; empty where nobody said so."""

    def describe(self) -> str:
        """Id, files and date, for people."""
        made = datetime.fromtimestamp(self.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"{self.id} ({counted(self.files, 'file')}, made {made})"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file's row in a store."""

    status: str
    """``completed``, ``in_progress``, ``failed`` or ``cancelled``."""
    error: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)


def hit_text(row: Json) -> str:
    """The text of a search's row: its parts together."""
    parts = row.get("content")
    return "".join(
        str(as_object(part).get("text", "")) for part in (parts if isinstance(parts, list) else ())
    )


def attached(row: Json) -> Attached:
    """A row of a store's files."""
    error = as_object(row.get("last_error"))
    return Attached(
        str(row.get("status", "")),
        one_line(str(error.get("message", ""))),
        as_object(row.get("attributes")),
    )


def store_row(row: Json) -> StoreRow:
    """A row of the list of stores. 0.4 and later name the model in the metadata."""
    metadata = as_object(row.get("metadata"))
    dimension = str(metadata.get("embedding_dimension") or "")
    return StoreRow(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        created_at=parse_number(row.get("created_at")),
        files=int(parse_number(as_object(row.get("file_counts")).get("completed"))),
        provider=str(metadata.get("provider_id") or ""),
        embedding_model=str(metadata.get("embedding_model") or ""),
        embedding_dimension=int(parse_number(dimension)) or None,
        owner=str(metadata.get("owner") or ""),
    )


def sentence(body: object) -> str:
    """What an error's body says, in one line: ``detail`` or ``message``, wherever a version puts
    it."""
    for key in ("error", "detail", "message", "errors"):
        if isinstance(body, dict) and body.get(key):
            return sentence(body[key])
    if isinstance(body, list) and body:
        return sentence(body[0])
    if isinstance(body, dict) and body.get("msg"):
        return one_line(f"{body['msg']} {body.get('loc', '')}")
    return one_line(str(body)) if body else "no reason given"


def kind(body: object) -> str:
    """What a body is that is not a server's own."""
    if isinstance(body, str):
        return (
            "a web page"
            if "<html" in body[:2000].lower() or "<!doctype" in body[:200].lower()
            else "no JSON"
        )
    return "no word of what is missing"


def one_line(text: str) -> str:
    """A server's words, fit for a line of log."""
    joined = " ".join(text.split())
    return joined if len(joined) <= 300 else joined[:299] + "…"
