"""A store that can only append: a new collection beside the old one, and the pointer moves when it
is complete."""

from __future__ import annotations

from typing import Any

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job, held
from tests.mirror.conftest import body
from tests.servers.vector_api import VectorApiServer
from tests.servers.vector_api_state import Row


def edit(gateway: SampleGateway, title: str, seed: int) -> None:
    gateway.site.edit(page(gateway.site, title), body(seed))


def scratch(make: Make, **env: str) -> dict[str, Any]:
    job = make("scratch", **env)
    job.here()
    return held(job.store, "confluence", exact=False)


def collections(server: VectorApiServer) -> set[str]:
    return {kept.name for kept in server.state.collections.values()}


def put(server: VectorApiServer, name: str) -> None:
    with server.state.lock:
        row = Row("theirs", "a row of somebody else", {"document_id": "theirs"})
        server.state.put(
            server.state.make(name, "all-MiniLM-L6-v2", fresh=False), [row], replace=False
        )


def test_what_is_only_new_is_appended_and_an_edit_rotates(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    job.here()
    gateway.site.add("OPS", "Only new", body(800))
    job.here()
    assert (job.pointer(), collections(job.store)) == ("confluence", {"confluence"})
    edit(gateway, "Page 1", 801)
    report = job.night()
    assert report["pages"]["changed"] == 1
    assert job.pointer() == report["store"]["collection"] != "confluence"
    assert held(job.store, job.pointer(), exact=False) == scratch(make)


def test_so_many_collections_are_kept_and_only_those_that_we_made_are_removed(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"), KEEP_COLLECTIONS="2")
    put(job.store, "confluence-known-issues-v1")
    put(job.store, "confluence-20240101T000000Z")
    pointers = []
    for seed in range(4):
        edit(gateway, "Page 1", 810 + seed)
        job.here()
        pointers.append(job.pointer())
        gateway.site.clock.advance(seconds=1)
    theirs = {"confluence-known-issues-v1", "confluence-20240101T000000Z"}
    assert collections(job.store) == {*pointers[-2:], *theirs}
    assert held(job.store, job.pointer(), exact=False) == scratch(make)


def test_a_collection_that_was_there_before_us_is_never_removed(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"), KEEP_COLLECTIONS="1")
    put(job.store, "confluence")
    job.here()
    edit(gateway, "Page 1", 820)
    job.here()
    edit(gateway, "Page 1", 821)
    job.here()
    assert collections(job.store) == {"confluence", job.pointer()}
    assert [row.id for row in job.store.state.collections["confluence"].rows] == ["theirs"]


def test_a_page_that_fails_keeps_readers_on_the_old_collection_and_the_next_run_goes_on(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    job.here()
    before = held(job.store, "confluence")
    edit(gateway, "Page 1", 830)
    job.store.switches.poison = "Page 2"
    said = job.here(expect=75).stderr
    assert "readers stay on the old one" in said
    assert job.pointer() == "confluence"
    assert held(job.store, "confluence") == before
    job.store.switches.poison = ""
    built = collections(job.store) - {"confluence"}
    report = job.night()
    assert {job.pointer()} == built
    assert report["chunks"]["sent"] < len(before)
    assert held(job.store, job.pointer(), exact=False) == scratch(make)


def test_a_new_version_that_is_refused_keeps_readers_on_the_old_collection(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    job.here()
    before = held(job.store, "confluence")
    gateway.site.edit(page(gateway.site, "Page 2"), "<p>A word like zanzibarwood.</p>")
    job.store.switches.poison = "zanzibarwood"  # its last good chunks could be carried over
    assert "readers stay on the old one" in job.here(expect=75).stderr
    assert job.pointer() == "confluence"
    assert held(job.store, "confluence") == before


def test_a_rotation_that_was_killed_is_continued(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"), BATCH_SIZE="2")
    job.here()
    edit(gateway, "Page 1", 840)
    process: list[Any] = []

    def kill(_number: int) -> None:
        if (
            process
            and sum(
                len(kept.rows) for name, kept in job.store.state.collections.items() if "-" in name
            )
            >= 4
        ):
            process[0].kill()

    job.store.before = kill
    process.append(job.start())
    process[0].communicate(timeout=60)
    job.store.before = lambda _number: None
    built = collections(job.store) - {"confluence"}
    report = job.night()
    assert {job.pointer()} == built
    assert report["chunks"]["sent"] < len(held(job.store, job.pointer()))
    assert held(job.store, job.pointer(), exact=False) == scratch(make)


def test_an_insert_whose_answer_was_lost_leaves_nothing_twice(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"), BATCH_SIZE="2")
    job.store.switches.lose_answer_next = 1
    job.here()
    assert held(job.store, job.pointer(), exact=False) == scratch(make)
    edit(gateway, "Page 1", 850)
    job.store.switches.half_next = 1
    job.here(expect=69)
    assert job.pointer() == "confluence"
    job.here()
    whole = make("again")
    whole.here()
    assert held(job.store, job.pointer(), exact=False) == held(
        whole.store, "confluence", exact=False
    )
    assert len(collections(job.store)) == 2


def test_where_a_name_gets_a_new_id_the_new_collection_has_the_name_and_the_old_one_goes(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash", fresh_ids=True, version="0.2.23", openapi=False))
    job.here()
    old = set(job.store.state.collections)
    edit(gateway, "Page 1", 860)
    job.here()
    assert [kept.name for kept in job.store.state.collections.values()] == ["confluence"]
    assert not old & set(job.store.state.collections)
    assert held(job.store, "confluence", exact=False) == scratch(make)
    assert job.night()["chunks"]["sent"] == 0


@pytest.mark.parametrize("variant", ["underscore", "dash"])
def test_rotate_as_the_write_mode_builds_a_new_collection_when_something_changed_and_else_writes_nothing(
    gateway: SampleGateway, make: Make, serve: Serve, variant: str
) -> None:
    job = make("job", serve(variant), WRITE_MODE="rotate")
    job.here()
    assert (job.pointer(), collections(job.store)) == ("confluence", {"confluence"})
    before = job.store.state.dump()["collections"]
    assert job.night()["chunks"]["sent"] == 0
    assert (job.pointer(), job.store.state.dump()["collections"]) == ("confluence", before)
    edit(gateway, "Page 1", 860)
    assert job.night()["pages"]["changed"] == 1
    second = job.pointer()
    assert second != "confluence"
    gateway.site.trash(page(gateway.site, "Page 2"))
    assert job.night()["pages"]["removed"] == 1
    assert job.pointer() not in ("confluence", second)
    assert held(job.store, job.pointer(), exact=False) == scratch(make)
    quiet = job.pointer()
    job.here()
    assert job.pointer() == quiet
    job.here("--full")  # asked for, so it is built anew
    assert job.pointer() != quiet


def test_append_as_the_write_mode_counts_what_had_to_stay(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"), WRITE_MODE="append")
    job.here()
    edit(gateway, "Page 1", 870)
    gateway.site.trash(page(gateway.site, "Page 2"))
    report = job.night()
    assert report["chunks"]["not_removable"] >= 2
    assert job.pointer() == "confluence"
    assert job.night()["chunks"]["sent"] == 0


def test_the_guard_holds_for_a_rotation_too(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    job.here()
    for content in gateway.site.current():
        gateway.site.trash(content.id)
    before = held(job.store, "confluence")
    assert "ALLOW_MASS_DELETE" in job.here(expect=65).stderr
    assert job.pointer() == "confluence"
    assert held(job.store, "confluence") == before


def test_query_answers_from_the_collection_that_the_pointer_names(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job: Job = make("job", serve("dash"))
    job.here()
    gateway.site.edit(page(gateway.site, "Page 1"), "<p>The zebra protocol is described here.</p>")
    job.here()
    said = job.here("--query", "zebra protocol described").stdout
    assert said.splitlines()[0].startswith("1. Page 1")
    assert "The zebra protocol" in said
