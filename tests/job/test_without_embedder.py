"""What embeds nothing needs no embedder: looking, a night in which pages only leave, and
leaving."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import page
from tests.job.harness import Job
from tests.mirror.conftest import body
from tests.servers.embedding import EmbeddingServer

DEAD = {"EMBEDDING_BASE_URL": "http://127.0.0.1:1/v1"}


@pytest.fixture
def model() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(**{"bge-m3": 48}) as server:
        yield server


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.chroma),
        pytest.param("chroma", marks=pytest.mark.chroma),
        pytest.param("pgvector", marks=pytest.mark.postgres),
    ]
)
def job(
    request: pytest.FixtureRequest, gateway: SampleGateway, model: EmbeddingServer, tmp_path: Path
) -> Job:
    env = {"EMBEDDING_BASE_URL": model.url, "EMBEDDING_MODEL_ID": "bge-m3", "STORE": request.param}
    if request.param == "pgvector":
        database: Callable[[], str] = request.getfixturevalue("database")
        env["PGVECTOR_URL"] = database()
    if request.param == "chroma":
        env["CHROMA_URL"] = request.getfixturevalue("chroma_server").url
    return Job(tmp_path / "job", gateway, env=env)


def embeds_nothing(job: Job, gateway: SampleGateway, dead: dict[str, str]) -> None:
    """Everything that has to work while the embedder does not."""
    job.here("--verify", **dead)
    assert job.night(**dead)["chunks"]["sent"] == 0
    gateway.site.trash(page(gateway.site, "Page 1"))
    plan = job.night("--dry-run", **dead)["plan"]
    assert {kind: len(pages) for kind, pages in plan.items()} == {"remove": 1}
    assert job.night(**dead)["pages"]["removed"] == 1
    job.here("--repair", **dead)
    job.here("--verify", **dead)


def test_while_the_embedding_server_is_down_what_embeds_nothing_works(
    job: Job, gateway: SampleGateway
) -> None:
    job.here()
    embeds_nothing(job, gateway, DEAD)
    job.here("--purge", "--yes", **DEAD)
    assert job.night("--dry-run", **DEAD)["pages"]["listed"] == 8


@pytest.mark.chroma
@pytest.mark.long
def test_where_the_models_files_are_missing_what_embeds_nothing_works(
    gateway: SampleGateway, tmp_path: Path
) -> None:
    job = Job(tmp_path / "job", gateway, env={"STORE": "embedded"})
    empty = {"EMBEDDING_MODEL_PATH": str(tmp_path)}
    said = job.here(expect=78, **empty).stderr
    assert "EMBEDDING_MODEL_PATH" in said
    job.here()
    embeds_nothing(job, gateway, empty)
    gateway.site.edit(page(gateway.site, "Page 2"), body(9))
    assert job.night("--dry-run", **empty)["plan"]["change"]
    report = job.night(expect=78, **empty)
    assert "EMBEDDING_MODEL_PATH" in report["problem"]
    assert not report["failed"], "it is no page's fault"
    job.here()
    job.here("--purge", "--yes", **empty)
