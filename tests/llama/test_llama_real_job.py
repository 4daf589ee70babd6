"""``ingest_conf.py`` against a real server, night after night; the server is read back by its own
API alone. ``make test-llama``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from confluence_mirror.stores.llama import names
from confluence_sandbox import SampleGateway, Site, demo_site
from tests.llama.real import RealServer, servers
from tests.mirror.harness import Bench
from tests.servers.memory_store import FULL, MemoryStore

pytestmark = pytest.mark.llama

if not servers():
    pytest.skip("no real server is named in LLAMA_STACK_SERVERS", allow_module_level=True)

ROOT = Path(__file__).parents[2]
NAME = "conf-known-issues"


@dataclass
class Nights:
    """The job in its folder, the server that it fills, and the site that it reads."""

    folder: Path
    server: RealServer
    gateway: SampleGateway

    @property
    def site(self) -> Site:
        return self.gateway.site

    def run(self, *arguments: str, expect: int = 0, **changes: str) -> str:
        environ = {
            "PATH": os.environ["PATH"],
            "CONF_GATEWAY_URL": self.gateway.url,
            "CONF_CLOUD_ID": self.gateway.cloud_id,
            "CONF_USER": self.gateway.user,
            "CONF_API_TOKEN": self.gateway.token,
            "SPACE_NAME": "Lighthouse Platform",
            "LLAMA_BASE_URL": self.server.base_url,
            "STATE_DIR": str(self.folder),
        } | changes
        done = subprocess.run(
            [sys.executable, str(ROOT / "ingest_conf.py"), *arguments],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def stores(self) -> list[dict[str, Any]]:
        answer = requests.get(
            f"{self.server.prefix}/vector_stores", params={"limit": 100}, timeout=60
        ).json()
        return [row for row in answer["data"] if row["name"] == NAME]

    def there(self) -> dict[str, int]:
        """How often each chunk is there, by the names of the store's own files; the server's counts
        must agree."""
        (row,) = self.stores()
        files = requests.get(
            f"{self.server.prefix}/files", params={"limit": 10000}, timeout=60
        ).json()["data"]
        ours = [each["filename"] for each in files if names.is_ours(row["id"], each["filename"])]
        parsed = [name for each in ours if (name := names.parse(row["id"], each))]
        assert row["file_counts"]["completed"] == len(ours)
        found: dict[str, int] = {}
        for name in parsed:
            found[name.chunk_id] = found.get(name.chunk_id, 0) + 1
        return found

    def expected(self, folder: Path) -> dict[str, int]:
        """The chunks of the site as it is now, each once."""
        from confluence_mirror.chunking import ChunkSettings
        from confluence_mirror.mirror.scope import ScopeSpec

        store = MemoryStore(FULL)
        bench = Bench(
            self.gateway,
            folder,
            store,
            ScopeSpec(space_name="Lighthouse Platform"),
            chunks=ChunkSettings(),
        )
        bench.run()
        (shelf,) = store.shelves.values()
        return {row.chunk_id: 1 for row in shelf.rows}

    def search(self, question: str) -> list[dict[str, Any]]:
        (row,) = self.stores()
        body = {"query": question, "max_num_results": 50}
        answer = requests.post(
            f"{self.server.prefix}/vector_stores/{row['id']}/search", json=body, timeout=60
        )
        hits: list[dict[str, Any]] = answer.json()["data"]
        return hits


@pytest.fixture(params=servers(), ids="-".join)
def nights(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nights]:
    folder = tmp_path / "job"
    folder.mkdir()
    with (
        RealServer(*request.param, tmp_path / "server") as server,
        SampleGateway(demo_site()) as gateway,
    ):
        yield Nights(folder, server, gateway)


def test_night_after_night_the_server_holds_exactly_the_site(
    nights: Nights, tmp_path: Path
) -> None:
    by_title = {page.title: page for page in nights.site.current("PLAT")}
    first = nights.run()
    assert f"{len(by_title)} added" in first
    assert nights.there() == nights.expected(tmp_path / "1")

    assert "no change · 0 chunks sent" in nights.run()

    runbook = by_title["Runbook: Disk full on Anchor nodes"]
    nights.site.edit(
        runbook.id, runbook.body + "<h2>Afterwards</h2><p>Tell zanzibarwood in the channel.</p>"
    )
    nights.site.trash(by_title["ADR 23: Retire the Mustang scheduler"].id)
    nights.site.rename(by_title["Glossary"].id, "Words that we use")
    nights.site.relabel(by_title["Data retention"].id, ["freshlabel"])
    second = nights.run()
    assert "1 removed" in second
    assert nights.there() == nights.expected(tmp_path / "2")

    hits = nights.search("zanzibarwood in the channel and more")
    assert sum("zanzibarwood" in hit["content"][0]["text"] for hit in hits) == 1
    labelled = [
        hit
        for hit in nights.search("Data retention and more")
        if "freshlabel" in hit["attributes"]["labels"]
    ]
    assert {hit["attributes"]["title"] for hit in labelled} == {"Data retention"}
    stale = [
        hit
        for hit in nights.search("Mustang scheduler and more")
        if hit["attributes"]["title"].startswith("ADR 23")
    ]
    assert stale == []


def test_after_a_restart_of_the_server_one_more_run_makes_it_whole(
    nights: Nights, tmp_path: Path
) -> None:
    nights.run()
    nights.server.stop()
    nights.server.start()
    nights.run()
    assert nights.there() == nights.expected(tmp_path / "1")
    assert nights.search("how is the certificate renewed by hand")


def test_a_reset_asks_first_and_then_leaves_one_store_of_the_name(
    nights: Nights, tmp_path: Path
) -> None:
    nights.run()
    store = nights.server.store()
    store.connect()
    stray = store.create_collection(NAME).id
    store.close()
    kept = nights.stores()
    assert len(kept) == 2
    question = ("--query", "how is the certificate renewed by hand")
    nights.run()  # the id that is remembered decides between namesakes
    assert nights.run(*question)
    (nights.folder / "manifest.db").unlink()
    assert "1. " in nights.run(*question)
    for name in ("conf_known_issues.vdb", "CURRENT_COLLECTION"):  # both remember the id
        (nights.folder / name).unlink()
    for arguments in ((), question):
        assert stray in nights.run(*arguments, expect=78)
    nights.run("--reset", expect=64)
    assert nights.stores() == kept
    nights.run("--reset", "--yes")
    assert nights.there() == nights.expected(tmp_path / "1")
    assert (nights.folder / "conf_known_issues.vdb").read_text().strip() == nights.stores()[0]["id"]


def test_a_reset_by_an_id_takes_that_store_and_the_next_night_finds_the_new_one(
    nights: Nights,
) -> None:
    store = nights.server.store()
    store.connect()
    first, second = store.create_collection(NAME).id, store.create_collection(NAME).id
    store.close()
    assert "7 added" in nights.run("--reset", "--yes", VECTOR_DB_ID=second, LABELS="runbook")
    assert [row["id"] for row in nights.stores()] == [first]
    (nights.folder / "manifest.db").unlink()
    assert "0 chunks sent" in nights.run(VECTOR_DB_ID=second, LABELS="runbook")
    assert [row["id"] for row in nights.stores()] == [first]
