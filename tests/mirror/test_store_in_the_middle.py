"""Somebody drops, empties or spoils the collection between any two requests of a run: the run ends
with a code of the table, and one more run is exact. Chroma and PostgreSQL are real; the requests
are counted where they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from confluence_mirror.errors import Exit, SyncError
from confluence_mirror.mirror.metadata import metadata_hash
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.postgres.session import Session
from confluence_mirror.stores.base import Store
from confluence_mirror.stores.chroma.store import ChromaStore
from confluence_mirror.stores.http import Api
from confluence_mirror.stores.pgvector.store import PgvectorStore
from confluence_mirror.stores.vector_api.store import VectorApiStore
from confluence_sandbox import SampleGateway
from tests.job.conftest import page
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.servers.chroma import chroma
from tests.servers.postgres import postgres
from tests.servers.vector_api import VectorApiServer
from tests.stores.words import DIMENSION, MODEL, HashedWords

RETRIED = {Exit.UNAVAILABLE, Exit.UNFINISHED}
VOLATILE = ("version", "modified_at", "chunk_index", "chunk_count")


@dataclass
class Ground:
    """A real server with one collection, and what somebody else does to it."""

    open: Callable[[], Store]
    drop: Callable[[], object]
    empty: Callable[[], object]
    halve: Callable[[], object]
    exact: bool = True
    """It keeps all metadata as it is now."""
    count: int = 0
    at: int = 0
    deed: Callable[[], object] = field(default=lambda: None)

    def tick(self) -> None:
        """Before each request."""
        self.count += 1
        if self.count == self.at:
            self.deed()

    def arm(self, at: int, deed: Callable[[], object]) -> None:
        self.count, self.at, self.deed = 0, at, deed


@contextmanager
def vector_api(_folder: Path) -> Iterator[Ground]:
    with VectorApiServer("underscore") as server:

        def opened() -> Store:
            hash_of = lambda stored: metadata_hash(stored, exact=False)  # noqa: E731
            return VectorApiStore(server.url, hash_metadata=hash_of, sleep=lambda _: None)

        def change(what: Callable[[Any], object]) -> None:
            with server.state.lock:
                if "confluence" in server.state.collections:
                    what(server.state.collections)

        yield Ground(
            opened,
            lambda: change(lambda known: known.pop("confluence")),
            lambda: change(lambda known: known["confluence"].rows.clear()),
            lambda: change(
                lambda known: known["confluence"].rows.__delitem__(slice(None, None, 2))
            ),
            exact=False,
        )


@contextmanager
def chroma_server(folder: Path) -> Iterator[Ground]:
    with chroma(folder) as url:
        base = f"{url}/api/v2/tenants/default_tenant/databases/default_database/collections"

        def remove(step: int) -> None:
            found = requests.get(f"{base}/confluence", timeout=30).json().get("id")
            if found:
                ids = requests.post(f"{base}/{found}/get", json={"include": []}, timeout=30).json()[
                    "ids"
                ]
                if ids[::step]:
                    requests.post(f"{base}/{found}/delete", json={"ids": ids[::step]}, timeout=30)

        yield Ground(
            lambda: ChromaStore(url, HashedWords(), DIMENSION, MODEL, sleep=lambda _: None),
            lambda: requests.delete(f"{base}/confluence", timeout=30),
            lambda: remove(1),
            lambda: remove(2),
        )


@contextmanager
def pgvector(_folder: Path) -> Iterator[Ground]:
    with postgres() as server:
        url = server.fresh()

        def execute(statement: str) -> None:
            with psycopg.connect(url, autocommit=True) as connection:
                there = connection.execute("SELECT to_regclass('data_confluence')").fetchone()
                if there != (None,):
                    connection.execute(statement)

        yield Ground(
            lambda: PgvectorStore(url, HashedWords(), DIMENSION, MODEL, sleep=lambda _: None),
            lambda: execute("DROP TABLE data_confluence"),
            lambda: execute("DELETE FROM data_confluence"),
            lambda: execute("DELETE FROM data_confluence WHERE id % 2 = 0"),
        )


@pytest.fixture(
    params=[
        "vector_api",
        pytest.param("chroma_server", marks=pytest.mark.chroma),
        pytest.param("pgvector", marks=pytest.mark.postgres),
    ]
)
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ground]:
    with globals()[request.param](tmp_path / "store") as made:
        for spoken in (Api, Session):
            honest = spoken._once

            def once(self: Any, *given: Any, honest: Any = honest, **named: Any) -> Any:
                made.tick()
                return honest(self, *given, **named)

            monkeypatch.setattr(spoken, "_once", once)
        yield made


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with SampleGateway(small_site(6)) as gateway:
        yield Bench(gateway, tmp_path / "state")


def held(ground: Ground) -> dict[str, tuple[str | None, dict[str, Any]]]:
    store = ground.open()
    store.connect()
    found = store.find_collection("confluence")
    assert found is not None
    rows = {}
    for row in store.list_rows(found):
        assert row.chunk_id not in rows
        kept = {
            key: value
            for key, value in (row.metadata or {}).items()
            if ground.exact or key not in VOLATILE
        }
        rows[row.chunk_id] = (row.text, kept)
    store.close()
    return rows


def night(bench: Bench, ground: Ground, **changes: Any) -> Exit:
    store = ground.open()
    try:
        embedder = None if isinstance(store, VectorApiStore) else HashedWords()
        bench.run(store=store, embedder=embedder, **changes)
    except SyncError as error:
        return error.exit
    finally:
        store.close()
    return Exit.OK


def tried_at(
    bench: Bench, ground: Ground, tmp_path: Path, instants: Callable[[int], Iterator[int]]
) -> None:
    """Each deed at each of these instants of a run that has pages to write and one to remove."""
    site = bench.site
    assert night(bench, ground) == Exit.OK
    changing = [page(site, "Page 1"), page(site, "Page 2")]

    def change(number: int) -> None:
        for each in changing:
            site.edit(each, body(number))
        (site.trash if number % 2 else site.restore)(page(site, "News"))

    change(1)
    ground.arm(0, lambda: None)
    assert night(bench, ground) == Exit.OK
    last, number = ground.count, 1
    for deed in (ground.drop, ground.empty, ground.halve):
        for instant in instants(last):
            number += 1
            change(number)
            ground.arm(instant, deed)
            said = night(bench, ground, plan=PlanSettings(allow_mass_delete="true"))
            ground.arm(0, lambda: None)
            assert said in RETRIED | {Exit.OK}, f"{deed} at {instant}: {said!r}"
            assert night(bench, ground) == Exit.OK, f"{deed} at {instant}"
            fresh = bench.fresh(tmp_path / f"fresh-{number}")
            assert held(ground) == content(fresh, exact=ground.exact), f"{deed} at {instant}"


@pytest.mark.long
def test_whatever_somebody_does_to_the_collection_in_the_middle_of_a_run_one_more_run_is_exact(
    bench: Bench, ground: Ground, tmp_path: Path
) -> None:
    tried_at(bench, ground, tmp_path, lambda last: iter(sorted({2, last // 2, last - 1})))


@pytest.mark.crash
def test_whatever_somebody_does_to_the_collection_at_each_request_one_more_run_is_exact(
    bench: Bench, ground: Ground, tmp_path: Path
) -> None:
    tried_at(bench, ground, tmp_path, lambda last: iter(range(1, last + 1)))
