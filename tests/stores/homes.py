"""The places that the contract suite is run over. Another store joins by a ``Home`` in ``HOMES``.

A home is entered once for a session. What the suite does in it, it does in collections with names
of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psycopg
import requests

from confluence_mirror.mirror.metadata import metadata_hash
from confluence_mirror.stores.base import Capabilities, Collection, Store
from confluence_mirror.stores.chroma.embedded import EmbeddedStore
from confluence_mirror.stores.chroma.store import ChromaStore
from confluence_mirror.stores.pgvector.store import PgvectorStore
from confluence_mirror.stores.pgvector.tables import table_name
from confluence_mirror.stores.vector_api.store import VectorApiStore
from tests.servers import vector_api_state
from tests.servers.chroma import running_chroma
from tests.servers.memory_store import APPEND_ONLY, FULL, MemoryStore, Row, Shelf
from tests.servers.postgres import RunningPostgres
from tests.servers.vector_api import VectorApiServer
from tests.stores.words import DIMENSION, MODEL, HashedWords

FOREIGN = "A row that somebody else keeps here"
NOBODY = "http://127.0.0.1:1"
"""An address where nothing listens."""


@dataclass(frozen=True)
class Home:
    """One kind of store, ready to be opened as often as a test likes, on the same data."""

    open: Callable[[], Store]
    other_model: Callable[[], Store]
    """On the same data, set to another embedding model."""
    add_foreign: Callable[[Collection], None]
    """Put the row ``FOREIGN`` into a collection, by the store's own means."""
    has_foreign: Callable[[Collection], bool]
    unreachable: Callable[[], Store] | None = None
    """Set to an address where nothing answers; None where there is no address."""
    as_stored: Callable[[str], str] = lambda text: text
    """A text as the store declares to keep it."""
    many: int = 2000
    longest: int = 30_000
    takes_half_characters: bool = False
    """A lone surrogate is stored rather than refused."""
    embed: HashedWords = field(default_factory=HashedWords)
    unknown_model: Callable[[], Store] | None = None
    """On the same data, set to a model that the server does not have; None where vectors are ours,
    or any name is taken."""
    down: Callable[[], AbstractContextManager[None]] | None = None
    """The server is gone for the length of the block, and has its data afterwards; None where there
    is no server."""


Entry = Callable[..., AbstractContextManager[Home]]
"""Given a folder of its own; pgvector: the PostgreSQL of the session."""


def _no_wait(_seconds: float) -> None:
    """Instead of sleeping between attempts."""


