"""A bad moment of a store never changes what the mirror does: whole runs against a Vector API that
misbehaves while it is found out what it can do."""

from __future__ import annotations

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve, page
from tests.job.harness import held
from tests.job.test_rotation import collections, edit, put, scratch
from tests.mirror.conftest import body


def test_a_quiet_night_writes_nothing_into_the_store(make: Make, serve: Serve) -> None:
    job = make("job", serve("underscore", openapi=False))
    job.here()
    before, asked = job.store.state.dump()["collections"], job.store.state.requests.copy()
    job.here()
    new = {
        request
        for request in job.store.state.requests
        if job.store.state.requests[request] > asked[request]
    }
    assert {request for request in new if not request.startswith("GET ")} == {
        "POST /v1/vector_io/query"
    }
    assert job.store.state.dump()["collections"] == before


def test_a_users_own_collection_with_the_name_of_a_probe_stays(make: Make, serve: Serve) -> None:
    job = make("job", serve("underscore"))
    put(job.store, "confluence-probe")
    job.here()
    assert collections(job.store) == {"confluence", "confluence-probe"}
    assert [row.id for row in job.store.state.collections["confluence-probe"].rows] == ["theirs"]


@pytest.mark.parametrize("nth", [1, 2, 6, 8, 9, 11, 12, 14, 17])
def test_one_failure_at_the_start_of_a_night_makes_no_other_collection(
    gateway: SampleGateway, make: Make, serve: Serve, nth: int
) -> None:
    job = make("job", serve("underscore", openapi=bool(nth % 2)))
    job.here()
    (job.folder / "manifest.db").unlink()  # what was remembered is lost with it
    edit(gateway, "Page 1", 870)
    gateway.site.trash(page(gateway.site, "Page 2"))
    start = job.store.requests

    def fail(number: int) -> None:
        job.store.switches.fail_next = int(number == start + nth)

    job.store.before = fail
    job.here()
    assert collections(job.store) == {"confluence"}
    assert held(job.store, "confluence", exact=False) == scratch(make)


def test_a_server_that_fails_for_long_is_69_and_the_next_night_is_exact(
    gateway: SampleGateway, make: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confluence_mirror.stores.waiting._RECOVERY", 0.2)
    job = make("job", serve("underscore"))

    def fail(_number: int) -> None:
        job.store.switches.fail_next = int(
            job.store.state.requests["POST /v1/vector_io/documents"] > 0
        )

    job.store.before = fail
    job.here(expect=69)
    job.store.before = lambda _number: None
    job.store.switches.fail_next = 0
    job.here()
    assert collections(job.store) == {"confluence"}
    assert held(job.store, "confluence", exact=False) == scratch(make)


def test_a_store_that_shows_writes_late_is_taken_for_what_it_is(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("underscore", late=2))
    job.here()
    edit(gateway, "Page 1", 871)
    gateway.site.add("OPS", "Only new", body(872))
    job.here()
    assert collections(job.store) == {"confluence"}
    assert held(job.store, "confluence", exact=False) == scratch(make)
