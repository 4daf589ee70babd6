"""What an underscore server can do is found out once, conclusively, and remembered; the user's
collections stay as they are."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.stores.base import Capabilities
from confluence_mirror.stores.http import Api
from confluence_mirror.stores.vector_api.store import VectorApiStore
from tests.servers.vector_api import VectorApiServer
from tests.servers.vector_api_state import Row
from tests.stores.words import MODEL, Remembered, chunk, ready, ref

READS = ("GET", "OPTIONS")
EVERYTHING = (True, True, True, True)

Serve = Callable[..., VectorApiServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[VectorApiServer] = []

    def started(**switches: Any) -> VectorApiServer:
        running.append(VectorApiServer("underscore", **switches).__enter__())
        return running[-1]

    yield started
    for server in running:
        server.stop()


def learned(
    server: VectorApiServer, memory: Remembered, *, tries: bool = True, variant: Any = None
) -> tuple[bool, bool, bool, bool]:
    """What one run takes the server for. Nothing is waited for; what is not there yet is looked for
    as often."""
    store = store_at(server, variant)
    store.connect()
    try:
        return abilities(store.learn_capabilities(memory, tries=tries))
    finally:
        store.close()


def store_at(server: VectorApiServer, variant: Any = None) -> VectorApiStore:
    return VectorApiStore(
        server.url,
        variant=variant,
        embedding_model=MODEL,
        api=Api(server.url, sleep=lambda _seconds: None),
        sleep=lambda _seconds: None,
    )


def abilities(can: Capabilities) -> tuple[bool, bool, bool, bool]:
    return can.replaces, can.deletes, can.lists, can.drops_collections


def asked(server: VectorApiServer, ask: Callable[[], object]) -> list[str]:
    """The requests that something makes."""
    before = server.state.requests.copy()
    ask()
    return [
        request
        for request in server.state.requests
        if server.state.requests[request] > before[request]
    ]


def test_it_is_tried_once_and_a_quiet_night_asks_only_what_the_server_is(serve: Serve):
    server, memory = serve(), Remembered()
    assert learned(server, memory) == EVERYTHING
    before = dict(memory)
    requests = asked(server, lambda: learned(server, memory))
    assert requests
    assert all(request.startswith(READS) for request in requests)
    assert memory == before


@pytest.mark.parametrize("openapi", [True, False])
def test_a_run_that_only_looks_tries_nothing_and_goes_by_what_is_remembered(
    serve: Serve, openapi: bool
):
    server, memory = serve(openapi=openapi), Remembered()
    requests = asked(server, lambda: learned(server, memory, tries=False))
    assert all(request.startswith(READS) for request in requests)
    assert memory == {}
    assert learned(server, memory, tries=False) == (False, True, True, True)
    learned(server, memory)
    assert learned(server, memory, tries=False) == EVERYTHING


def test_a_failure_at_any_moment_of_a_trial_never_makes_it_another_store(serve: Serve):
    server = serve()
    count = server.requests
    learned(server, Remembered())
    moments = server.requests - count
    assert moments > 12
    for nth in range(1, moments + 1):
        start = server.requests

        def fail(number: int, at: int = start + nth) -> None:
            server.switches.fail_next = int(number == at)

        server.before = fail
        assert learned(server, Remembered()) == EVERYTHING, f"after a 500 to request {nth}"
        assert not server.state.collections


@pytest.mark.parametrize("kind", ["GET", "POST", "DELETE"])
def test_a_server_that_goes_on_failing_is_69_and_nothing_is_remembered_of_it(
    serve: Serve, kind: str
):
    server, memory = serve(), Remembered()

    def fail(_number: int) -> None:
        [request] = [
            each for each, count in server.state.requests.items() if count > seen.get(each, 0)
        ]
        seen.update(server.state.requests)
        server.switches.fail_next = int(request.startswith(kind))

    seen = dict(server.state.requests)
    server.before = fail
    with pytest.raises(StoreUnavailable, match="500"):
        learned(server, memory)
    server.before = lambda _number: None
    server.switches.fail_next = 0
    assert not any(name.startswith("vector-api") for name in memory)
    assert learned(server, memory) == EVERYTHING
    assert not server.state.collections


@pytest.mark.parametrize("upsert", [True, False])
@pytest.mark.parametrize("late", [1, 4])
def test_a_view_that_lags_behind_is_waited_for(serve: Serve, late: int, upsert: bool):
    server = serve(late=late, upsert=upsert)
    assert learned(server, Remembered()) == (upsert, True, True, True)


def test_a_write_that_is_never_shown_is_69(serve: Serve):
    server, memory = serve(late=10_000), Remembered()
    with pytest.raises(StoreUnavailable, match="REQUEST_TIMEOUT"):
        learned(server, memory)
    server.switches.late = 0
    server.state.collections.clear()
    assert learned(server, memory) == EVERYTHING


def test_two_runs_at_once_do_not_disturb_each_other(serve: Serve):
    server = serve()
    first, second = Remembered(), Remembered()
    results = []

    def meanwhile(number: int) -> None:
        if number == start + 9:
            server.before = lambda _number: None
            results.append(learned(server, second))

    start = server.requests
    server.before = meanwhile
    assert learned(server, first) == EVERYTHING
    assert results == [EVERYTHING]
    assert not server.state.collections


def test_the_users_own_collections_stay_whatever_they_are_called(serve: Serve):
    server = serve()
    names = (
        "confluence-probe",
        "confluence-probe-20240101T0000Z-0123456789ab",
        "confluence-probe-20240101T0000Z-x",
    )
    for name in names:
        kept = server.state.make(name, MODEL, fresh=False)
        server.state.put(kept, [Row("theirs", "A text of somebody else", {})], replace=True)
    server.state.make(
        "confluence-probe-20250101T0000Z-0123456789ab", MODEL, fresh=False
    )  # empty: not surely ours
    before = {name: list(kept.rows) for name, kept in server.state.collections.items()}
    assert learned(server, Remembered()) == EVERYTHING
    assert {name: list(kept.rows) for name, kept in server.state.collections.items()} == before


class KilledError(BaseException):
    pass


@pytest.mark.parametrize("manifest", ["is kept", "is lost"])
def test_what_a_killed_trial_left_behind_is_removed_by_the_next_one(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, manifest: str
):
    server, memory = serve(), Remembered()

    def kill(number: int) -> None:
        if number == start + 9:
            raise KilledError

    start = server.requests
    monkeypatch.setattr(server, "before", kill)
    monkeypatch.setattr(Api, "send", killed_by(server, Api.send))
    with pytest.raises(KilledError):
        learned(server, memory)
    monkeypatch.undo()
    [left] = server.state.collections
    assert left.startswith("confluence-probe-")
    if manifest == "is lost":
        memory.clear()
        age(server, left)
    assert learned(server, memory) == EVERYTHING
    assert not server.state.collections


def killed_by(server: VectorApiServer, send: Callable[..., Any]) -> Callable[..., Any]:
    """Dies in this process, before the request leaves, where the server's hook says so."""

    def sending(api: Api, *args: Any, **kwargs: Any) -> Any:
        hook = server.before
        hook(server.requests + 1)
        server.before = lambda _number: None
        try:
            return send(api, *args, **kwargs)
        finally:
            server.before = hook

    return sending