class Server(Protocol):
    """Started again it has the same address and data."""

    def stop(self) -> None: ...

    def start(self) -> object: ...


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """A real stop and a real start."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def memory(_folder: Path, *, can: Capabilities = FULL, own_refs: bool = False) -> Iterator[Home]:
    shelves: dict[str, Shelf] = {}
    rows = itertools.count(1)

    def opened(model: str = MODEL) -> Store:
        store = MemoryStore(can, embedding_model=model, own_refs=own_refs)
        store.shelves = shelves
        return store

    def add(collection: Collection) -> None:
        shelves[collection.id].rows.append(
            Row(f"foreign-{next(rows)}", "", FOREIGN, {"source": "wiki"})
        )

    yield Home(
        opened,
        lambda: opened("another-model"),
        add,
        lambda collection: any(row.text == FOREIGN for row in shelves[collection.id].rows),
        takes_half_characters=True,
    )


@contextmanager
def vector_api(_folder: Path, variant: Any = "underscore", **switches: Any) -> Iterator[Home]:
    with VectorApiServer(variant, **switches) as server:

        def opened(url: str = server.url, model: str = MODEL) -> Store:
            return VectorApiStore(
                url,
                embedding_model=model,
                probe_prefix="contract-probe",
                hash_metadata=partial(metadata_hash, exact=False),
                sleep=_no_wait,
            )

        def add(collection: Collection) -> None:
            row = vector_api_state.Row("foreign", FOREIGN, {"source": "wiki"})
            server.state.put(server.state.collections[collection.id], [row], replace=True)

        def has(collection: Collection) -> bool:
            return any(row.text == FOREIGN for row in server.state.collections[collection.id].rows)

        @contextmanager
        def down() -> Iterator[None]:
            server.switches.change(down=True)
            yield
            server.switches.change(down=False)

        yield Home(
            opened,
            lambda: opened(model="another-model"),
            add,
            has,
            partial(_dead_vector_api),
            takes_half_characters=True,
            unknown_model=lambda: opened(model="no-such-model"),
            down=down,
        )


def _dead_vector_api() -> Store:
    from confluence_mirror.stores.http import Api

    return VectorApiStore(NOBODY, api=Api(NOBODY, "s3cret-token", sleep=_no_wait))


@contextmanager
def embedded(folder: Path) -> Iterator[Home]:
    embed = HashedWords()

    def opened(model: str = MODEL) -> Store:
        return EmbeddedStore(folder / "store", embed, DIMENSION, model)

    def native(collection: Collection) -> Any:
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(
            folder / "store", settings=Settings(anonymized_telemetry=False)
        )
        return client, client.get_collection(collection.name, embedding_function=None)

    def add(collection: Collection) -> None:
        client, rows = native(collection)
        rows.upsert(
            ["foreign"],
            embeddings=embed([FOREIGN]),
            documents=[FOREIGN],
            metadatas=[{"source": "wiki"}],
        )
        client.close()

    def has(collection: Collection) -> bool:
        client, rows = native(collection)
        found = rows.get(["foreign"])["documents"] == [FOREIGN]
        client.close()
        return found

    yield Home(opened, lambda: opened("another-model"), add, has, embed=embed)


@contextmanager
def chroma_server(folder: Path) -> Iterator[Home]:
    embed = HashedWords()
    with running_chroma(folder) as server:
        url = server.url
        base = f"{url}/api/v2/tenants/default_tenant/databases/default_database/collections"

        def opened(model: str = MODEL) -> Store:
            return ChromaStore(url, embed, DIMENSION, model, sleep=_no_wait)

        def add(collection: Collection) -> None:
            row = {"ids": ["foreign"], "documents": [FOREIGN], "embeddings": embed([FOREIGN])}
            requests.post(f"{base}/{collection.id}/upsert", json=row, timeout=30).raise_for_status()

        def has(collection: Collection) -> bool:
            asked = {"ids": ["foreign"], "include": ["documents"]}
            answer = requests.post(f"{base}/{collection.id}/get", json=asked, timeout=30)
            return bool(answer.json()["documents"] == [FOREIGN])

        def dead() -> Store:
            return ChromaStore(
                NOBODY, embed, DIMENSION, MODEL, token="s3cret-token", sleep=_no_wait
            )

        yield Home(
            opened,
            lambda: opened("another-model"),
            add,
            has,
            dead,
            down=partial(stopped, server),
            embed=embed,
        )


@contextmanager
def pgvector(server: RunningPostgres) -> Iterator[Home]:
    embed = HashedWords()
    url = server.fresh()

    def opened(model: str = MODEL) -> Store:
        return PgvectorStore(url, embed, DIMENSION, model, sleep=_no_wait)

    def add(collection: Collection) -> None:
        statement = f'INSERT INTO "{table_name(collection.name)}" (node_id, text, metadata_) VALUES (%s, %s, %s)'
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                statement, ("foreign", FOREIGN, '{"source": "wiki", "tags": ["a", "b"]}')
            )

    def has(collection: Collection) -> bool:
        statement = f'SELECT 1 FROM "{table_name(collection.name)}" WHERE text = %s'
        with psycopg.connect(url) as connection:
            return connection.execute(statement, (FOREIGN,)).fetchone() is not None

    def dead() -> Store:
        return PgvectorStore(
            "postgresql://me:s3cret-token@127.0.0.1:1/x",
            embed,
            DIMENSION,
            MODEL,
            sleep=_no_wait,
        )

    yield Home(
        opened,
        lambda: opened("another-model"),
        add,
        has,
        dead,
        down=partial(stopped, server),
        embed=embed,
    )


HOMES: dict[str, Entry] = {
    "memory": memory,
    "memory-append-only": partial(memory, can=APPEND_ONLY),
    "memory-own-refs": partial(
        memory, can=replace(FULL, replaces=False, updates_metadata=False), own_refs=True
    ),
    "underscore": vector_api,
    "underscore-aliases": partial(vector_api, aliases=True),
    "underscore-no-delete": partial(vector_api, delete=False),
    "underscore-bare": partial(vector_api, delete=False, listing=False, openapi=False),
    "underscore-appends": partial(vector_api, upsert=False),
    "dash": partial(vector_api, variant="dash"),
    "dash-own-ids": partial(
        vector_api, variant="dash", fresh_ids=True, openapi=False, version="0.2.23"
    ),
    "embedded": embedded,
    "chroma": chroma_server,
    "pgvector": pgvector,
}
"""By name. A store of another room joins with ``HOMES["name"] = entry`` in
``tests/<room>/contract_home.py``."""
