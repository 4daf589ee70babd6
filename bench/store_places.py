"""The stores that ``stores.py`` measures: each running somewhere, with its own bulk load beside
it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from confluence_mirror.model import Chunk
from confluence_mirror.stores.base import Store
from confluence_mirror.stores.chroma.embedded import EmbeddedStore
from confluence_mirror.stores.chroma.store import ChromaStore
from confluence_mirror.stores.pgvector.store import PgvectorStore
from confluence_mirror.stores.vector_api.store import VectorApiStore
from tests.servers.chroma import chroma
from tests.servers.postgres import postgres
from tests.stores.words import DIMENSION, MODEL, HashedWords, hashed_words, ready

ROOT = Path(__file__).resolve().parents[1]
BULK = 1000
Row = TypeVar("Row")
NAMES = (f"bulk{number}" for number in itertools.count())


@dataclass(frozen=True)
class Place:
    """A store."""

    store: Callable[[int], Store]
    """Ours, for this many chunks per request."""
    bulk: Callable[[Sequence[Chunk]], None]
    """Its own load of these chunks, into a new collection."""


class Vectors:
    """Vectors of texts: those of some are made beforehand."""

    form = ""

    def __init__(self, texts: Sequence[str]) -> None:
        self._known = dict(zip(texts, HashedWords()(texts), strict=True))

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._known.get(text) or hashed_words(text) for text in texts]

    def embed_question(self, words: str) -> list[float]:
        return hashed_words(words)


def batches(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@contextmanager
def embedded(folder: Path, embed: Vectors) -> Iterator[Place]:
    import chromadb

    client = chromadb.PersistentClient(
        folder / "bulk", chromadb.config.Settings(anonymized_telemetry=False)
    )
    yield Place(
        lambda size: EmbeddedStore(folder / "store", embed, DIMENSION, MODEL, batch_size=size),
        lambda rows: chroma_bulk(client, rows, embed),
    )


@contextmanager
def chroma_server(folder: Path, embed: Vectors) -> Iterator[Place]:
    import chromadb

    with chroma(folder) as url:
        client = chromadb.HttpClient("127.0.0.1", int(url.rpartition(":")[2]))
        yield Place(
            lambda size: ChromaStore(url, embed, DIMENSION, MODEL, batch_size=size),
            lambda rows: chroma_bulk(client, rows, embed),
        )


def chroma_bulk(client: Any, rows: Sequence[Chunk], embed: Vectors) -> None:
    collection = client.create_collection(
        next(NAMES), metadata={"hnsw:space": "cosine"}, embedding_function=None
    )
    for some in batches(rows, BULK):
        texts = [row.text for row in some]
        metadatas = [dict(row.metadata) for row in some]
        collection.add([row.id for row in some], embed(texts), metadatas=metadatas, documents=texts)


@contextmanager
def pgvector(_folder: Path, embed: Vectors) -> Iterator[Place]:
    with postgres() as server:
        url = server.fresh()
        yield Place(
            lambda size: PgvectorStore(url, embed, DIMENSION, MODEL),
            lambda rows: pgvector_bulk(url, rows, embed),
        )


def pgvector_bulk(url: str, rows: Sequence[Chunk], embed: Vectors) -> None:
    import psycopg

    name = next(NAMES)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        connection.execute(
            f"CREATE TABLE {name} (id text, text text, m jsonb, e vector({DIMENSION}))"
        )
        with connection.cursor().copy(f"COPY {name} FROM STDIN") as copy:
            for row, vector in zip(rows, embed([each.text for each in rows]), strict=True):
                copy.write_row((row.id, row.text, json.dumps(row.metadata), str(vector)))
        connection.execute(f"CREATE INDEX ON {name} USING hnsw (e vector_cosine_ops)")


@contextmanager
def vector_api(variant: str) -> Iterator[Place]:
    """The tests' server, in a process of its own."""
    command = [sys.executable, "-m", "tests.servers.vector_api", "--variant", variant]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        bulk = underscore_bulk if variant == "underscore" else dash_bulk
        yield Place(
            lambda size: VectorApiStore(
                url, embedding_model=MODEL, probe_prefix="probe", batch_size=size
            ),
            lambda rows: bulk(url, rows),
        )
    finally:
        process.terminate()
        process.wait()


def underscore_bulk(url: str, rows: Sequence[Chunk]) -> None:
    name = next(NAMES)
    made = {"collection_id": name, "embedding_model_id": MODEL}
    requests.post(f"{url}/v1/vector_io/collections", json=made, timeout=60).raise_for_status()
    for some in batches(rows, BULK):
        documents = [
            {"document_id": row.id, "text": row.text, "metadata": dict(row.metadata)}
            for row in some
        ]
        body = {"collection_id": name, "documents": documents}
        requests.post(f"{url}/v1/vector_io/documents", json=body, timeout=60).raise_for_status()


def dash_bulk(url: str, rows: Sequence[Chunk]) -> None:
    name = next(NAMES)
    made = {"vector_db_id": name, "embedding_model": MODEL}
    requests.post(f"{url}/v1/vector-dbs", json=made, timeout=60).raise_for_status()
    for some in batches(rows, BULK):
        sent = [
            {
                "chunk_id": row.id,
                "content": row.text,
                "metadata": {**row.metadata, "document_id": row.page_id},
            }
            for row in some
        ]
        body = {"vector_db_id": name, "chunks": sent}
        requests.post(f"{url}/v1/vector-io/insert", json=body, timeout=60).raise_for_status()


@contextmanager
def llama(folder: Path, _embed: Vectors, version: str, provider: str) -> Iterator[Place]:
    from confluence_mirror.stores.llama import names
    from tests.llama.real import RealServer

    with RealServer(version, provider, folder / "state") as server:

        def bulk(rows: Sequence[Chunk]) -> None:
            store = server.store()
            ready(store)
            made = store.create_collection(next(NAMES))

            def one(row: Chunk) -> None:
                files = {"file": (f"{row.id}.md", row.text.encode(), "text/markdown")}
                sent = requests.post(
                    f"{server.prefix}/files",
                    files=files,
                    data={"purpose": "assistants"},
                    timeout=60,
                )
                static = {"max_chunk_size_tokens": 4096, "chunk_overlap_tokens": 0}
                body = {
                    "file_id": sent.json()["id"],
                    "attributes": {key: row.metadata[key] for key in names.CORE},
                    "chunking_strategy": {"type": "static", "static": static},
                }
                attached = f"{server.prefix}/vector_stores/{made.id}/files"
                requests.post(attached, json=body, timeout=60).raise_for_status()

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(one, rows))

        yield Place(lambda _size: server.store(), bulk)


PLACES: dict[str, Callable[[Path, Vectors], Any]] = {
    "`vector-api`, underscore (the tests' server)": lambda _folder, _embed: vector_api(
        "underscore"
    ),
    "`vector-api`, dash (the tests' server)": lambda _folder, _embed: vector_api("dash"),
    "`embedded`": embedded,
    "`chroma`": chroma_server,
    "`pgvector`, with its HNSW index": pgvector,
}
