"""A mirror, a day of changes, and a run that dies in the middle of it; and what must hold after the
next run."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluence_mirror.addresses import server_name
from confluence_sandbox import SampleGateway, Site
from tests.crash.nursery import Ended, Nursery
from tests.crash.trap import Trap
from tests.job.harness import VOLATILE, held
from tests.manifest.index_checks import check_index, indexed_ids
from tests.mirror.conftest import body, small_site
from tests.servers.vector_api import VectorApiServer
from tests.servers.vector_api_state import Kept, Row

PAGES = 12
COLLECTION = "confluence"


def a_day(site: Site) -> None:
    """A page is added, edited, emptied, renamed, moved, relabelled, trashed, restricted and
    restored, and a parent of others renamed."""
    at = {page.title: page.id for page in site.content.values()}
    site.add("OPS", "Written today", body(70))
    site.edit(at["Page 1"], body(71))
    site.edit(
        at["Page 2"], site.get(at["Page 2"]).body + "<h2>Added today</h2><p>One more paragraph.</p>"
    )
    site.edit(at["Page 3"], "")
    site.rename(at["Page 4"], "Page 4, renamed")
    site.move(at["Page 5"], parent=at["Page 1"])
    site.relabel(at["Page 6"], ["urgent"])
    site.trash(at["Page 7"])
    site.restrict(at["Page 8"])
    site.restore(at["Page 10"])
    site.rename(at["Runbooks"], "Runbooks and more")


@dataclass(frozen=True)
class Variant:
    """A kind of Vector API, and a day on which it is killed."""

    name: str
    api: str
    switches: dict[str, Any] = field(default_factory=dict)
    first: bool = False
    """The very first run is killed, not one that continues a mirror."""


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("underscore", "underscore"),
        Variant("underscore, first run", "underscore", first=True),
        Variant("underscore that cannot delete", "underscore", {"delete": False}),
        Variant(
            "underscore that only appends and cannot list",
            "underscore",
            {"upsert": False, "listing": False, "delete": False},
        ),
        Variant("dash, rotation", "dash"),
        Variant("dash, first run", "dash", first=True),
        Variant(
            "dash with ids of its own",
            "dash",
            {"fresh_ids": True, "openapi": False, "version": "0.2.23"},
        ),
    )
}


class Scene:
    """One variant's mirror before the day, the site after it, and the store that a run from scratch
    would make."""

    def __init__(
        self, variant: Variant, gateway: SampleGateway, nursery: Nursery, folder: Path
    ) -> None:
        self.variant = variant
        self.gateway = gateway
        self._before = folder / "before"
        self._shelves: dict[str, Kept] = {}
        self._serial = 0
        if not variant.first:
            with self._server() as server:
                assert nursery.run(self._before, self.env(self._before, server)).code == 0
                self._shelves = copy.deepcopy(server.state.collections)
                self._serial = next(server.state._numbers)
        a_day(gateway.site)
        with self._server() as server:
            assert nursery.run(folder / "scratch", self.env(folder / "scratch", server)).code == 0
            self.expected = held(server, COLLECTION, exact=False)
        self.moments = self._count(nursery, folder / "count")

    def _count(self, nursery: Nursery, folder: Path) -> tuple[str, ...]:
        """What a run without an accident does."""
        with self.at_nightfall(folder) as night:
            ended = night.run(nursery, Trap())
            assert ended.code == 0, ended.err
            night.judge()
            self.writes = len(night.received)
        return ended.moments

    @contextmanager
    def at_nightfall(self, folder: Path) -> Iterator[Night]:
        """The mirror as it was before the day, with a server and a state folder of its own."""
        if not self.variant.first:
            shutil.copytree(self._before, folder)
        with self._server() as server:
            if not self.variant.first:
                moved(folder / "manifest.db", server)
            server.state.collections.update(copy.deepcopy(self._shelves))
            for _ in range(self._serial):
                next(server.state._numbers)
            yield Night(self, server, folder)
        shutil.rmtree(folder)

    def _server(self) -> VectorApiServer:
        return VectorApiServer(self.variant.api, **self.variant.switches)  # type: ignore[arg-type]

    def env(self, folder: Path, server: VectorApiServer) -> dict[str, str]:
        return environ(self.gateway, folder) | {"VECTOR_API_BASE_URL": server.url}


def moved(manifest: Path, server: VectorApiServer) -> None:
    """The record of a store whose server listens on another port tonight: to the manifest it is
    where it was."""
    with closing(sqlite3.connect(manifest)) as database, database:
        [(before,)] = database.execute("SELECT DISTINCT place FROM cs_generation").fetchall()
        database.execute("UPDATE cs_generation SET place = ?", (server_name(server.url),))
        database.execute(
            "UPDATE cs_known SET name = replace(name, ?, ?)", (before, server_name(server.url))
        )


def environ(gateway: SampleGateway, folder: Path) -> dict[str, str]:
    """Small chunks and small batches, so that a run has many instants to die in."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return keep | {
        "CONF_GATEWAY_URL": gateway.url,
        "CONF_CLOUD_ID": gateway.cloud_id,
        "CONF_USER": gateway.user,
        "CONF_API_TOKEN": gateway.token,
        "STATE_DIR": str(folder),
        "LOCK_WAIT": "0",
        "CHUNK_TOKENS": "120",
        "CHUNK_OVERLAP": "0",
        "BATCH_SIZE": "12",
    }


