"""The contract suite over the Llama Stack store: on the small server of each family, and on real
servers.

Real ones are named by ``LLAMA_STACK_SERVERS``, as ``scripts/llama_stack/run_tests.py`` sets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import requests

from confluence_mirror.stores.base import Collection, Store
from confluence_mirror.stores.llama.store import LlamaStore
from tests.llama.real import RealServer, servers
from tests.llama.wire import RequestsWire
from tests.servers.llama_stack import LlamaStackServer
from tests.servers.llama_stack_state import POISON, cleaned
from tests.stores.homes import FOREIGN, HOMES, NOBODY, Home, stopped
from tests.stores.words import MODEL


def as_stored(text: str, *, ogx: bool) -> str:
    """What the store declares: special tokens broken up, on OGX white space cleaned."""
    text = POISON.sub(lambda mark: mark[0].replace("<|", "<|\u200b"), text)
    return cleaned(text) if ogx else text


def _registered(model: str) -> str:
    """The suite's model goes by the name that the servers have."""
    return "all-MiniLM-L6-v2" if model == MODEL else model


def _dead() -> Store:
    return LlamaStore(
        NOBODY,
        api_key="s3cret-token",
        embedding_model="any",
        timeout=2,
        wire=RequestsWire(NOBODY, api_key="s3cret-token"),
        sleep=lambda _: None,
    )


@contextmanager
def small(_folder: Path, version: str, provider: str) -> Iterator[Home]:
    with LlamaStackServer(version, provider) as server:
        state = server.state

        def opened(model: str = MODEL) -> Store:
            wire = RequestsWire(server.base_url)
            name = _registered(model)
            return LlamaStore(
                server.base_url, embedding_model=name, timeout=10, wire=wire, sleep=lambda _: None
            )

        def add(collection: Collection) -> None:
            file = state.upload("foreign.md", FOREIGN)
            state.attach(state.stores[collection.id], file.id, {"source": "wiki"})

        def has(collection: Collection) -> bool:
            return any(
                entry.text == FOREIGN for _, entry in state.stores[collection.id].index.pairs()
            )

        yield Home(
            opened,
            lambda: opened("another-model"),
            add,
            has,
            _dead,
            partial(as_stored, ogx=state.ogx),
            many=200,
            longest=12_000,
            unknown_model=lambda: opened("no-such-model"),
            down=partial(stopped, server),
        )


@contextmanager
def real(folder: Path, version: str, provider: str) -> Iterator[Home]:
    with RealServer(version, provider, folder / "state") as server:

        def opened(model: str = MODEL) -> Store:
            return server.store(embedding_model=_registered(model))

        def add(collection: Collection) -> None:
            path = f"{server.prefix}/vector_stores/{collection.id}/files"
            files = {"file": ("foreign.md", FOREIGN.encode(), "text/markdown")}
            uploaded = requests.post(
                f"{server.prefix}/files", data={"purpose": "assistants"}, files=files, timeout=30
            )
            body = {"file_id": uploaded.json()["id"], "attributes": {"source": "wiki"}}
            assert requests.post(path, json=body, timeout=60).json()["status"] == "completed"

        def has(collection: Collection) -> bool:
            path = f"{server.prefix}/vector_stores/{collection.id}/search"
            answer = requests.post(
                path, json={"query": f"{FOREIGN} and more", "max_num_results": 5}, timeout=30
            )
            return any(FOREIGN in hit["content"][0]["text"] for hit in answer.json()["data"])

        yield Home(
            opened,
            lambda: opened("another-model"),
            add,
            has,
            _dead,
            partial(as_stored, ogx=not re.match(r"0\.", version)),
            many=200,
            longest=12_000,
            unknown_model=lambda: opened("no-such-model"),
        )


HOMES["llama-0.2.23-sqlite-vec"] = partial(small, version="0.2.23", provider="sqlite-vec")
HOMES["llama-0.7.3-faiss"] = partial(small, version="0.7.3", provider="faiss")
HOMES["llama-1.5.0-sqlite-vec"] = partial(small, version="1.5.0", provider="sqlite-vec")
for _version, _provider in servers():
    HOMES[f"real-llama-{_version}-{_provider}"] = partial(
        real, version=_version, provider=_provider
    )
