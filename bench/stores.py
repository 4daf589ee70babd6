"""What each store costs: ten thousand chunks written, written again, listed and removed.

``python bench/stores.py [--chunks N] [--only WORD] [--llama VERSION=VENV …]`` prints a table of ratios. The unit of
each row is the store's own bulk load, measured in the same run: its client's (or a bare request's) fastest way to put
the same rows in, without ids that replace, checks or bookkeeping. Vectors are hashed words, so that no model's time is
in it. A real Llama Stack is measured with a tenth of the chunks; its bulk load is an upload and attach a chunk, by 4
workers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from confluence_sync.mirror.metadata import metadata_hash
from confluence_sync.model import Chunk, StoredRef
from confluence_sync.stores.base import Store
from confluence_sync.stores.chroma import ChromaStore
from confluence_sync.stores.embedded import EmbeddedStore
from confluence_sync.stores.pgvector import PgvectorStore
from confluence_sync.stores.vector_api import VectorApiStore
from tests.servers.chroma import chroma
from tests.servers.postgres import postgres
from tests.servers.vector_api import VectorApiServer
from tests.stores.words import DIMENSION, MODEL, HashedWords

EMBED = HashedWords()
WORDS = [f"word{number}" for number in range(5000)]
BULK = 1000


@dataclass(frozen=True)
class Place:
    """A store, and its own bulk load of texts."""

    store: Store
    bulk: Callable[[Sequence[Chunk]], None]
    batch: int = 100


def chunks(count: int) -> list[Chunk]:
    """Chunks of about 1,000 characters with the metadata of the contract."""
    chance = random.Random(1)
    made = []
    for number in range(count):
        metadata: dict[str, str | int] = {
            "source": "confluence", "site_id": "site", "space_key": "OPS", "space_name": "Operations",
            "page_id": str(number // 4), "page_type": "page", "title": f"Page {number // 4}", "breadcrumb": "Home",
            "labels": "runbook", "author": "Mara", "created_at": "2026-01-31T08:15:00Z",
            "modified_at": "2026-01-31T08:15:00Z", "version": 1, "url": "https://site.example/wiki/x",
            "heading_path": "Steps", "chunk_index": number % 4, "chunk_count": 4, "tokens": 250,
            "content_hash": "0" * 64,
            "chunk_id": f"00000000-0000-8000-8000-{number:012d}",
        }  # fmt: skip
        text = f"chunk {number} " + " ".join(chance.choices(WORDS, k=120))
        made.append(
            Chunk(str(metadata["chunk_id"]), f"{number // 4}", text, metadata, metadata_hash(metadata, exact=True))
        )
    return made


def batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@contextmanager
def embedded(folder: Path) -> Iterator[Place]:
    import chromadb

    client = chromadb.PersistentClient(folder / "bulk", chromadb.config.Settings(anonymized_telemetry=False))
    yield Place(EmbeddedStore(folder / "store", EMBED, DIMENSION, MODEL), lambda rows: chroma_bulk(client, rows))


@contextmanager
def chroma_server(folder: Path) -> Iterator[Place]:
    import chromadb

    with chroma(folder) as url:
        client = chromadb.HttpClient("127.0.0.1", int(url.rpartition(":")[2]))
        yield Place(ChromaStore(url, EMBED, DIMENSION, MODEL), lambda rows: chroma_bulk(client, rows))


def chroma_bulk(client: Any, rows: Sequence[Chunk]) -> None:
    collection = client.create_collection("bulk", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    for some in batches(rows, BULK):
        texts = [row.text for row in some]
        collection.add(
            [row.id for row in some], EMBED(texts), metadatas=[dict(row.metadata) for row in some], documents=texts
        )


@contextmanager
def pgvector(_folder: Path) -> Iterator[Place]:
    import psycopg

    with postgres() as server:
        url = server.fresh()

        def bulk(rows: Sequence[Chunk]) -> None:
            with psycopg.connect(url) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                connection.execute(f"CREATE TABLE bulk (id text, text text, m jsonb, e vector({DIMENSION}))")
                with connection.cursor().copy("COPY bulk FROM STDIN") as copy:
                    for some in batches(rows, BULK):
                        for row, vector in zip(some, EMBED([each.text for each in some]), strict=True):
                            copy.write_row((row.id, row.text, json.dumps(row.metadata), str(list(vector))))
                connection.execute("CREATE INDEX ON bulk USING hnsw (e vector_cosine_ops)")

        yield Place(PgvectorStore(url, EMBED, DIMENSION, MODEL), bulk)


@contextmanager
def underscore(_folder: Path) -> Iterator[Place]:
    with VectorApiServer("underscore") as server:

        def bulk(rows: Sequence[Chunk]) -> None:
            base = f"{server.url}/v1/vector_io"
            requests.post(
                f"{base}/collections", json={"collection_id": "bulk", "embedding_model_id": MODEL}, timeout=60
            )
            for some in batches(rows, BULK):
                documents = [{"document_id": r.id, "text": r.text, "metadata": dict(r.metadata)} for r in some]
                body = {"collection_id": "bulk", "documents": documents}
                requests.post(f"{base}/documents", json=body, timeout=60).raise_for_status()

        yield Place(VectorApiStore(server.url, embedding_model=MODEL, probe_collection="probe"), bulk)


@contextmanager
def llama(folder: Path, version: str) -> Iterator[Place]:
    from confluence_sync.stores import llama_names as names
    from tests.llama.real import RealServer

    with RealServer(version, "sqlite-vec", folder / "state") as server:

        def bulk(rows: Sequence[Chunk]) -> None:
            store = server.store()
            store.connect()
            made = store.create("bulk")

            def one(row: Chunk) -> None:
                files = {"file": (f"{row.id}.md", row.text.encode(), "text/markdown")}
                sent = requests.post(f"{server.prefix}/files", files=files, data={"purpose": "assistants"}, timeout=60)
                body = {
                    "file_id": sent.json()["id"],
                    "attributes": {key: row.metadata[key] for key in names.CORE},
                    "chunking_strategy": {
                        "type": "static", "static": {"max_chunk_size_tokens": 4096, "chunk_overlap_tokens": 0}
                    },
                }  # fmt: skip
                requests.post(
                    f"{server.prefix}/vector_stores/{made.id}/files", json=body, timeout=60
                ).raise_for_status()

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(one, rows))

        yield Place(server.store(), bulk)


def measure(place: Place, rows: Sequence[Chunk]) -> dict[str, float]:
    """Seconds of each step."""
    took: dict[str, float] = {}

    def timed(name: str, step: Callable[[], object]) -> None:
        began = time.perf_counter()
        step()
        took[name] = time.perf_counter() - began

    timed("bulk", lambda: place.bulk(rows))
    store, written = place.store, dict[str, str]()
    store.connect()
    collection = store.create("bench")

    def write() -> None:
        for some in batches(rows, place.batch):
            written.update(
                store.write(collection, some, {c.id: written[c.id] for c in some if c.id in written}).written
            )

    timed("write", write)
    if store.kind != "llama":  # there the same rows again are new files by intent
        timed("again", write)
    timed("list", lambda: sum(1 for _ in store.rows(collection)))
    gone = [StoredRef(row.id, row.page_id, row.metadata_hash, written[row.id]) for row in rows[: len(rows) // 10]]
    timed("remove a tenth", lambda: store.remove(collection, gone))
    timed("close", store.close)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--llama", nargs="*", default=[], metavar="VERSION=VENV")
    parser.add_argument("--only", default="", metavar="WORD", help="only stores whose name holds this")
    arguments = parser.parse_args()
    os.environ["LLAMA_STACK_SERVERS"] = " ".join(arguments.llama)
    places: dict[str, tuple[Callable[[Path], Any], int]] = {
        "vector-api, underscore (the tests' server)": (underscore, arguments.chunks),
        "embedded": (embedded, arguments.chunks),
        "chroma": (chroma_server, arguments.chunks),
        "pgvector": (pgvector, arguments.chunks),
    }
    for each in arguments.llama:
        version = each.partition("=")[0]
        places[f"llama {version}, sqlite-vec"] = (lambda folder, v=version: llama(folder, v), arguments.chunks // 10)
    print("| store | chunks | own bulk load | write, 100 a batch | the same again | list all | remove a tenth |")
    print("|---|---|---|---|---|---|---|")
    for name, (enter, count) in places.items():
        if arguments.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder, enter(Path(folder)) as place:
            took = measure(place, chunks(count))
        unit = took.pop("bulk")
        took["write"] += took.pop("close")  # an index that is built at the end belongs to the load
        cells = [f"{took[step] / unit:.2f}" if step in took else "–" for step in ("write", "again", "list")]
        print(f"| {name} | {count:,} | 1 | {' | '.join(cells)} | {took['remove a tenth'] / unit:.2f} |", flush=True)


if __name__ == "__main__":
    main()
