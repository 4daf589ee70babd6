"""What the suite writes: chunks with the whole metadata contract, and vectors of hashed words."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

from confluence_mirror.mirror.metadata import CORE, metadata_hash
from confluence_mirror.model import Chunk, MetaValue, StoredRef
from confluence_mirror.stores.base import Capabilities, Store

DIMENSION = 64
MODEL = "all-MiniLM-L6-v2"
SITE = "8f0a5d1c-0000-4000-8000-00000000c10d"


class Remembered(dict[str, str]):
    """What runs remember, as the manifest does."""

    def read_known(self, name: str) -> str | None:
        return self.get(name)

    def record_known(self, name: str, value: str) -> None:
        self[name] = value

    def forget_known(self, name: str) -> None:
        self.pop(name, None)


def ready(store: Store, memory: Remembered | None = None) -> Capabilities:
    """As a run that writes makes a store ready."""
    store.connect()
    return store.learn_capabilities(Remembered() if memory is None else memory, tries=True)


class HashedWords:
    """Deterministic vectors without a model: each word has its own few of the numbers."""

    form = ""
    concurrency = 2
    batch_size = 3

    def __init__(self) -> None:
        self.texts = 0

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += len(texts)
        return [hashed_words(text) for text in texts]

    def embed_question(self, words: str) -> list[float]:
        return hashed_words(words)


def hashed_words(text: str, dimension: int = DIMENSION) -> list[float]:
    vector = [0.01] * dimension
    for word in text.lower().split():
        for place, byte in enumerate(
            hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=4).digest()
        ):
            vector[byte % dimension] += 1.0 if place else -1.0
    return vector


def chunk(
    number: int, text: str, can: Capabilities, *, page: str = "", **changed: MetaValue
) -> Chunk:
    """Chunk ``number``, with the metadata that a store of these capabilities is given, and a vector
    for those that take one."""
    chunk_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"chunk-{number}"))
    page_id = page or str(4000 + number // 5)
    full: dict[str, MetaValue] = {
        "source": "confluence",
        "site_id": SITE,
        "space_key": "OPS",
        "space_name": "Operations & Betrieb",
        "page_id": page_id,
        "page_type": "page",
        "title": f"Runbook “{number // 5}” 🔧",
        "breadcrumb": "Home > Betrieb > 運用",
        "labels": "disk,runbook",
        "author": "Ada L.",
        "created_at": "2026-01-02T03:04:05Z",
        "modified_at": "2026-01-31T08:15:00Z",
        "version": 7,
        "url": f"https://example.atlassian.net/wiki/spaces/OPS/pages/{page_id}",
        "heading_path": "Symptoms > Disk",
        "chunk_index": number % 5,
        "chunk_count": 5,
        "tokens": len(text.split()),
        "content_hash": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        "chunk_id": chunk_id,
        **changed,
    }
    metadata = {key: full[key] for key in CORE} if can.core_metadata else full
    return Chunk(
        chunk_id,
        page_id,
        text,
        metadata,
        metadata_hash(metadata, exact=can.updates_metadata),
        hashed_words(text),
    )


def ref(of: Chunk, store_id: str = "") -> StoredRef:
    return StoredRef(of.id, of.page_id, of.metadata_hash, store_id)
