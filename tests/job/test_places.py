"""One manifest, stores at several places; and mirrors that began before a manifest knew of
places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from confluence_mirror.stores.llama import store as llama
from confluence_sandbox import SampleGateway
from tests.ingest.launch import plain_wire
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job, held
from tests.job.places import DATABASE, SECRET, TENANT, embeds
from tests.job.test_two_jobs import held_up, titles
from tests.manifest import revisions
from tests.mirror.conftest import body
from tests.servers.chroma import RunningChroma
from tests.servers.embedding import EmbeddingServer
from tests.servers.llama_stack import LlamaStackServer


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a manifest that several jobs can use."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("database")()
        return url
    return f"sqlite:///{tmp_path / 'shared.db'}"


def test_two_jobs_with_one_manifest_and_one_name_in_two_stores_never_meet(
    gateway: SampleGateway, make: Make, shared: str
) -> None:
    ops = make("ops", STATE_URL=shared, FILTER_SPACE_KEYS="OPS")
    people = make("hr", STATE_URL=shared, FILTER_SPACE_KEYS="HR")
    for _night in range(2):
        ops.here()
        people.here()
    assert titles(ops) == {each.title for each in gateway.site.current("OPS")}
    assert titles(people) == {"Policy 0", "Policy 1", "Policy 2"}
    gateway.site.trash(page(gateway.site, "Policy 1"))
    before = held(ops.store, "confluence")
    assert people.night()["pages"]["removed"] == 1
    people.here("--purge", "--yes")
    assert held(ops.store, "confluence") == before
    assert ops.night()["chunks"]["sent"] == 0
    ops.here("--verify")


Two: TypeAlias = tuple[dict[str, str], dict[str, str]]
"""The settings of two stores of one kind."""


@pytest.fixture
def in_embedded(tmp_path: Path, model: EmbeddingServer) -> Two:
    one, other = (
        embeds(model) | {"STORE": "embedded", "STORE_PATH": str(tmp_path / name)} for name in "ab"
    )
    return one, other


@pytest.fixture
def in_chroma(chroma_server: RunningChroma, model: EmbeddingServer) -> Two:
    """Two tenants of one server, each with a database of one name."""
    chroma_server.make("another", DATABASE)
    common = embeds(model) | {"CHROMA_URL": chroma_server.url, "CHROMA_TOKEN": SECRET}
    name = {"CHROMA_DATABASE": DATABASE, "COLLECTION_ID": "two-stores"}
    one, other = (common | name | {"CHROMA_TENANT": each} for each in (TENANT, "another"))
    return one, other


@pytest.fixture
def in_pgvector(database: Callable[[], str], model: EmbeddingServer) -> Two:
    """Two databases of one server."""
    one, other = (embeds(model) | {"PGVECTOR_URL": database()} for _ in range(2))
    return one, other


@pytest.fixture
def in_llama(monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    monkeypatch.setattr(llama, "ClientWire", plain_wire)
    with LlamaStackServer("0.7.3", "faiss") as one, LlamaStackServer("0.7.3", "faiss") as other:
        yield {"LLAMA_BASE_URL": one.base_url}, {"LLAMA_BASE_URL": other.base_url}


@pytest.fixture
def model() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(**{"bge-m3": 48}) as server:
        yield server


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("embedded", marks=pytest.mark.chroma),
        pytest.param("chroma", marks=pytest.mark.chroma),
        pytest.param("pgvector", marks=pytest.mark.postgres),
        "llama",
    ],
)
def test_two_stores_of_each_other_kind_hold_one_name_apart_in_one_manifest(
    gateway: SampleGateway, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    two: Two = request.getfixturevalue(f"in_{kind}")
    state = {"STATE_URL": f"sqlite:///{tmp_path / 'shared.db'}"}
    ops = Job(tmp_path / "ops", gateway, env=state | two[0] | {"FILTER_SPACE_KEYS": "OPS"})
    people = Job(tmp_path / "hr", gateway, env=state | two[1] | {"FILTER_SPACE_KEYS": "HR"})
    written = [job.night()["chunks"]["sent"] for job in (ops, people)]
    assert all(written)
    for job in (ops, people):
        report = job.night()
        assert (report["chunks"]["sent"], report["pages"]["removed"]) == (0, 0)
    people.here("--purge", "--yes")
    said = ops.here("--verify").stdout
    assert f"no drift: {written[0]} chunks" in said


@pytest.mark.long
def test_two_jobs_in_two_stores_with_one_name_work_at_the_same_time(
    make: Make, shared: str
) -> None:
    ops = make("ops", STATE_URL=shared, FILTER_SPACE_KEYS="OPS")
    people = make("hr", STATE_URL=shared, FILTER_SPACE_KEYS="HR")
    with held_up(ops):
        people.here()
    people.here("--verify")
    ops.here("--verify")


@pytest.mark.long
def test_two_jobs_in_two_stores_rotate_beside_each_other(
    gateway: SampleGateway, make: Make, serve: Serve, shared: str
) -> None:
    jobs = [
        make(name, serve("dash"), STATE_URL=shared, KEEP_COLLECTIONS="1")
        for name in ("one", "other")
    ]
    for job in jobs:
        job.here()
    gateway.site.edit(page(gateway.site, "Page 1"), body(910))
    for job in jobs:
        job.here()
    for job in jobs:
        assert titles(job, job.pointer()) == {each.title for each in gateway.site.current()}
        assert job.night()["chunks"]["sent"] == 0


# -- a mirror of revision 1


@pytest.fixture
def begun(make: Make, shared: str) -> Job:
    """A mirror as revision 1 left it."""
    job = make("job", STATE_URL=shared)
    job.here()
    revisions.set_back(shared)
    return job


def test_a_mirror_of_revision_1_goes_on_without_sending_a_chunk_again(
    gateway: SampleGateway, make: Make, begun: Job, shared: str
) -> None:
    before = held(begun.store, "confluence")
    begun.here("--dry-run", expect=78)
    for _night in range(2):
        report = begun.night()
        assert (report["chunks"]["sent"], report["pages"]["unchanged"]) == (
            0,
            len(gateway.site.current()),
        )
    assert held(begun.store, "confluence") == before
    begun.here("--verify")
    gateway.site.trash(page(gateway.site, "Page 1"))
    assert begun.night()["pages"]["removed"] == 1


def test_a_mirror_of_revision_1_belongs_to_the_store_that_has_its_collection(
    gateway: SampleGateway, make: Make, serve: Serve, begun: Job, shared: str
) -> None:
    elsewhere = make("elsewhere", serve(), STATE_URL=shared)
    assert elsewhere.night()["pages"]["added"] == len(gateway.site.current())
    assert begun.night()["chunks"]["sent"] == 0
    assert elsewhere.night()["chunks"]["sent"] == 0


def test_a_dry_run_beside_a_mirror_of_revision_1_takes_nothing_over(
    gateway: SampleGateway, make: Make, begun: Job, shared: str
) -> None:
    make("another", begun.store, STATE_URL=shared, COLLECTION_ID="another").here()
    looked = begun.night("--dry-run")
    assert (looked["plan"], looked["pages"]["unchanged"]) == ({}, len(gateway.site.current()))
    assert begun.night()["chunks"]["sent"] == 0


@pytest.mark.postgres
def test_a_run_waits_for_one_of_the_version_before(make: Make, database: Callable[[], str]) -> None:
    from contextlib import closing

    from confluence_mirror.manifest import Database
    from confluence_mirror.manifest.locks import hold_lock

    url = database()
    job = make("job", STATE_URL=url)
    job.here()
    revisions.set_back(url)
    with closing(Database(url)) as old, hold_lock(old, "vector-api:confluence", 0):
        assert "Another run of this mirror" in job.here(expect=75).stderr
    job.here()
    with closing(Database(url)) as old, hold_lock(old, "vector-api:confluence", 0):
        job.here()