def age(server: VectorApiServer, name: str) -> None:
    """As if it had been left behind yesterday."""
    kept = server.state.collections.pop(name)
    old = "confluence-probe-20240101T0000Z-" + name[-12:]
    kept.id = kept.name = old
    server.state.collections[old] = kept


def test_an_ability_is_given_up_only_when_two_trials_agree_and_that_is_said_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
):
    server, memory = serve(), Remembered()
    learned(server, memory)
    server.switches.change(version="2.0", upsert=False)
    made = asked(server, lambda: learned(server, memory))
    assert "DELETE /v1/vector_io/documents" in made
    assert [
        record.levelname for record in caplog.records if "replace by id" in record.getMessage()
    ] == ["WARNING"]
    caplog.clear()
    assert learned(server, memory) == (False, True, True, True)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_server_that_changes_its_mind_between_two_trials_is_69(serve: Serve):
    server, memory = serve(), Remembered()
    trials = 0

    def flap(_number: int) -> None:
        nonlocal trials
        count = server.state.requests["POST /v1/vector_io/collections"]
        if count > trials:
            trials = count
            server.switches.change(upsert=False, delete=bool(count % 2))

    server.before = flap
    server.switches.openapi = False
    with pytest.raises(StoreUnavailable, match="one thing in one trial and another in the next"):
        learned(server, memory)
    assert not server.state.collections


