"""What only a real server can show: restarts, kills, its own readers, the users' client. ``make
test-llama``."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
import requests

from confluence_mirror.errors import SyncError, WrongSettings
from confluence_mirror.stores.base import Collection
from confluence_mirror.stores.llama import names
from confluence_mirror.stores.llama.store import LlamaStore
from tests.llama.common import SITE, chunk, chunk_id, ref
from tests.llama.real import RealServer, servers

pytestmark = pytest.mark.llama

if not servers():
    pytest.skip("no real server is named in LLAMA_STACK_SERVERS", allow_module_level=True)


@pytest.fixture(scope="module", params=servers(), ids="-".join)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    with RealServer(*request.param, tmp_path_factory.mktemp("server") / "state") as running:
        yield running


def opened(server: RealServer, name: str) -> tuple[LlamaStore, Collection]:
    store = server.store()
    store.connect()
    return store, store.find_collection(name) or store.create_collection(name)


def read_back(server: RealServer, collection: Collection, numbers: range) -> dict[str, list[str]]:
    """By the server's own API alone: for each number the chunk ids whose text has its word, each as
    often as it is answered."""
    found = {}
    for n in numbers:
        body = {"query": f"word{n} and more", "max_num_results": 50}
        answer = requests.post(
            f"{server.prefix}/vector_stores/{collection.id}/search", json=body, timeout=60
        )
        hits = [(hit["attributes"], hit["content"][0]["text"]) for hit in answer.json()["data"]]
        mine = [
            names.parse(collection.id, a["filename"]) for a, text in hits if f"word{n} " in text
        ]
        found[f"word{n}"] = [name.chunk_id if name else "marker" for name in mine]
    return found


def some(numbers: range, revision: int = 0) -> list:
    return [chunk(n, f"word{n} is what this is about", revision=revision) for n in numbers]


def expect(numbers: range, present: set[int]) -> dict[str, list[str]]:
    return {f"word{n}": [chunk_id(n)] if n in present else [] for n in numbers}


def test_edits_and_removals_are_seen_exactly_by_the_servers_own_search(server: RealServer) -> None:
    store, collection = opened(server, "edits")
    numbers = range(12)
    written = store.write_chunks(collection, some(numbers), {}).written
    store.remove_chunks(collection, [ref(each, written[each.id]) for each in some(range(9, 12))])
    store.write_chunks(collection, some(range(3), revision=1), written)
    store.remove_chunks(collection, [ref(each) for each in some(range(3, 5))])
    assert read_back(server, collection, numbers) == expect(numbers, {0, 1, 2, 5, 6, 7, 8})
    assert {row.chunk_id for row in store.list_rows(collection)} == {
        chunk_id(n) for n in (0, 1, 2, 5, 6, 7, 8)
    }
    assert store.count_rows(collection) == 7
    store.close()


def test_a_label_added_is_on_exactly_one_hit(server: RealServer) -> None:
    store, collection = opened(server, "labels")
    store.write_chunks(
        collection, [chunk(1, "word1 stays as it is"), chunk(2, "word2 beside it")], {}
    )
    store.write_chunks(
        collection, [chunk(1, "word1 stays as it is", revision=1, labels="known-issue")], {}
    )
    hits = [hit for hit in store.search(collection, "word1 stays", 10) if "word1" in hit.text]
    assert [hit.metadata["labels"] for hit in hits] == ["known-issue"]
    store.close()


def test_after_a_restart_the_store_is_whole_or_known_to_be_dead(server: RealServer) -> None:
    store, collection = opened(server, "restarts")
    numbers = range(10)
    store.write_chunks(collection, some(numbers), {})
    store.close()
    server.stop()
    server.start()
    store, collection = opened(server, "restarts")
    dies = server.version.startswith("0.2.") and server.provider == "sqlite-vec"
    assert store.holds_data(collection) is not dies
    if dies:
        assert list(store.list_rows(collection)) == []
        store.drop_collection(collection)
        collection = store.create_collection("restarts")
        store.write_chunks(collection, some(numbers), {})
    assert read_back(server, collection, numbers) == expect(numbers, set(numbers))
    store.close()


def test_uploads_that_were_never_attached_are_removed_by_the_next_run(server: RealServer) -> None:
    store, collection = opened(server, "orphans")
    kept, lost = chunk(1, "word1 kept here"), chunk(2, "word2 lost here")
    store.write_chunks(collection, [kept], {})
    form = {
        "file": (
            names.file_name(collection.id, names.identity(lost)),
            b"word2 lost here",
            "text/markdown",
        )
    }
    requests.post(
        f"{server.prefix}/files", data={"purpose": "assistants"}, files=form, timeout=30
    ).raise_for_status()
    assert [row.chunk_id for row in store.list_rows(collection)] == [kept.id]
    assert list(store.settle_writes(collection, [ref(kept), ref(lost)])) == [kept.id]
    store.close()
    assert [name for name in _names(server, collection) if lost.id in name] == []


def test_a_server_killed_while_it_is_written_to_is_made_right_by_the_next_run(
    server: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    store, collection = opened(server, "kills")
    numbers = range(40)
    first = store.write_chunks(collection, some(range(5)), {}).written
    wire, attaches = store._api.wire, itertools.count(1)
    send = wire.send
    killer = threading.Thread(target=server.kill)

    def send_until_killed(method: str, path: str, **more: object) -> object:
        if path.endswith("/files") and "/vector_stores/" in path and next(attaches) == 12:
            killer.start()
        return send(method, path, **more)

    wire.send = send_until_killed
    with pytest.raises(SyncError):
        store.write_chunks(collection, some(numbers, revision=1), first)
    killer.join()
    server.start()
    store, collection = opened(server, "kills")
    settled: dict = {}
    if whole := store.holds_data(collection):
        settled = dict(
            store.settle_writes(collection, [ref(each) for each in some(numbers, revision=1)])
        )
    if not whole or "Only a new collection is free of it" in caplog.text:
        store.drop_collection(collection)
        collection, settled = store.create_collection("kills"), {}
    missing = [each for each in some(numbers, revision=1) if not settled.get(each.id)]
    store.write_chunks(collection, missing, {})
    store.close()
    assert read_back(server, collection, numbers) == expect(numbers, set(numbers))


def _names(server: RealServer, collection: Collection) -> list[str]:
    listed = requests.get(f"{server.prefix}/files", params={"limit": 10000}, timeout=30).json()[
        "data"
    ]
    return [row["filename"] for row in listed if names.is_ours(collection.id, row["filename"])]


def test_dropping_a_collection_leaves_no_file_behind(server: RealServer) -> None:
    store, collection = opened(server, "dropped")
    store.write_chunks(collection, some(range(5)), {})
    store.drop_collection(collection)
    assert _names(server, collection) == []
    assert store.find_collection("dropped") is None
    store.close()


def test_stores_of_one_name_are_told_apart_and_listed_for_the_operator(server: RealServer) -> None:
    store, one = opened(server, "twins")
    two = store.create_collection("twins")
    with pytest.raises(WrongSettings) as refused:
        store.find_collection("twins")
    assert one.id in str(refused.value)
    assert two.id in str(refused.value)
    assert store.find_collection(two.id) == two
    store.drop_collection(one)
    store.drop_collection(two)
    store.close()


def test_a_store_of_another_model_that_the_server_has_too_is_refused_by_both_names(
    server: RealServer,
) -> None:
    store, _ = opened(server, "models")
    store.close()
    other = server.store(embedding_model="another-model")
    other.connect()
    with pytest.raises(
        WrongSettings, match=r"was made with \S*all-MiniLM-L6-v2 .* not with \S*another-model"
    ):
        other.find_collection("models")
    other.close()


def test_the_rag_tool_and_vector_io_of_the_server_find_our_chunks(server: RealServer) -> None:
    store, collection = opened(server, "readers")
    store.write_chunks(collection, some(range(5)), {})
    store.close()
    key = "vector_db_id" if server.version.startswith("0.2.") else "vector_store_id"
    body = {key: collection.id, "query": "word3 and more", "params": {"max_chunks": 2}}
    answer = requests.post(f"{server.base_url}/v1/vector-io/query", json=body, timeout=60).json()
    assert "word3" in answer["chunks"][0]["content"]
    assert answer["chunks"][0]["metadata"]["site_id"] == SITE
    if server.version.startswith("0.2."):
        body = {"content": "word3 and more", "vector_db_ids": [collection.id]}
        told = requests.post(
            f"{server.base_url}/v1/tool-runtime/rag-tool/query", json=body, timeout=60
        ).text
        assert "word3" in told