@dataclass
class Sent:
    """One row that the server received."""

    collection: str
    id: str
    content: tuple[str, str]


class Night:
    """One killed run and the run after it, on one server."""

    def __init__(self, scene: Scene, server: VectorApiServer, folder: Path) -> None:
        self.scene = scene
        self.server = server
        self.folder = folder
        self.received: list[list[Sent]] = []
        """Rows by write, in the order of arrival."""
        self.on_write: dict[int, str] = {}
        """What the server does wrong at the n-th write (from 1): the name of a switch."""
        put = server.state.put

        def recording(kept: Kept, rows: Iterable[Row], *, replace: bool) -> None:
            rows = list(rows)
            self.received.append([Sent(kept.id, row.id, _content(row)) for row in rows])
            put(kept, rows, replace=replace)

        server.state.put = recording  # type: ignore[method-assign]
        server.before = self._misbehave
        self._writes = 0

    def _misbehave(self, _number: int) -> None:
        """The counter of requests has just grown by this one: is it a write?"""
        total = sum(
            n
            for key, n in self.server.state.requests.items()
            if key.startswith("POST") and _writes(key)
        )
        if total > self._writes:
            self._writes = total
            if switch := self.on_write.get(total):
                self.server.switches.change(**{switch: 1})

    def run(self, nursery: Nursery, trap: Trap | None = None) -> Ended:
        return nursery.run(self.folder, self.scene.env(self.folder, self.server), trap)

    def confirmed(self) -> set[tuple[str, str]]:
        """(collection, chunk) that the manifest records as certainly there."""
        return {
            (collection, chunk) for collection, chunk, state in self._chunks() if state == "there"
        }

    def in_doubt(self) -> list[str]:
        return [chunk for _, chunk, state in self._chunks() if state != "there"]

    def _chunks(self) -> list[tuple[str, str, str]]:
        path = self.folder / "manifest.db"
        if not path.exists():
            return []
        with sqlite3.connect(path) as database:
            tables = database.execute(
                "SELECT name FROM sqlite_master WHERE name = 'cs_chunk'"
            ).fetchall()
            statement = "SELECT g.collection_id, c.id, c.state FROM cs_chunk c JOIN cs_generation g ON g.id = c.generation"
            rows = database.execute(statement).fetchall() if tables else []
        database.close()
        return rows

    def restored(self, nursery: Nursery) -> None:
        """One more run, and everything that must hold after it."""
        confirmed = self.confirmed()
        stored = {
            (kept.id, row.id): _content(row)
            for kept in self.server.state.collections.values()
            for row in kept.rows
        }
        self.received.clear()
        self.on_write.clear()
        ended = self.run(nursery)
        assert ended.code == 0, f"the next run ended with {ended.code}:\n{ended.err}"
        assert "Traceback" not in ended.err
        again = [
            sent
            for batch in self.received
            for sent in batch
            if (sent.collection, sent.id) in confirmed
            and stored.get((sent.collection, sent.id)) == sent.content
        ]
        assert not again, f"{len(again)} chunks were confirmed, and sent again"
        self.judge()

    def judge(self) -> None:
        """The store is what a run from scratch makes, the manifest agrees, and nothing lies
        about."""
        pointer = (self.folder / "CURRENT_COLLECTION").read_text(encoding="utf-8").strip()
        current = self._current()
        assert pointer in (current, self.server.state.collections[current].name)
        assert held(self.server, current, exact=False) == self.scene.expected
        recorded = {
            (collection, chunk) for collection, chunk, _ in self._chunks() if collection == current
        }
        assert recorded == {(current, chunk) for chunk in self.scene.expected}
        assert not self.in_doubt()
        manifest = self.folder / "manifest.db"
        assert indexed_ids(manifest, collection_id=current) == set(self.scene.expected)
        check_index(manifest)
        known = set(self._collections())
        unknown = [kept for kept in self.server.state.collections.values() if kept.id not in known]
        if self.server.switches.fresh_ids:
            # Only the server knows what the id will be: a run that dies before it is told leaves an
            # empty one.
            unknown = [kept for kept in unknown if kept.rows or kept.name != COLLECTION]
        assert not unknown, "a collection that nobody knows of"

    def _current(self) -> str:
        rows = self._query("SELECT collection_id FROM cs_generation WHERE state = 'current'")
        assert len(rows) == 1
        return str(rows[0][0])

    def _collections(self) -> list[str]:
        return [str(row[0]) for row in self._query("SELECT collection_id FROM cs_generation")]

    def _query(self, statement: str) -> list[Any]:
        with sqlite3.connect(self.folder / "manifest.db") as database:
            rows = database.execute(statement).fetchall()
        database.close()
        return rows


def _writes(request: str) -> bool:
    return request.endswith(("/documents", "/insert"))


def _content(row: Row) -> tuple[str, str]:
    stable = {key: value for key, value in row.metadata.items() if key not in VOLATILE}
    return row.text, repr(sorted(stable.items()))


def killed_by(ended: Ended, number: int = signal.SIGKILL) -> bool:
    return ended.code == -number


def twelve_pages() -> Site:
    """The small site, with one of its pages in the trash."""
    site = small_site(PAGES)
    site.trash(next(page for page in site.current() if page.title == "Page 10"))
    return site