def test_another_version_or_description_is_tried_again_and_a_description_that_is_away_is_not(
    serve: Serve,
):
    server, memory = serve(), Remembered()
    learned(server, memory)
    server.switches.openapi = False
    quiet = asked(server, lambda: learned(server, memory))
    assert all(request.startswith(READS) for request in quiet)
    server.switches.change(openapi=True, delete=False)
    assert learned(server, memory) == (True, False, True, True)
    server.switches.change(version="2.0", delete=True)
    assert learned(server, memory) == EVERYTHING


def test_a_server_that_contradicts_what_is_remembered_is_69_once_and_tried_again(serve: Serve):
    server, memory = serve(openapi=False), Remembered()
    store = store_at(server)
    can = ready(store, memory)
    collection = store.create_collection("confluence")
    one = chunk(1, "A paragraph", can)
    store.write_chunks(collection, [one], {})
    server.switches.delete = False
    with pytest.raises(StoreUnavailable, match="did not remove"):
        store.remove_chunks(collection, [ref(one)])
    store.close()
    assert learned(server, memory) == (True, False, True, True)


@pytest.mark.parametrize("text", ["", "garbage", "[]", json.dumps({"abilities": {"flies": True}})])
def test_what_a_manifest_holds_that_is_not_understood_is_found_out_anew(serve: Serve, text: str):
    server, memory = serve(), Remembered()
    learned(server, memory)
    [name] = [each for each in memory if each.startswith("vector-api")]
    memory[name] = text
    assert learned(server, memory) == EVERYTHING
    assert json.loads(memory[name])["abilities"]["replaces"] is True


def test_a_test_document_that_is_refused_is_told(serve: Serve):
    server = serve(poison="writing")
    with pytest.raises(WrongSettings, match="422"):
        learned(server, Remembered())


@pytest.mark.parametrize("before", ["llama-stack", "dash"])
def test_a_server_that_was_of_another_kind_is_not_believed_unless_that_is_set(
    serve: Serve, before: str
):
    server, memory = serve(), Remembered()
    learned(server, memory)
    [family] = [each for each in memory if each.startswith("family")]
    memory[family] = before
    with pytest.raises(StoreUnavailable, match="VECTOR_API_VARIANT=underscore"):
        learned(server, memory)
    assert learned(server, memory, variant="underscore") == EVERYTHING
    assert learned(server, memory) == EVERYTHING


def test_what_cannot_be_removed_again_is_not_tried_or_said(
    serve: Serve, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, logger="confluence_mirror")
    server, memory = serve(drop=False), Remembered()
    store = store_at(server)
    can = ready(store, memory)
    store.close()
    assert abilities(can) == (False, True, True, False)
    assert any("does not let us try" in sentence for sentence in can.limits)
    assert not server.state.collections


def test_a_listing_that_does_not_end_is_broken_off(serve: Serve):
    server = serve(endless=True)
    store = store_at(server)
    store.connect()
    can = store.learn_capabilities(Remembered(), tries=True)
    collection = store.create_collection("confluence")
    store.write_chunks(
        collection, [chunk(number, f"Paragraph {number}", can) for number in range(3)], {}
    )
    with pytest.raises(StoreUnavailable, match="round in circles"):
        list(store.list_rows(collection))
    store.remove_chunks(collection, [])
    with server.state.lock:
        del server.state.collections["confluence"].rows[1:]
    with pytest.raises(StoreUnavailable, match="round in circles"):
        list(store.list_rows(collection))
    store.close()
