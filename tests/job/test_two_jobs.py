"""Several jobs: one database, one collection, one mirror at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, page
from tests.job.harness import Job, held
from tests.mirror.conftest import body


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def state(request: pytest.FixtureRequest) -> dict[str, str]:
    """The setting that says where the manifest is; SQLite: each job's own folder."""
    return (
        {"STATE_URL": request.getfixturevalue("database")()} if request.param == "postgres" else {}
    )


def titles(job: Job, collection: str = "confluence") -> set[str]:
    return {str(metadata["title"]) for _, metadata in held(job.store, collection).values()}


@pytest.mark.postgres
def test_two_jobs_with_one_postgresql_manifest_keep_their_spaces_apart(
    gateway: SampleGateway, make: Make, database: Callable[[], str]
) -> None:
    url = database()
    ops = make("ops", STATE_URL=url, FILTER_SPACE_KEYS="OPS", COLLECTION_ID="ops")
    people = make("hr", ops.store, STATE_URL=url, SPACE_NAME="People", COLLECTION_ID="people")
    ops.here()
    people.here()
    gateway.site.edit(page(gateway.site, "Policy 1"), body(900))
    gateway.site.trash(page(gateway.site, "Page 1"))
    assert ops.night()["pages"]["removed"] == 1
    assert people.night()["pages"]["changed"] == 1
    assert titles(people, "people") == {"Policy 0", "Policy 1", "Policy 2"}
    assert titles(ops, "ops") == {each.title for each in gateway.site.current("OPS")}
    ops.here("--verify")
    people.here("--verify")


def test_nights_are_the_same_whatever_keeps_the_manifest(
    gateway: SampleGateway, make: Make, state: dict[str, str]
) -> None:
    job, site = make(**state), gateway.site
    job.here()
    site.edit(page(site, "Page 1"), body(901))
    site.move(page(site, "Page 2"), parent=page(site, "Page 1"))
    site.trash(page(site, "Page 3"))
    site.add("OPS", "Neu: Ausfälle \x00 und 日本語", body(902), labels=["größe"])
    report = job.night()
    assert {name: report["pages"][name] for name in ("added", "changed", "moved", "removed")} == {
        "added": 1,
        "changed": 1,
        "moved": 1,
        "removed": 1,
    }
    site.restore(page(site, "Page 3"))
    assert job.night()["pages"]["added"] == 1
    assert job.night()["chunks"]["sent"] == 0
    job.here("--verify")
    fresh = make("fresh")
    fresh.here()
    assert held(job.store, "confluence", exact=False) == held(
        fresh.store, "confluence", exact=False
    )


def test_another_scope_for_a_collection_is_refused_and_both_ways_out_are_named(
    gateway: SampleGateway, make: Make, state: dict[str, str]
) -> None:
    job = make(FILTER_SPACE_KEYS="OPS", **state)
    job.here()
    before = held(job.store, "confluence")
    said = job.here(FILTER_SPACE_KEYS="HR", expect=65).stderr
    for words in ("SCOPE=space:HR,space:OPS in one job", "another COLLECTION_ID", "--change-scope"):
        assert words in said
    assert held(job.store, "confluence") == before
    job.here("--dry-run", FILTER_SPACE_KEYS="HR", expect=65)
    report = job.night("--change-scope", "--allow-mass-delete", FILTER_SPACE_KEYS="HR")
    assert report["pages"]["added"] == 3
    assert titles(job) == {"Policy 0", "Policy 1", "Policy 2"}


def test_a_scope_that_only_adds_spaces_is_accepted_and_read_whole(
    gateway: SampleGateway, make: Make
) -> None:
    gateway.site.age_all(hours=1000)
    job = make(FILTER_SPACE_KEYS="OPS", RECONCILE_HOURS="24")
    job.here()
    plan = job.night("--dry-run", FILTER_SPACE_KEYS="OPS,HR")
    assert len(plan["plan"]["add"]) == 3
    assert job.night(FILTER_SPACE_KEYS="OPS,HR")["pages"]["added"] == 3
    assert {"Policy 0", "Page 1"} <= titles(job)


def test_a_narrower_scope_is_refused_too(make: Make) -> None:
    job = make()
    job.here()
    assert "--change-scope" in job.here(FILTER_SPACE_KEYS="OPS", expect=65).stderr
    assert "--change-scope" in job.here(LABELS="runbook", expect=65).stderr


@contextmanager
def held_up(job: Job) -> Iterator[subprocess.Popen[str]]:
    """A run that holds the lock, and stands still at its first write until the block ends."""
    reached, go_on = threading.Event(), threading.Event()

    def stand_still(_number: int) -> None:
        if "confluence" in job.store.state.collections:  # made under the lock
            reached.set()
            go_on.wait(60)

    job.store.before = stand_still
    process = job.start()
    try:
        assert reached.wait(60)
        yield process
    finally:
        job.store.before = lambda _number: None
        go_on.set()
        process.communicate(timeout=60)


def test_of_two_runs_at_once_one_works_and_the_other_waits_and_ends_with_75(
    make: Make, state: dict[str, str]
) -> None:
    job = make(**state)
    with held_up(job) as first:
        other = make("job", job.store, **state)
        other.store.before = lambda _number: None
        said = other.here(LOCK_WAIT="0.2", expect=75).stderr
        assert f"process {first.pid}" in said
        assert "LOCK_WAIT" in said
    assert first.returncode == 0
    assert job.night()["chunks"]["sent"] == 0


@pytest.mark.long
def test_a_run_that_waits_goes_on_when_the_lock_is_free(make: Make, state: dict[str, str]) -> None:
    job = make(**state)
    with held_up(job):
        waiting = job.start("--report", "second.json", LOCK_WAIT="60")
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    job.here("--verify")


def test_after_kill_9_of_the_holder_the_next_run_starts_without_waiting(
    make: Make, state: dict[str, str]
) -> None:
    job = make(**state)
    with held_up(job) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait(30)
        job.store.before = lambda _number: None
        job.here(LOCK_WAIT="0")
    job.here("--verify")
