"""The Vector API over small real servers that misbehave as real ones do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_mirror.mirror.metadata import metadata_hash
from confluence_mirror.stores.base import Capabilities, Collection
from confluence_mirror.stores.http import Api
from confluence_mirror.stores.vector_api.store import VectorApiStore
from tests.servers.vector_api import VectorApiServer
from tests.stores.words import MODEL, chunk, ready, ref

CAN = Capabilities(replaces=False, deletes=False, lists=False)
TOKEN = "s3cret-token"

Start = Callable[..., tuple[VectorApiServer, VectorApiStore]]


@pytest.fixture
def start() -> Iterator[Start]:
    """A server and a store on it, which does not wait between attempts."""
    running: list[Any] = []

    def started(
        variant: Any, *, batch_size: int = 100, **switches: Any
    ) -> tuple[VectorApiServer, VectorApiStore]:
        server = VectorApiServer(variant, **switches).__enter__()
        store = store_at(server.url, batch_size=batch_size)
        running.extend([store.close, server.stop])
        return server, store

    yield started
    for stop in running:
        stop()


def store_at(
    url: str, *, batch_size: int = 100, token: str = "", variant: Any = None
) -> VectorApiStore:
    return VectorApiStore(
        url,
        variant=variant,
        embedding_model=MODEL,
        batch_size=batch_size,
        hash_metadata=partial(metadata_hash, exact=False),
        api=Api(url, token, sleep=lambda _seconds: None),
        sleep=lambda _seconds: None,
    )


def rows_in(server: VectorApiServer, collection: Collection) -> list[str]:
    return [row.id for row in server.state.collections[collection.id].rows]


def chunks(count: int, word: str = "Paragraph") -> list[Any]:
    return [chunk(number, f"{word} number{number} of the runbook", CAN) for number in range(count)]


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_finding_out_changes_nothing_but_a_probe_that_is_removed(start: Start, variant: str):
    server, store = start(variant)
    ready(store)
    assert server.state.collections == {}
    wrote = {
        request for request in server.state.requests if not request.startswith(("GET", "OPTIONS"))
    }
    if variant == "dash":
        assert wrote == set()


@pytest.mark.parametrize("openapi", [True, False])
@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({}, (True, True, True, True)),
        ({"delete": False}, (True, False, True, True)),
        ({"listing": False}, (True, True, False, True)),
        ({"upsert": False}, (False, True, True, True)),
        ({"drop": False}, (False, True, True, False)),
    ],
)
def test_what_an_underscore_server_can_do_is_found_out(
    start: Start, switches, expected, openapi: bool
):
    server, store = start("underscore", openapi=openapi, **switches)
    server.state.make("somebody-elses", MODEL, fresh=False)
    can = ready(store)
    assert (can.replaces, can.deletes, can.lists, can.drops_collections) == expected
    assert set(server.state.collections) == {"somebody-elses"}


def test_what_was_found_is_one_line_of_log(start: Start, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "confluence_mirror.stores")
    server, store = start("dash", version="0.2.23")
    ready(store)
    [line] = [record.getMessage() for record in caplog.records]
    assert "dash" in line
    assert server.url in line
    assert "appends" in line


def test_dash_collections_are_found_by_the_name_that_was_asked_for(start: Start):
    _, store = start("dash", fresh_ids=True)
    ready(store)
    made = store.create_collection("confluence")
    assert made.id != "confluence"
    assert store.find_collection("confluence") == made
    store.create_collection("confluence")
    with pytest.raises(WrongSettings, match=made.id):
        store.find_collection("confluence")
    assert store.find_collection(made.id) == made


def test_an_unknown_embedding_model_is_told_with_those_that_are_known(start: Start):
    _, store = start("underscore", models=("ollama/bge-m3",))
    ready(store)
    with pytest.raises(WrongSettings, match="ollama/bge-m3"):
        store.create_collection("confluence")


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_batch_that_is_too_large_is_split(start: Start, variant: str):
    server, store = start(variant, max_bytes=20_000)
    ready(store)
    collection = store.create_collection("confluence")
    result = store.write_chunks(collection, chunks(100), {})
    assert len(result.written) == 100
    assert sorted(rows_in(server, collection)) == sorted(result.written)


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_text_that_the_server_refuses_is_isolated(start: Start, variant: str):
    server, store = start(variant, poison="arsenic")
    ready(store)
    collection = store.create_collection("confluence")
    bad = chunk(77, "Old lace and arsenic", CAN)
    result = store.write_chunks(collection, [*chunks(30), bad], {})
    assert set(result.rejected) == {bad.id}
    assert "422" in result.rejected[bad.id]
    assert sorted(rows_in(server, collection)) == sorted(one.id for one in chunks(30))


def test_a_document_named_in_errors_is_rejected_and_the_others_are_written(start: Start):
    server, store = start("underscore", partial="unindexable")
    ready(store)
    collection = store.create_collection("confluence")
    bad = chunk(77, "An unindexable text", CAN)
    result = store.write_chunks(collection, [*chunks(5), bad], {})
    assert dict(result.rejected) == {bad.id: "cannot be indexed"}
    assert len(result.written) == len(rows_in(server, collection)) == 5


def test_a_server_that_refuses_every_text_leaves_it_to_the_mirror_to_judge_that(start: Start):
    _, store = start("dash", poison="Paragraph")
    ready(store)
    collection = store.create_collection("confluence")
    result = store.write_chunks(collection, chunks(30), {})
    assert (len(result.written), len(result.rejected)) == (0, 30)


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_batch_whose_answer_was_lost_is_there_exactly_once(start: Start, variant: str):
    server, store = start(variant)
    ready(store)
    collection = store.create_collection("confluence")
    server.switches.change(lose_answer_next=1)
    result = store.write_chunks(collection, chunks(40), {})
    assert len(result.written) == 40
    assert sorted(rows_in(server, collection)) == sorted(result.written)


def test_half_a_batch_on_an_append_only_store_is_told_and_settled_by_the_next_run(start: Start):
    server, store = start("dash")
    ready(store)
    collection = store.create_collection("confluence")
    server.switches.change(half_next=1)
    with pytest.raises(StoreUnavailable, match="no answer"):
        store.write_chunks(collection, chunks(40), {})
    there = rows_in(server, collection)
    assert len(there) == 20
    assert store.settle_writes(collection, [ref(one) for one in chunks(40)]) == dict.fromkeys(
        there, ""
    )


def test_half_a_batch_is_made_whole_at_once_where_rows_are_replaced(start: Start):
    server, store = start("underscore")
    ready(store)
    collection = store.create_collection("confluence")
    server.switches.change(half_next=1)
    assert len(store.write_chunks(collection, chunks(40), {}).written) == 40
    assert sorted(rows_in(server, collection)) == sorted(one.id for one in chunks(40))


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_busy_server_is_asked_again(start: Start, variant: str):
    server, store = start(variant)
    ready(store)
    collection = store.create_collection("confluence")
    server.switches.change(busy_next=2)
    assert len(store.write_chunks(collection, chunks(10), {}).written) == 10
    server.switches.change(fail_next=1)
    assert len(store.write_chunks(collection, [chunk(90, "One more", CAN)], {}).written) == 1
    assert len(rows_in(server, collection)) == 11


def test_a_chunk_that_is_there_twice_or_with_other_metadata_cannot_be_vouched_for(start: Start):
    _, store = start("dash")
    ready(store)
    collection = store.create_collection("confluence")
    twice, other, sound, absent = chunks(4)
    store.write_chunks(collection, [twice, other, sound], {})
    store.write_chunks(collection, [twice], {})
    renamed = chunk(1, other.text, CAN, title="Renamed")
    answers = store.settle_writes(collection, [ref(twice), ref(renamed), ref(sound), ref(absent)])
    assert answers == {twice.id: None, renamed.id: None, sound.id: ""}


def test_doubtful_copies_are_removed_where_that_can_be_done(start: Start):
    server, store = start("underscore", upsert=False)
    ready(store)
    collection = store.create_collection("confluence")
    twice, sound = chunks(2)
    store.write_chunks(collection, [twice, sound], {})
    store.write_chunks(collection, [twice], {})
    assert store.settle_writes(collection, [ref(twice), ref(sound)]) == {sound.id: ""}
    assert rows_in(server, collection) == [sound.id]


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_store_that_lost_its_data_is_seen(start: Start, variant: str):
    server, store = start(variant)
    ready(store)
    collection = store.create_collection("confluence")
    store.write_chunks(collection, chunks(3), {})
    server.state.lose_data()
    assert store.holds_data(collection) is False
    server.state.collections.clear()
    assert store.holds_data(collection) is False
    with pytest.raises(StoreUnavailable, match="lost the collection"):
        store.write_chunks(collection, chunks(3), {})


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_server_that_is_down_in_the_middle_is_told_in_one_line(start: Start, variant: str):
    server, store = start(variant)
    ready(store)
    collection = store.create_collection("confluence")
    server.switches.change(down=True)
    for ask in (
        lambda: store.write_chunks(collection, chunks(3), {}),
        lambda: store.find_collection("confluence"),
        lambda: store.search(collection, "pump", 3),
        lambda: store.holds_data(collection),
    ):
        with pytest.raises(StoreUnavailable, match="503") as caught:
            ask()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_page_of_html_in_place_of_an_answer_is_no_success(start: Start, variant: str):
    server, store = start(variant)
    ready(store)
    collection = store.create_collection("confluence")
    server.switches.change(html=True)
    with pytest.raises(StoreUnavailable, match="HTML"):
        store.write_chunks(collection, chunks(3), {})
    assert rows_in(server, collection) == []


def test_a_server_that_is_no_vector_api_is_told_with_what_it_answered(start: Start):
    server, store = start("underscore", html=True)
    with pytest.raises(WrongSettings) as caught:
        store.connect()
    message = str(caught.value)
    for path in ("/v1/version", "/v1/vector-dbs", "/v1/vector_io/collections", "/openapi.json"):
        assert f"GET {path}: 200 with HTML" in message
    assert server.url in message


def test_the_other_variant_than_the_one_that_is_set_is_told(start: Start):
    server, _ = start("underscore")
    store = store_at(server.url, variant="dash")
    with pytest.raises(WrongSettings, match="dash"):
        store.connect()
    store.close()


def test_the_token_is_sent_and_a_wrong_one_is_told_without_being_shown(
    start: Start, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    server, refused = start("underscore", token=TOKEN)
    with pytest.raises(PermissionRefused, match="401"):
        ready(refused)
    store = store_at(server.url, token=TOKEN)
    assert ready(store).replaces
    store.close()
    wrong = store_at(server.url, token="another-s3cret")
    with pytest.raises(PermissionRefused) as caught:
        wrong.connect()
    wrong.close()
    assert "s3cret" not in str(caught.value) + caplog.text


def test_user_and_password_in_the_url_are_used_and_never_shown(start: Start):
    server, _ = start("underscore")
    store = store_at(server.url.replace("//", "//ada:s3cret@"))
    ready(store)
    assert store.location == server.url
    store.close()
