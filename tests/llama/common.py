"""What the tests of the Llama Stack store share."""

from __future__ import annotations

import hashlib

from confluence_mirror.model import Chunk, StoredRef
from confluence_mirror.stores.base import Collection
from confluence_mirror.stores.llama.store import LlamaStore
from tests.llama.wire import RequestsWire
from tests.servers.llama_stack import LlamaStackServer

SITE = "11111111-2222-3333-4444-555555555555"
MODEL = "all-MiniLM-L6-v2"


def chunk(
    number: int, text: str, *, revision: int = 0, page: str = "100", **metadata: str | int
) -> Chunk:
    """A chunk with the core of the metadata. ``revision`` stands for its metadata hash."""
    core: dict[str, str | int] = {
        "source": "confluence",
        "site_id": SITE,
        "space_key": "OPS",
        "page_id": page,
        "page_type": "page",
        "title": f"Page {page}",
        "breadcrumb": "Home > Runbooks",
        "labels": "",
        "modified_at": "2026-01-31T08:15:00Z",
        "version": 3,
        "url": f"https://acme.atlassian.net/wiki/spaces/OPS/pages/{page}/Page",
        "heading_path": "",
        "chunk_index": number,
        "content_hash": hashlib.sha256(text.encode()).hexdigest(),
    }
    return Chunk(chunk_id(number), page, text, core | metadata, f"{revision:08x}")


def chunk_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def ref(of: Chunk, file_id: str = "") -> StoredRef:
    return StoredRef(of.id, of.page_id, of.metadata_hash, file_id)


def store_at(server: LlamaStackServer, **options: object) -> LlamaStore:
    """A store over plain HTTP that does not wait for late attaches longer than it must."""
    settings: dict = {
        "embedding_model": MODEL,
        "timeout": 10,
        "late_seconds": 3.0,
        "sleep": lambda _: None,
    } | options
    settings.setdefault(
        "wire", RequestsWire(server.base_url, api_key=settings.get("api_key") or "")
    )
    return LlamaStore(server.base_url, **settings)


def opened(server: LlamaStackServer, **options: object) -> tuple[LlamaStore, Collection]:
    store = store_at(server, **options)
    store.connect()
    return store, store.find_collection("docs") or store.create_collection("docs")


def held(server: LlamaStackServer) -> list[str]:
    """The chunk texts in the server's indexes, without our first lines and markers."""
    return sorted(
        text.rpartition("-->")[2].strip() for text in server.texts() if "end marker" not in text
    )


def all_is_well(server: LlamaStackServer, *texts: str) -> None:
    """Exactly these texts, and no file but those that hold them (and at most one end marker)."""
    assert held(server) == sorted(texts)
    files = [file for file in server.state.files.values() if "--marker--" not in file.name]
    assert len(files) == len(texts)
    rows = [row for store in server.state.stores.values() for row in store.rows.values()]
    assert {row.file.id for row in rows} == set(server.state.files)
    assert len(server.state.files) - len(files) <= 1
