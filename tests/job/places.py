"""A job over each server that can be its store: how to stop it, to look into it, and to set it
wrongly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
import requests

from confluence_mirror.stores.llama import store as llama
from confluence_sandbox import SampleGateway
from tests.ingest.launch import plain_wire
from tests.job.harness import Job
from tests.servers.chroma import RunningChroma
from tests.servers.embedding import EmbeddingServer
from tests.servers.llama_stack import LlamaStackServer
from tests.servers.postgres import RunningPostgres

SECRET = "s3cret-of-the-store"
TENANT, DATABASE = "team", "knowledge"
_numbers = itertools.count(1)


@dataclass
class Place:
    """A job whose store is a server that can be stopped, with what makes its settings wrong."""

    job: Job
    stop: Callable[[], object]
    start: Callable[[], object]
    titles: Callable[[], list[str]]
    """Of what is in the store, by the server's own means: one a chunk."""
    when_half: Callable[[Callable[[], object]], list[str]]
    """Have something done once, in the middle of the next run. What is in the store then is in the
    list afterwards."""
    nobody: dict[str, str]
    """An address where nothing listens."""
    proxied: Callable[[str], dict[str, str]]
    """The address of something that answers HTML."""


def embeds(model: EmbeddingServer) -> dict[str, str]:
    return {
        "EMBEDDING_BASE_URL": model.url,
        "EMBEDDING_API_KEY": model.key,
        "EMBEDDING_MODEL_ID": "bge-m3",
        "BATCH_SIZE": "3",
        "EMBEDDING_BATCH": "1",
        "EMBEDDING_CONCURRENCY": "1",
    }


def in_chroma(
    server: RunningChroma, model: EmbeddingServer, gateway: SampleGateway, folder: Path
) -> Place:
    env = embeds(model) | {
        "CHROMA_URL": server.url,
        "CHROMA_TOKEN": SECRET,
        "CHROMA_TENANT": TENANT,
        "CHROMA_DATABASE": DATABASE,
        "COLLECTION_ID": f"job-{next(_numbers)}",
    }

    def titles() -> list[str]:
        collections = (
            f"{env['CHROMA_URL']}/api/v2/tenants/{TENANT}/databases/{DATABASE}/collections"
        )
        mine = requests.get(f"{collections}/{env['COLLECTION_ID']}", timeout=30).json().get("id")
        if mine is None:
            return []
        rows = requests.post(
            f"{collections}/{mine}/get", json={"include": ["metadatas"]}, timeout=30
        ).json()
        return [metadata["title"] for metadata in rows["metadatas"]]

    return Place(
        Job(folder, gateway, env=env),
        server.stop,
        server.start,
        titles,
        partial(while_embedding, model, titles),
        {"CHROMA_URL": "http://127.0.0.1:1"},
        lambda url: {"CHROMA_URL": url},
    )


def in_pgvector(
    server: RunningPostgres, model: EmbeddingServer, gateway: SampleGateway, folder: Path
) -> Place:
    url = server.fresh()

    def titles() -> list[str]:
        with psycopg.connect(url) as connection:
            if connection.execute("SELECT to_regclass('data_confluence')").fetchone() == (None,):
                return []
            return [
                title
                for (title,) in connection.execute(
                    "SELECT metadata_->>'title' FROM data_confluence"
                )
            ]

    return Place(
        Job(folder, gateway, env=embeds(model) | {"PGVECTOR_URL": url, "REQUEST_TIMEOUT": "6"}),
        server.stop,
        server.start,
        titles,
        partial(while_embedding, model, titles),
        {"PGVECTOR_URL": f"postgresql://me:{SECRET}@127.0.0.1:1/x", "REQUEST_TIMEOUT": "0.5"},
        lambda url: {"PGVECTOR_URL": url.replace("http://", f"postgresql://me:{SECRET}@") + "/x"},
    )


@contextmanager
def in_llama(
    gateway: SampleGateway, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.setattr(llama, "ClientWire", plain_wire)
    with LlamaStackServer("0.7.3", "faiss", api_key=SECRET) as server:
        env = {"LLAMA_BASE_URL": server.base_url, "LLAMA_API_KEY": SECRET, "BATCH_SIZE": "3"}
        attach, state = server.state.attach, server.state

        def titles() -> list[str]:
            return [
                str(row.attributes["title"])
                for store in state.stores.values()
                for row in store.rows.values()
                if "title" in row.attributes  # others mark the end of a collection
            ]

        def when_half(what: Callable[[], object]) -> list[str]:
            there: list[str] = []

            def attached(*given: object) -> object:
                if not there and len(titles()) >= 3:
                    there.extend(titles())
                    what()
                return attach(*given)

            monkeypatch.setattr(state, "attach", attached)
            return there

        yield Place(
            Job(folder, gateway, env=env),
            server.stop,
            server.start,
            titles,
            when_half,
            {"LLAMA_BASE_URL": "http://127.0.0.1:1"},
            lambda url: {"LLAMA_BASE_URL": url},
        )


def while_embedding(
    model: EmbeddingServer, titles: Callable[[], list[str]], what: Callable[[], object]
) -> list[str]:
    """Do it once, while the model works and some rows are in the store. Gives what was there."""
    there: list[str] = []

    def before(_number: int) -> None:
        if not there:
            there.extend(titles())
            if there:
                what()

    model.before = before
    return there
