"""One site as several jobs in one collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from confluence_sandbox import SampleGateway, Site
from tests.job import places
from tests.job.conftest import page
from tests.job.harness import Job, told
from tests.job.places import Place
from tests.mirror.conftest import body
from tests.servers.chroma import RunningChroma
from tests.servers.embedding import EmbeddingServer
from tests.servers.postgres import RunningPostgres

COUNT = 3
KEYS = ["ANN", "BOB", "CID", "DEE"]
pytestmark = pytest.mark.postgres


@pytest.fixture
def gateway() -> Iterator[SampleGateway]:
    site = Site()
    for key in KEYS:
        site.add_space(key, f"Space {key}")
        for number in range(3):
            site.add(key, f"{key} {number}", f"<p>{key.lower()}word</p>{body(number)}")
    with SampleGateway(site) as gateway:
        yield gateway


@pytest.fixture(params=["pgvector", pytest.param("chroma", marks=pytest.mark.chroma)])
def place(
    request: pytest.FixtureRequest,
    postgresql: RunningPostgres,
    gateway: SampleGateway,
    tmp_path: Path,
) -> Iterator[Place]:
    """A job with a manifest in PostgreSQL, of which each shard is one with its own ``SHARD``."""
    with EmbeddingServer(**{"bge-m3": 48}) as model:
        model.key = "s3cret-of-the-model"
        if request.param == "chroma":
            server: RunningChroma = request.getfixturevalue("chroma_server")
            made = places.in_chroma(server, model, gateway, tmp_path / "job")
        else:
            made = places.in_pgvector(postgresql, model, gateway, tmp_path / "job")
        made.job.env |= {"STATE_URL": postgresql.fresh(), "LOCK_WAIT": "30"}
        yield made


def shard(index: int, count: int = COUNT) -> dict[str, Any]:
    return {"SHARD": f"/{count}", "JOB_COMPLETION_INDEX": str(index)}


def nights_side_by_side(job: Job) -> None:
    """Every shard in a process of its own, all begun at once."""
    begun = [job.start(**shard(index)) for index in range(COUNT)]
    for each in begun:
        out, err = each.communicate(timeout=240)
        assert each.returncode == 0, f"{out}\n{err}"


def titles_on(site: Site) -> list[str]:
    return sorted(content.title for key in KEYS for content in site.current(key))


def test_shards_that_begin_at_once_fill_one_collection_and_pages_move_between_them(
    place: Place, gateway: SampleGateway
) -> None:
    job, site = place.job, gateway.site
    nights_side_by_side(job)
    assert sorted(set(place.titles())) == titles_on(site)
    said = job.here("verify").stdout
    assert "no drift" in said
    assert "of other shards" not in said
    site.move_space(page(site, "ANN 1"), "BOB")
    site.move_space(page(site, "BOB 1"), "CID")
    site.move_space(page(site, "CID 1"), "DEE")
    site.move_space(page(site, "DEE 1"), "ANN")
    nights_side_by_side(job)
    assert sorted(set(place.titles())) == titles_on(site)
    job.here("verify")
    for index in range(COUNT):
        assert "of other shards" in job.here("verify", **shard(index)).stdout


def test_a_search_goes_through_the_words_of_all_shards(place: Place) -> None:
    for index in range(COUNT):
        place.job.here(**shard(index))
    for key in KEYS:
        assert f"{key} " in place.job.here("query", f"{key.lower()}word").stdout.splitlines()[0]


def test_another_number_of_shards_is_refused_until_it_is_meant_and_sends_nothing(
    place: Place, gateway: SampleGateway
) -> None:
    job = place.job
    job.here()
    stored = sorted(place.titles())
    said = told(job.here(expect=65, **shard(0)))
    assert "is a mirror in one piece; this run is a mirror in 3 shards" in said
    assert "--change-scope" in said
    job.here("--dry-run", expect=65, **shard(0))
    assert job.night("--change-scope", **shard(1))["chunks"]["sent"] == 0
    for index in range(COUNT):
        report = job.night(**shard(index))
        assert (report["chunks"]["sent"], report["pages"]["removed"]) == (0, 0)
    assert "is a mirror in 3 shards" in told(job.here(expect=65))
    assert "is a mirror in 3 shards" in told(job.here(expect=65, **shard(0, 2)))
    assert job.night("--change-scope", **shard(1, 2))["chunks"]["sent"] == 0
    assert job.night("--change-scope")["chunks"]["sent"] == 0
    assert sorted(place.titles()) == stored
    job.here("verify")


def test_a_space_that_is_gone_is_removed_by_its_shard_though_it_has_no_other(
    place: Place, gateway: SampleGateway
) -> None:
    job = place.job
    spread = {index: job.night(**shard(index))["pages"]["listed"] for index in range(COUNT)}
    assert sum(spread.values()) == len(titles_on(gateway.site))
    for key in KEYS[1:]:
        gateway.site.remove_space(key)
    for index in range(COUNT):
        job.here(**shard(index))
    assert set(place.titles()) == {"ANN 0", "ANN 1", "ANN 2"}


def test_a_lost_manifest_is_made_again_of_the_rows_by_each_shard(
    place: Place, gateway: SampleGateway, database: Callable[[], str]
) -> None:
    job = place.job
    for index in range(COUNT):
        job.here(**shard(index))
    job.env["STATE_URL"] = database()
    for index in range(COUNT):
        assert job.night(**shard(index))["chunks"]["sent"] == 0
    job.here("verify")
    assert sorted(set(place.titles())) == titles_on(gateway.site)


def test_a_purge_takes_all_shards_and_is_not_for_one(place: Place) -> None:
    job = place.job
    for index in range(COUNT):
        job.here(**shard(index))
    assert "Unset SHARD" in told(job.here("purge", "--yes", expect=78, **shard(0)))
    job.here("purge", "--yes")
    assert place.titles() == []
    assert job.night()["pages"]["listed"] == 12
