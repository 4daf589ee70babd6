"""A manifest that is lost and a server that restarts, in this order and the other: the next run
makes it whole. ``make test-llama``."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from confluence_mirror.stores.llama import names
from confluence_sandbox import SampleGateway
from tests.job.harness import Job
from tests.llama.real import RealServer, servers
from tests.mirror.conftest import small_site

pytestmark = pytest.mark.llama

if not servers():
    pytest.skip("no real server is named in LLAMA_STACK_SERVERS", allow_module_level=True)


GONE = "00000000-0000-4000-8000-000000000099"


def upload(server: RealServer, name: str, site_id: str) -> None:
    """A chunk's file that is in no store, as a run leaves it that died between upload and
    attachment."""
    stores = requests.get(
        f"{server.prefix}/vector_stores", params={"limit": 100}, timeout=60
    ).json()["data"]
    (store_id,) = [row["id"] for row in stores if name in (row["id"], row["name"])]
    file = names.file_name(store_id, names.FileName(site_id, "99", GONE, "00000000"))
    form = {"file": (file, b"of a page that is deleted", "text/markdown")}
    requests.post(
        f"{server.prefix}/files", data={"purpose": "assistants"}, files=form, timeout=60
    ).raise_for_status()


def uploads(server: RealServer) -> list[str]:
    listed = requests.get(f"{server.prefix}/files", params={"limit": 10000}, timeout=60).json()[
        "data"
    ]
    return [row["filename"] for row in listed]


@pytest.mark.parametrize("kind", servers(), ids="-".join)
def test_a_mirror_whose_manifest_was_lost_outlives_restarts_of_the_server(
    kind: tuple[str, str], tmp_path: Path
) -> None:
    with RealServer(*kind, tmp_path / "server") as server, SampleGateway(small_site(6)) as gateway:
        job = Job(tmp_path / "job", gateway, env={"LLAMA_BASE_URL": server.base_url})
        job.here()
        store_id = (job.folder / "CURRENT_COLLECTION").read_text().strip()
        (job.folder / "manifest.db").unlink()
        upload(server, store_id, gateway.cloud_id)
        job.here()  # adopts
        assert [name for name in uploads(server) if GONE in name] == []
        server.stop()
        server.start()
        job.here()
        assert "no drift" in job.here("--verify").stdout
        assert "Page 3" in job.here("--query", "Page 3").stdout
        (job.folder / "manifest.db").unlink()
        server.stop()
        server.start()
        job.here()  # adopts what the restart left
        assert "no drift" in job.here("--verify").stdout
        assert "Page 3" in job.here("--query", "Page 3").stdout


@pytest.mark.parametrize("kind", servers(), ids="-".join)
def test_an_empty_store_that_a_restart_killed_does_not_stand_in_the_way(
    kind: tuple[str, str], tmp_path: Path
) -> None:
    """As a first run leaves it that ended before it had written anything."""
    with RealServer(*kind, tmp_path / "server") as server, SampleGateway(small_site(6)) as gateway:
        store = server.store()
        store.connect()
        store.create_collection("confluence")
        store.close()
        server.stop()
        server.start()
        job = Job(tmp_path / "job", gateway, env={"LLAMA_BASE_URL": server.base_url})
        job.here()
        assert "no drift" in job.here("--verify").stdout
