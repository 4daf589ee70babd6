"""A lost, old or foreign manifest, and a store that lost its data: the next run makes the store
exact."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job, held
from tests.mirror.conftest import body
from tests.servers.vector_api_state import Row


def lose_manifest(job: Job) -> None:
    for path in job.folder.glob("manifest.db*"):
        path.unlink()


def scratch(make: Make, **env: str) -> dict[str, Any]:
    """What a store built from scratch holds."""
    job = make("scratch", **env)
    job.here()
    return held(job.store, "confluence", exact=False)


def edit(gateway: SampleGateway, title: str, seed: int) -> None:
    gateway.site.edit(page(gateway.site, title), body(seed))


def test_with_no_manifest_a_store_that_lists_is_adopted_and_only_what_differs_is_sent(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    first = job.night()
    lose_manifest(job)
    assert job.night()["chunks"]["sent"] == 0
    lose_manifest(job)
    edit(gateway, "Page 2", 700)
    gateway.site.trash(page(gateway.site, "Page 1"))
    report = job.night()
    assert 0 < report["chunks"]["sent"] < first["chunks"]["sent"] / 3
    assert report["pages"]["removed"] == 1
    assert held(job.store, "confluence", exact=False) == scratch(make)


def test_with_no_manifest_a_store_that_only_replaces_is_written_again_and_holds_nothing_twice(
    make: Make, serve: Serve
) -> None:
    job = make("job", serve("underscore", listing=False))
    first = job.night()
    before = held(job.store, "confluence")
    lose_manifest(job)
    again = job.night()
    assert again["chunks"]["sent"] == first["chunks"]["sent"]
    assert held(job.store, "confluence") == before
    assert job.night()["chunks"]["sent"] == 0


def test_with_no_manifest_an_append_only_store_gets_a_new_collection(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    job.night()
    assert job.pointer() == "confluence"
    lose_manifest(job)
    edit(gateway, "Page 2", 701)
    job.night()
    assert job.pointer() != "confluence"
    assert held(job.store, job.pointer(), exact=False) == scratch(make)


def test_with_no_manifest_an_append_only_store_is_not_appended_to_again(
    make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"), WRITE_MODE="append")
    job.night()
    before = held(job.store, "confluence")
    lose_manifest(job)
    said = job.here(expect=65).stderr
    assert "STATE_URL on PostgreSQL" in said
    assert "rotation" in said
    assert held(job.store, "confluence") == before


@pytest.mark.parametrize("variant", ["underscore", "dash"])
@pytest.mark.parametrize("hours", ["0", "24"])
def test_a_store_that_lost_its_data_is_filled_again(
    gateway: SampleGateway, make: Make, serve: Serve, variant: str, hours: str
) -> None:
    gateway.site.age_all(hours=1000)
    job = make("job", serve(variant), RECONCILE_HOURS=hours)
    job.night()
    whole = held(job.store, "confluence")
    with job.store.state.lock:
        job.store.state.lose_data()
    job.night()
    assert held(job.store, job.pointer()) == whole


@pytest.mark.parametrize("hours", ["0", "24"])
def test_a_dead_collection_with_an_id_of_the_servers_own_is_made_anew(
    gateway: SampleGateway, make: Make, serve: Serve, hours: str
) -> None:
    gateway.site.age_all(hours=1000)
    job = make(
        "job", serve("dash", fresh_ids=True, version="0.2.23", openapi=False), RECONCILE_HOURS=hours
    )
    job.night()
    whole = held(job.store, "confluence")
    with job.store.state.lock:
        job.store.state.lose_data()
    job.night()
    assert len(job.store.state.collections) == 1
    assert held(job.store, "confluence") == whole
    assert job.night()["chunks"]["sent"] == 0


def test_a_collection_that_is_gone_is_filled_again(gateway: SampleGateway, make: Make) -> None:
    gateway.site.age_all(hours=1000)
    job = make(RECONCILE_HOURS="24")
    job.night()
    whole = held(job.store, "confluence")
    with job.store.state.lock:
        del job.store.state.collections["confluence"]
    job.night()
    assert held(job.store, "confluence") == whole


def test_chunks_that_somebody_took_out_of_the_store_are_sent_again(
    gateway: SampleGateway, make: Make
) -> None:
    gateway.site.age_all(hours=1000)
    job = make(RECONCILE_HOURS="24")
    job.night()
    whole = held(job.store, "confluence")
    with job.store.state.lock:
        del job.store.state.collections["confluence"].rows[3:6]
    assert job.night()["chunks"]["sent"] >= 3
    assert held(job.store, "confluence") == whole


def test_rows_of_others_in_the_collection_are_left_alone(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    theirs = Row("theirs", "a row of somebody else", {"source": "wiki"})
    job.here()
    with job.store.state.lock:
        job.store.state.put(job.store.state.collections["confluence"], [theirs], replace=True)
    edit(gateway, "Page 2", 702)
    job.here()
    lose_manifest(job)
    gateway.site.trash(page(gateway.site, "Page 1"))
    job.here()
    job.here("--verify")
    job.here("--purge", "--yes")
    assert [row.id for row in job.store.state.collections["confluence"].rows] == ["theirs"]


def test_a_collection_with_rows_of_another_site_is_refused(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    row = Row(
        "x",
        "text",
        {"source": "confluence", "site_id": "other-site", "page_id": "1", "chunk_id": "x"},
    )
    with job.store.state.lock:
        job.store.state.put(
            job.store.state.make("confluence", "", fresh=False), [row], replace=True
        )
    said = job.here(expect=65).stderr
    assert "another site (other-site)" in said
    assert [row.id for row in job.store.state.collections["confluence"].rows] == ["x"]


def test_a_manifest_of_another_site_is_refused(make: Make, serve: Serve) -> None:
    from confluence_sandbox import Site

    job = make()
    job.here()
    before = held(job.store, "confluence")
    other = Site(cloud_id="22222222-3333-4444-8555-666666666666", host="other.atlassian.net")
    other.add_space("OPS", "Operations")
    other.add("OPS", "Home", body(1))
    with SampleGateway(other) as elsewhere:
        said = Job(job.folder, elsewhere, job.store_url).here(expect=65).stderr
    assert "mirrors site" in said
    assert held(job.store, "confluence") == before


@pytest.mark.parametrize("days", [1, 7])
def test_a_manifest_restored_from_a_backup_leaves_the_store_exact_after_the_next_run(
    gateway: SampleGateway, make: Make, days: int
) -> None:
    job = make()
    site = gateway.site
    job.here()
    shutil.copy(job.folder / "manifest.db", job.folder / "backup")
    edit(gateway, "Page 1", 710)
    edit(gateway, "Page 2", 711)
    site.trash(page(site, "Page 3"))
    site.add("OPS", "Came and went", body(712))
    site.add("OPS", "Came and stayed", body(713))
    site.relabel(page(site, "Page 4"), ["urgent"])
    job.here()
    site.clock.advance(hours=24 * days + 2)
    shutil.copy(job.folder / "backup", job.folder / "manifest.db")
    edit(gateway, "Page 2", 714)
    site.trash(page(site, "Came and went"))
    site.restore(page(site, "Page 3"))
    job.here()
    assert held(job.store, "confluence", exact=False) == scratch(make)
    job.here("--verify")
