"""The check against real servers: Chroma and PostgreSQL in every run, Llama Stack and OGX in ``make
test-llama``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.stores.llama import fit as llama_fit
from confluence_sandbox import SampleGateway
from tests.job.harness import Job
from tests.llama.real import RealServer, servers
from tests.servers.chroma import chroma
from tests.servers.embedding import EmbeddingServer

Steps = dict[str, dict[str, Any]]
Check = Callable[..., tuple[int, Steps]]


@pytest.fixture(scope="module", params=["chroma", "pgvector"])
def settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Of a real server that takes vectors, and of one that makes them."""
    with EmbeddingServer(words=64, others=32) as embedding:
        common = {
            "EMBEDDING_BASE_URL": embedding.url,
            "EMBEDDING_MODEL_ID": "words",
            "STORE": request.param,
        }
        if request.param == "chroma":
            pytest.importorskip("chromadb")
            with chroma(tmp_path_factory.mktemp("chroma")) as url:
                yield common | {"CHROMA_URL": url}
        else:
            yield common | {"PGVECTOR_URL": request.getfixturevalue("database")()}


@pytest.fixture(
    scope="module", params=servers() or [None], ids=lambda kind: "-".join(kind) if kind else "none"
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    if request.param is None:
        pytest.skip("no real server is named in LLAMA_STACK_SERVERS")
    with RealServer(*request.param, tmp_path_factory.mktemp("server") / "state") as running:
        yield running


def mirror(gateway: SampleGateway, folder: Path, **settings: str) -> None:
    Job(folder / "job", gateway, env={"SPACE_NAME": "Known Issues", **settings}).here()


def test_a_real_server_that_takes_vectors_is_well_before_and_after_a_sync(
    run: Check, gateway: SampleGateway, tmp_path: Path, settings: dict[str, str]
) -> None:
    code, steps = run(**settings)
    assert code == 0, steps
    assert settings["STORE"] in steps["store"]["said"]
    assert steps["collection"]["facts"] == {"exists": False}
    assert run(**settings)[1]["collection"]["facts"] == {"exists": False}, "a check makes nothing"
    mirror(gateway, tmp_path, **settings)
    code, steps = run(**settings)
    assert code == 0
    assert steps["collection"]["facts"]["rows"] == 12
    assert steps["model"]["said"] == "words made this collection's vectors"
    code, steps = run(**settings | {"EMBEDDING_MODEL_ID": "others"})
    assert code == 78
    assert (steps["store"]["state"], steps["collection"]["state"]) == ("ok", "failed")


@pytest.mark.llama
def test_a_real_llama_stack_is_well_before_and_after_a_sync(
    run: Check, gateway: SampleGateway, tmp_path: Path, server: RealServer
) -> None:
    settings = {"LLAMA_BASE_URL": server.base_url}
    code, steps = run(**settings)
    assert code == 0, steps
    assert server.version in steps["store"]["facts"]["is"]
    assert steps["collection"]["facts"] == {"exists": False}
    mirror(gateway, tmp_path, **settings)
    code, steps = run(**settings)
    assert code == 0
    assert steps["collection"]["facts"]["rows"] == 12
    assert "all-MiniLM-L6-v2" in steps["model"]["said"]


@pytest.mark.llama
def test_a_real_llama_stack_says_itself_whether_a_client_fits(
    run: Check, server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = "ogx-client" if re.match("[1-9]", server.version) else "llama-stack-client"
    versions = {"llama-stack-client": "0.2.23", "ogx-client": "0.9.9"}
    monkeypatch.setattr(llama_fit, "installed", versions.__getitem__)
    fits = server.version.startswith("0.2.")
    _, steps = run(LLAMA_BASE_URL=server.base_url)
    assert steps["client"]["state"] == ("ok" if fits else "warning")
    assert ("HTTP 426" in steps["client"]["said"]) is not fits
    versions[package] = server.version
    _, steps = run(LLAMA_BASE_URL=server.base_url)
    assert steps["client"]["said"] == f"{package} {server.version} fits server {server.version}"
    versions[package] = "0.1.0"
    _, steps = run(LLAMA_BASE_URL=server.base_url)
    assert steps["client"]["next"].endswith(f"pip install {package}=={server.version}")
