"""Whatever a dash server says of its version and however it gives ids: a rotation never builds into
the collection that it replaces, and never drops the one in force."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job, held
from tests.job.test_rotation import collections, edit, scratch
from tests.mirror.conftest import body
from tests.servers.vector_api_state import Row

pytestmark = pytest.mark.long

SERVERS: dict[str, dict[str, Any]] = {
    "ids are the names, as the version says": {"version": "0.2.20"},
    "ids are the names, the version says otherwise": {"version": "0.2.23"},
    "the same, and it answers 409 to a name that is taken": {"version": "0.2.21", "conflict": True},
    "ids of its own, and no version": {"fresh_ids": True},
    "ids of its own, as the version says": {"fresh_ids": True, "version": "0.2.23"},
    "nothing can be dropped": {"version": "0.2.23", "drop": False},
}


def a_change(gateway: SampleGateway, chance: random.Random) -> None:
    site = gateway.site
    titles = [each.title for each in site.current("OPS") if each.title.startswith("Page")]
    kind = chance.choice(["edit", "edit", "trash", "add", "nothing"])
    if kind == "edit":
        edit(gateway, chance.choice(titles), chance.randrange(10_000))
    elif kind == "trash" and len(titles) > 2:
        site.trash(page(site, chance.choice(titles)))
    elif kind == "add":
        site.add("OPS", f"Page {chance.randrange(10**9)}", body(chance.randrange(10_000)))


def judge(job: Job, expected: dict[str, Any]) -> None:
    """What readers are pointed to is there, whole, and each chunk once."""
    assert job.pointer() in job.store.state.collections
    assert held(job.store, job.pointer(), exact=False) == expected


@pytest.mark.parametrize("server", SERVERS)
def test_readers_have_all_of_it_after_every_night_whatever_the_server_says_of_its_ids(
    gateway: SampleGateway, make: Make, serve: Serve, server: str
) -> None:
    chance = random.Random(server)
    job = make("job", serve("dash", openapi=False, **SERVERS[server]), KEEP_COLLECTIONS="1")
    for night in range(5):
        if night:
            a_change(gateway, chance)
        job.here()
        judge(job, scratch(lambda name, _night=night, **env: make(f"{name}-{_night}", **env)))
    if job.store.switches.drop:
        assert collections(job.store) == {job.store.state.collections[job.pointer()].name}


def test_a_collection_that_cannot_be_listed_and_is_there_already_is_not_taken_for_a_new_one(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash", version="0.2.23"))
    with job.store.state.lock:
        kept = job.store.state.make("confluence", "all-MiniLM-L6-v2", fresh=False)
        job.store.state.put(
            kept, [Row("theirs", "A text of somebody else", {"document_id": "x"})], replace=False
        )
    job.here()
    assert [row.id for row in kept.rows] == ["theirs"]
    assert job.pointer() != "confluence"
    judge(job, scratch(make))


def test_a_record_of_the_collection_in_force_as_one_under_construction_drops_nothing(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash", version="0.2.23"))
    job.here()
    before = held(job.store, "confluence")
    with closing(sqlite3.connect(job.folder / "manifest.db")) as database, database:
        database.execute("CREATE TEMP TABLE copy AS SELECT * FROM cs_generation")
        database.execute("UPDATE copy SET id = 'left-by-a-bug', state = 'building'")
        database.execute("INSERT INTO cs_generation SELECT * FROM copy")
    edit(gateway, "Page 1", 895)
    job.store.switches.poison = "Page 2"
    job.here(expect=75)
    assert job.pointer() == "confluence"
    assert held(job.store, "confluence") == before
    job.store.switches.poison = ""
    job.here()
    judge(job, scratch(make))


GIVEN_UP = {
    "dash": ("dash", {}, {}),
    "underscore that lists": ("underscore", {}, {"WRITE_MODE": "rotate"}),
    "underscore that does not list": ("underscore", {"listing": False}, {"WRITE_MODE": "rotate"}),
}


@pytest.mark.parametrize("server", GIVEN_UP)
def test_a_page_that_was_given_up_keeps_its_last_good_chunks_through_rotations(
    gateway: SampleGateway, make: Make, serve: Serve, server: str
) -> None:
    variant, switches, env = GIVEN_UP[server]
    job = make("job", serve(variant, **switches), **env)
    job.here()
    site = gateway.site
    kept = {
        key: row
        for key, row in held(job.store, "confluence").items()
        if row[1]["title"] == "Page 2"
    }
    assert kept
    site.edit(page(site, "Page 2"), "<p>This text is arsenic to the store.</p>")
    job.store.switches.poison = "arsenic"
    for night in range(
        2
    ):  # with another page beside it, which the store takes: the refusal is this page's
        edit(gateway, "Page 1", 870 + night)
        job.here(expect=75)
        assert job.pointer() == "confluence"
    for seed in range(2):  # it is given up in the first of these, and stays so in the second
        edit(gateway, "Page 1", 880 + seed)
        report = job.night()
        assert report["pages"]["quarantined"] == report["pages"]["failed"] == 1
        assert job.pointer() != "confluence"
        now = held(job.store, job.pointer())
        assert {key: row for key, row in now.items() if row[1]["title"] == "Page 2"} == kept
    assert job.night()["chunks"]["sent"] == 0
    job.store.switches.poison = ""
    edit(gateway, "Page 2", 890)
    job.here()
    assert held(job.store, job.pointer(), exact=False) == scratch(make)
