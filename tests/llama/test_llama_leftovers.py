"""Uploaded files of ours that no vector store holds any more are removed; files of others never."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confluence_mirror.stores.llama import names
from confluence_sandbox import SampleGateway
from tests.job.harness import Job
from tests.mirror.conftest import body, small_site
from tests.servers.llama_stack import LlamaStackServer

Make = Callable[..., Job]
SITE = "22222222-3333-4444-8555-666666666666"
CHUNK = "00000000-0000-4000-8000-000000000099"

pytestmark = pytest.mark.usefixtures("over_plain_http")


@pytest.fixture(params=["0.2.23", "1.5.0"])
def server(request: pytest.FixtureRequest) -> Iterator[LlamaStackServer]:
    with LlamaStackServer(
        request.param, "faiss" if request.param == "0.2.23" else "sqlite-vec"
    ) as running:
        yield running


@pytest.fixture
def job(server: LlamaStackServer, tmp_path: Path) -> Iterator[Job]:
    with SampleGateway(small_site(4)) as gateway:
        yield Job(tmp_path / "job", gateway, env={"LLAMA_BASE_URL": server.base_url})


def stores_of(server: LlamaStackServer) -> set[str]:
    """The marks of the stores for which this program uploaded files that are there."""
    found = (names.origin(file.name) for file in server.state.files.values())
    return {each[0] for each in found if each}


@pytest.mark.parametrize("lost", ["the store", "the store and the manifest"])
def test_files_of_a_store_that_somebody_deleted_are_removed(
    job: Job, server: LlamaStackServer, lost: str
) -> None:
    job.here()
    job.gateway.site.edit(next(iter(job.gateway.site.content)), body(77))  # on faiss: an end marker
    job.here()
    server.state.stores.clear()
    if lost.endswith("manifest"):
        (job.folder / "manifest.db").unlink()
    job.here()
    (made,) = server.state.stores
    assert stores_of(server) == {names.store_mark(made)}
    count = len(server.state.files)
    assert count == len(server.state.stores[made].rows)
    assert job.night()["chunks"]["sent"] == 0
    assert len(server.state.files) == count


def test_files_of_others_and_of_living_stores_stay(job: Job, server: LlamaStackServer) -> None:
    job.here()
    state, site = server.state, job.gateway.cloud_id
    living = state.create("of-another-job", "all-MiniLM-L6-v2", {})
    ours = names.FileName(site, "9", CHUNK, "00000000")
    kept = {
        "of a living store": names.file_name(living.id, ours),
        "of another site": names.file_name("vs_gone", names.FileName(SITE, "9", CHUNK, "00000000")),
        "of another program": "confluence-sync--notes.md",
        "of another program too": f"confluence-sync--{'g' * 12}--{site}--9--{CHUNK}--00000000.md",
        "an end marker alone": names.marker_name("vs_also_gone", "1234"),
        "of a store that is just being made": names.file_name("vs_new", ours),
    }
    uploaded = {what: state.upload(name, "text") for what, name in kept.items()}
    uploaded["of a store that is just being made"].created_at = int(time.time())
    leftover = state.upload(names.file_name("vs_gone_of_ours", ours), "text")
    marker = state.upload(names.marker_name("vs_gone_of_ours", "1234"), "text")
    job.here("--dry-run")
    assert leftover.id in state.files
    job.here()
    assert {what for what, file in uploaded.items() if file.id not in state.files} == set()
    assert not {leftover.id, marker.id} & set(state.files)
