"""The Llama Stack store against a small server that behaves, and misbehaves, as the real ones
do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.stores.base import Collection
from confluence_mirror.stores.llama.store import LlamaStore
from tests.llama.common import SITE, chunk, chunk_id, held, opened, ref, store_at
from tests.servers.llama_stack import LlamaStackServer

FAMILIES = [
    ("0.2.23", "sqlite-vec"),
    ("0.2.23", "faiss"),
    ("0.7.3", "sqlite-vec"),
    ("1.5.0", "faiss"),
]


@pytest.fixture(params=FAMILIES, ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[LlamaStackServer]:
    with LlamaStackServer(*request.param) as running:
        yield running


@pytest.fixture
def old() -> Iterator[LlamaStackServer]:
    with LlamaStackServer("0.2.23", "sqlite-vec") as running:
        yield running


@pytest.fixture
def new() -> Iterator[LlamaStackServer]:
    with LlamaStackServer("0.7.3", "sqlite-vec") as running:
        yield running


def found(store: LlamaStore, collection: Collection) -> dict[str, str]:
    return {row.chunk_id: row.metadata_hash for row in store.list_rows(collection)}


def attached_ids(server: LlamaStackServer) -> set[str]:
    return {file_id for store in server.state.stores.values() for file_id in store.rows}


# Writing and removing


def test_what_was_written_is_listed_counted_and_found_with_its_metadata(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    chunks = [chunk(n, f"apple{n} text", title=f"Title {n}") for n in range(5)]
    result = store.write_chunks(collection, chunks, {})
    assert set(result.written) == {each.id for each in chunks}
    assert result.rejected == {}
    assert found(store, collection) == {each.id: each.metadata_hash for each in chunks}
    assert {row.ref: row.site_id for row in store.list_rows(collection)} == dict.fromkeys(
        result.written.values(), SITE
    )
    assert store.count_rows(collection) == 5
    best = store.search(collection, "apple3", 1)[0]
    assert best.text == "apple3 text"
    assert dict(best.metadata) == {**chunks[3].metadata, "chunk_id": chunks[3].id}
    assert type(best.metadata["version"]) is int


def test_a_second_write_of_a_chunk_replaces_the_first_whoever_remembers_it(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    first = store.write_chunks(collection, [chunk(1, "first text"), chunk(2, "other text")], {})
    store.write_chunks(
        collection, [chunk(1, "second text", revision=1)], {chunk_id(1): first.written[chunk_id(1)]}
    )
    assert held(server) == ["other text", "second text"]
    fresh, collection = opened(server)
    fresh.write_chunks(collection, [chunk(1, "third text", revision=1)], {})
    assert held(server) == ["other text", "third text"]
    assert fresh.count_rows(collection) == 2


def test_the_same_chunk_written_again_unchanged_is_there_once(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    again = chunk(1, "the same text")
    store.write_chunks(collection, [again, chunk(2, "last")], {})
    store.write_chunks(collection, [again], {})
    assert held(server) == ["last", "the same text"]


def test_an_old_copy_goes_only_after_every_new_one_is_complete(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    first = store.write_chunks(collection, [chunk(n, f"old{n}") for n in range(3)], {})
    server.requests.clear()
    store.write_chunks(
        collection, [chunk(n, f"new{n}", revision=1) for n in range(3)], first.written
    )
    attaches = [
        at
        for at, request in enumerate(server.requests)
        if request.startswith("POST") and "vector" in request
    ]
    removals = [at for at, request in enumerate(server.requests) if request.startswith("DELETE")]
    assert max(attaches) < min(removals)


def test_removed_chunks_answer_no_more_and_all_others_still_do(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    chunks = [chunk(n, f"word{n} text{n}") for n in range(12)]
    written = store.write_chunks(collection, chunks, {}).written
    store.remove_chunks(collection, [ref(chunks[n], written[chunks[n].id]) for n in (11, 4)])
    store.remove_chunks(collection, [ref(chunks[0])])
    store.remove_chunks(
        collection,
        [ref(chunks[0]), ref(chunks[11], written[chunks[11].id]), ref(chunk(99, "never there"))],
    )
    store.write_chunks(collection, [chunk(20, "short lived")], {})
    store.remove_chunks(collection, [ref(chunk(20, "short lived"))])
    chunks.append(chunk(12, "word12 text12"))
    store.write_chunks(collection, [chunks[12]], {})
    left = [n for n in range(13) if n not in (0, 4, 11)]
    assert found(store, collection) == {chunks[n].id: chunks[n].metadata_hash for n in left}
    assert [store.search(collection, f"word{n}", 1)[0].text for n in left] == [
        chunks[n].text for n in left
    ]
    assert held(server) == sorted(chunks[n].text for n in left)
    assert store.count_rows(collection) == len(left)


def test_what_is_gone_already_is_not_asked_for_again(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    chunks = [chunk(n, f"word{n}") for n in range(3)]
    written = store.write_chunks(collection, chunks, {}).written
    store.remove_chunks(collection, [ref(chunks[0], written[chunks[0].id])])
    fresh, collection = opened(server)
    server.requests.clear()
    fresh.remove_chunks(collection, [ref(chunks[0], written[chunks[0].id])])
    assert [request for request in server.requests if request.startswith("DELETE")] == []


def test_a_row_whose_upload_somebody_deleted_is_seen_and_removed(new: LlamaStackServer) -> None:
    store, collection = opened(new)
    chunks = [chunk(n, f"word{n}") for n in range(3)]
    written = store.write_chunks(collection, chunks, {}).written
    new.state.files.pop(written[chunks[0].id])
    fresh, collection = opened(new)
    assert set(found(fresh, collection)) == {each.id for each in chunks}
    fresh.remove_chunks(collection, [ref(chunks[0], written[chunks[0].id])])
    assert held(new) == ["word1", "word2"]


def test_end_markers_do_not_pile_up_and_are_in_no_answer() -> None:
    with LlamaStackServer("0.7.3", "faiss") as server:
        store, collection = opened(server)
        for n in range(4):
            store.write_chunks(collection, [chunk(n, f"text {n}")], {})
            store.remove_chunks(collection, [ref(chunk(n, f"text {n}"))])
        assert len(server.state.files) == 1
        assert store.search(collection, "end marker", 5) == []
        assert not store.holds_data(collection)
        assert store.count_rows(collection) == 0
        assert list(store.list_rows(collection)) == []


def test_on_faiss_and_on_unknown_providers_files_are_attached_one_at_a_time() -> None:
    for provider, most in (("faiss", 1), ("milvus", 1)):
        with LlamaStackServer("0.7.3", provider) as server:
            store, collection = opened(server, workers=8)
            store.write_chunks(collection, [chunk(n, f"text {n}") for n in range(30)], {})
            assert server.most_at_once == most


def test_a_text_that_the_server_does_not_index_is_rejected_with_its_reason_and_leaves_nothing(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    before = store.write_chunks(collection, [chunk(1, "good before"), chunk(2, "fine")], {}).written
    server.state.refused_texts.append("cursed")
    result = store.write_chunks(
        collection, [chunk(1, "cursed text", revision=1), chunk(3, "also fine")], before
    )
    assert set(result.written) == {chunk_id(3)}
    assert "refuses this text" in result.rejected[chunk_id(1)]
    assert held(server) == ["also fine", "fine", "good before"]
    assert found(store, collection) == {chunk_id(n): "00000000" for n in (1, 2, 3)}
    assert set(server.state.files) == attached_ids(server)


def test_a_server_that_indexes_nothing_is_unavailable_and_no_chunk_is_blamed(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    server.state.refused_texts.append("")
    with pytest.raises(StoreUnavailable, match="indexes nothing"):
        store.write_chunks(collection, [chunk(1, "an innocent text")], {})
    assert server.state.files == {}


def test_pages_about_language_models_are_stored_and_their_special_tokens_counted(
    new: LlamaStackServer,
) -> None:
    store, collection = opened(new)
    assert (
        store.write_chunks(collection, [chunk(1, "ends with <|endoftext|> here")], {}).rejected
        == {}
    )
    assert store.search(collection, "ends", 1)[0].text == "ends with <|\u200bendoftext|> here"
    assert store.broken_up == 1


def test_a_question_that_equals_a_stored_text_is_answered(old: LlamaStackServer) -> None:
    store, collection = opened(old)
    store.write_chunks(collection, [chunk(1, "some words")], {})
    stored = old.texts()[0]
    assert store.search(collection, stored, 1)[0].text == "some words"
    assert len(store.search(collection, "", 1)) == 1


# Listing


def test_a_usual_listing_never_walks_the_slow_list_of_the_store(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    store.write_chunks(collection, [chunk(n, f"text {n}") for n in range(9)], {})
    assert len(list(store.list_rows(collection))) == 9
    assert server.asked("^GET .*/vector_stores/[^/]+/files$") == 0


def test_every_file_is_listed_however_many_the_server_holds(old: LlamaStackServer) -> None:
    for n in range(10_001):
        old.state.upload(f"other-{n}.txt", "x")
    store, collection = opened(old)
    store.write_chunks(collection, [chunk(1, "the last one")], {})
    fresh, collection = opened(old)
    assert set(found(fresh, collection)) == {chunk_id(1)}
    assert old.asked("^GET .*/vector_stores/[^/]+/files$") == 0


def test_a_file_that_was_uploaded_and_not_attached_is_not_listed_as_stored(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    store.write_chunks(collection, [chunk(n, f"text {n}") for n in range(120)], {})
    lost = next(iter(server.state.stores[collection.id].rows))
    server.state.detach(server.state.stores[collection.id], lost)
    assert len(found(store, collection)) == 119


def test_foreign_files_are_seen_as_foreign_and_survive_everything(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    theirs = server.state.upload("handbook.md", "a foreign text")
    apart = server.state.upload("not attached.md", "another")
    server.state.attach(server.state.stores[collection.id], theirs.id, {"team": "legal"})
    mine = chunk(1, "our text")
    store.write_chunks(collection, [mine], {})
    rows = list(store.list_rows(collection))
    assert {(row.chunk_id, row.site_id) for row in rows} == {("", ""), (mine.id, SITE)}
    assert store.count_rows(collection) == 2
    assert {"team": "legal"}.items() <= store.search(collection, "foreign", 1)[0].metadata.items()
    store.remove_chunks(collection, [ref(mine)])
    assert held(server) == ["a foreign text"]
    store.drop_collection(collection)
    assert set(server.state.files) == {theirs.id, apart.id}


def test_chunks_are_fetched_as_they_were_written_and_what_is_not_there_in_that_revision_is_left_out(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    written = [chunk(1, "Stop the queue, <then> drain it"), chunk(2, "another")]
    store.write_chunks(collection, written, {})
    gone, newer = chunk(3, "never written"), chunk(2, "another", revision=1)
    (fetched,) = store.fetch_chunks(
        collection, [ref(written[0]), ref(gone), ref(newer)], about="Page 100"
    )
    assert (fetched.id, fetched.page_id, fetched.metadata_hash) == (chunk_id(1), "100", "00000000")
    assert fetched.text == written[0].text
    core = {"chunk_id": chunk_id(1), **written[0].metadata}
    assert fetched.metadata == {key: core[key] for key in fetched.metadata}
    assert {"title", "url", "chunk_index"} <= fetched.metadata.keys()


# Collections


def test_a_collection_is_found_by_name_and_by_id_and_only_once_made(
    server: LlamaStackServer,
) -> None:
    store = store_at(server)
    store.connect()
    assert store.find_collection("docs") is None
    made = store.create_collection("docs")
    assert store.find_collection("docs") == store.find_collection(made.id) == made
    store.drop_collection(made)
    assert store.find_collection("docs") is None
    store.drop_collection(made)


def test_two_collections_side_by_side_do_not_see_each_other(server: LlamaStackServer) -> None:
    store, one = opened(server)
    other = store.create_collection("others")
    store.write_chunks(one, [chunk(1, "in the first")], {})
    store.write_chunks(other, [chunk(1, "in the second"), chunk(2, "too")], {})
    store.remove_chunks(other, [ref(chunk(2, "too"))])
    store.drop_collection(one)
    assert found(store, other) == {chunk_id(1): "00000000"}
    assert held(server) == ["in the second"]


def test_a_name_that_several_stores_bear_is_refused_with_their_ids_and_an_id_is_not(
    server: LlamaStackServer,
) -> None:
    store, one = opened(server)
    store.write_chunks(one, [chunk(1, "text")], {})
    two = store.create_collection("docs")
    assert one.id != two.id
    with pytest.raises(WrongSettings) as refused:
        store.find_collection("docs")
    assert one.id in str(refused.value)
    assert two.id in str(refused.value)
    assert "(1 file," in str(refused.value)
    assert store.find_collection(one.id) == one


def test_more_stores_than_a_page_of_the_list_holds_are_all_looked_through(
    new: LlamaStackServer,
) -> None:
    for n in range(230):
        new.state.create(f"other {n}", "sentence-transformers/all-MiniLM-L6-v2", {})
    store, collection = opened(new)
    assert store.find_collection("docs") == collection
    assert store.find_collection("other 229") is not None


def test_an_unknown_embedding_model_is_refused_with_those_that_there_are(
    server: LlamaStackServer,
) -> None:
    store = store_at(server, embedding_model="no-such-model")
    store.connect()
    with pytest.raises(WrongSettings, match="sentence-transformers/all-MiniLM-L6-v2"):
        store.create_collection("docs")
    assert server.state.stores == {}


def test_a_collection_of_another_model_is_refused(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    server.state.stores[collection.id].model = "ollama/bge-m3"
    with pytest.raises(WrongSettings, match="bge-m3"):
        store.find_collection("docs")


def test_a_provider_that_the_server_lacks_is_a_wrong_setting(server: LlamaStackServer) -> None:
    store = store_at(server, provider_id="nowhere")
    store.connect()
    with pytest.raises(WrongSettings, match="nowhere"):
        store.create_collection("docs")


def test_a_store_that_a_restart_killed_is_seen_as_empty_and_can_be_made_anew(
    old: LlamaStackServer,
) -> None:
    store, collection = opened(old)
    store.write_chunks(collection, [chunk(1, "text")], {})
    assert store.holds_data(collection)
    old.restart()
    store, collection = opened(old)
    assert not store.holds_data(collection)
    assert list(store.list_rows(collection)) == []
    with pytest.raises(StoreUnavailable, match="delete the store"):
        store.write_chunks(collection, [chunk(2, "more")], {})
    store.drop_collection(collection)
    assert old.state.files == {}
    collection = store.create_collection("docs")
    store.write_chunks(collection, [chunk(1, "text")], {})
    assert store.holds_data(collection)
