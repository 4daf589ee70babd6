"""Lost answers, killed runs and killed servers: in the end every chunk is there exactly once, or an
error said so."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.stores.llama import names
from tests.llama.common import all_is_well, chunk, chunk_id, held, opened, ref, store_at
from tests.servers.llama_stack import Fault, Kind, LlamaStackServer

ATTACH = r"/vector_stores/[^/]+/files$"
UPLOAD = r"v1/files$"


# One run


@pytest.mark.parametrize("path", [UPLOAD, ATTACH])
@pytest.mark.parametrize("kind", ["cut before", "cut after"])
def test_a_write_whose_connection_is_cut_is_carried_out_once(
    server: LlamaStackServer, path: str, kind: Kind
) -> None:
    store, collection = opened(server)
    server.faults.append(Fault("POST", path, kind))
    result = store.write_chunks(collection, [chunk(1, "one"), chunk(2, "two")], {})
    assert set(result.written) == {chunk_id(1), chunk_id(2)}
    store.close()
    all_is_well(server, "one", "two")


def test_a_lost_upload_is_not_mistaken_for_the_older_file_of_the_same_name(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    first = store.write_chunks(collection, [chunk(1, "one")], {}).written
    server.faults.append(Fault("POST", UPLOAD, "cut before"))
    second = store.write_chunks(collection, [chunk(1, "one, again")], first).written
    assert first != second
    all_is_well(server, "one, again")


def test_an_attach_that_ends_after_its_connection_was_cut_is_waited_for(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    server.faults.append(Fault("POST", ATTACH, "late"))
    store.write_chunks(collection, [chunk(1, "one")], {})
    assert server.asked(f"^POST .*{ATTACH}") == 1
    all_is_well(server, "one")


def test_an_attach_that_ends_after_it_was_given_up_is_removed_at_the_end_of_the_run(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server, late_seconds=0.0)
    server.faults.append(Fault("POST", ATTACH, "late", questions=99))
    store.write_chunks(collection, [chunk(1, "one")], {})
    server.state.end_attaches()
    assert held(server) == ["one", "one"]
    store.close()
    all_is_well(server, "one")


def test_a_text_that_a_dying_server_kept_without_a_file_is_removed() -> None:
    with LlamaStackServer("0.7.3", "sqlite-vec") as server:
        store, collection = opened(server)
        store.write_chunks(collection, [chunk(n, f"words {n}") for n in range(60)], {})
        server.faults.append(Fault("POST", ATTACH, "rowless"))
        store.write_chunks(collection, [chunk(100, "the text in question")], {})
        assert held(server).count("the text in question") == 1


def test_where_such_a_text_cannot_be_removed_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with LlamaStackServer("0.2.23", "faiss") as server:
        store, collection = opened(server)
        server.faults.append(Fault("POST", ATTACH, "rowless"))
        store.write_chunks(collection, [chunk(1, "the text in question")], {})
    assert "Only a new collection is free of it" in caplog.text


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_busy_for_a_moment_is_asked_again(
    server: LlamaStackServer, status: int
) -> None:
    store, collection = opened(server)
    for method in ("GET", "POST", "DELETE"):
        server.faults.append(Fault(method, "", "answer", status))
    old = store.write_chunks(collection, [chunk(1, "old")], {}).written
    store.write_chunks(collection, [chunk(1, "new", revision=1)], old)
    assert len(store.search(collection, "new", 3)) == 1
    assert server.faults == []
    all_is_well(server, "new")


def test_a_creation_whose_answer_is_lost_makes_one_store(server: LlamaStackServer) -> None:
    store = store_at(server)
    store.connect()
    server.faults.append(Fault("POST", "/vector_stores$", "cut after"))
    made = store.create_collection("docs")
    assert set(server.state.stores) == {made.id}


def test_a_server_that_is_gone_is_unavailable_and_one_that_is_back_is_used_again(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    store.write_chunks(collection, [chunk(1, "one")], {})
    server.stop()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        store.write_chunks(collection, [chunk(2, "two")], {})
    with pytest.raises(StoreUnavailable):
        store.search(collection, "one", 1)
    server.start()
    store.write_chunks(collection, [chunk(2, "two")], {})
    all_is_well(server, "one", "two")


# The next run


def test_a_file_that_was_uploaded_by_a_run_that_died_is_removed(server: LlamaStackServer) -> None:
    _, collection = opened(server)
    new = chunk(1, "half written")
    server.state.upload(names.file_name(collection.id, names.identity(new)), "text")
    store, collection = opened(server)
    assert store.settle_writes(collection, [ref(new)]) == {}
    store.close()
    assert server.state.files == {}
    assert server.asked(r"^GET .*/vector_stores/.*/files/file-") == 0, (
        "a costly question: see LlamaApi.newest"
    )


def test_a_chunk_that_was_written_by_a_run_that_died_is_recognized_and_not_sent_again(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    new = chunk(1, "written, not recorded")
    written = store.write_chunks(collection, [new], {}).written
    next_run, collection = opened(server)
    assert next_run.settle_writes(collection, [ref(new), ref(chunk(2, "never sent"))]) == written


def test_a_chunk_in_doubt_is_recognized_among_many_and_however_long_ago_it_was_written(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    chunks = [chunk(n, f"text {n}") for n in range(150)]
    written = store.write_chunks(collection, chunks, {}).written
    next_run, collection = opened(server)
    doubt = [chunks[0], chunks[70], chunks[149]]
    settled = next_run.settle_writes(collection, [ref(each) for each in doubt])
    assert settled == {each.id: written[each.id] for each in doubt}


def test_of_two_copies_that_a_crash_left_the_recorded_revision_is_kept(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    store.write_chunks(collection, [chunk(1, "text")], {})
    server.faults.append(Fault("DELETE", "", "cut before", times=100))
    relabelled = chunk(1, "text", revision=1, labels="known-issue")
    with pytest.raises(StoreUnavailable):
        store.write_chunks(collection, [relabelled], {})
    server.faults.clear()
    next_run, collection = opened(server)
    assert [row.metadata_hash for row in next_run.list_rows(collection)] == ["", ""]
    settled = next_run.settle_writes(collection, [ref(relabelled)])
    assert [(row.ref, row.metadata_hash) for row in next_run.list_rows(collection)] == [
        (settled[relabelled.id], "00000001")
    ]
    all_is_well(server, "text")


def test_until_the_new_revision_is_written_the_old_one_answers(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    store.write_chunks(collection, [chunk(1, "text")], {})
    next_run, collection = opened(server)
    assert next_run.settle_writes(collection, [ref(chunk(1, "text", revision=1))]) == {}
    assert held(server) == ["text"]
    next_run.write_chunks(collection, [chunk(1, "text", revision=1)], {})
    all_is_well(server, "text")


def test_an_attach_still_under_way_when_the_next_run_begins_is_waited_for(
    server: LlamaStackServer,
) -> None:
    _, collection = opened(server)
    new = chunk(1, "slow")
    file = server.state.upload(names.file_name(collection.id, names.identity(new)), "slow")
    file.created_at = int(time.time())
    server.state.delay_next = 1
    server.state.attach(server.state.stores[collection.id], file.id, {"file_id": file.id})
    next_run, collection = opened(server)
    assert list(next_run.settle_writes(collection, [ref(new)])) == [new.id]
    all_is_well(server, "slow")


def test_a_text_without_a_file_row_left_by_a_killed_server_is_removed_by_the_next_run() -> None:
    with LlamaStackServer("0.7.3", "sqlite-vec") as server:
        store, collection = opened(server)
        new = chunk(1, "left behind")
        store.write_chunks(collection, [new, chunk(2, "kept")], {})
        stored = server.state.stores[collection.id]
        stored.rows = {key: row for key, row in stored.rows.items() if new.id not in row.file.name}
        next_run, collection = opened(server)
        assert next_run.settle_writes(collection, [ref(new)]) == {}
        next_run.close()
        all_is_well(server, "kept")


@settings(max_examples=12)
@given(
    family=st.sampled_from(
        [("0.2.23", "sqlite-vec"), ("0.7.3", "sqlite-vec"), ("0.7.3", "faiss"), ("1.5.0", "faiss")]
    ),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["write", "remove"]),
            st.sets(st.integers(0, 5), min_size=1),
            st.sampled_from(
                [None, ("POST", UPLOAD), ("POST", ATTACH), ("DELETE", ""), ("GET", "/files")]
            ),
            st.sampled_from(["cut before", "cut after"]),
            st.sampled_from([1, 2, 99]),
        ),
        max_size=6,
    ),
)
def test_whatever_is_cut_in_whichever_run_the_next_runs_make_the_store_right(
    family: tuple[str, str], steps: list[tuple]
) -> None:
    with LlamaStackServer(*family) as server:
        expected: dict[int, str] = {}
        doubt: set[int] = set()
        revisions = 0
        for action, numbers, where, kind, times in steps:
            store, collection = opened(server, late_seconds=0.0)
            store.settle_writes(collection, [ref(chunk(n, "", revision=revisions)) for n in doubt])
            revisions += 1
            chunks = [
                chunk(n, f"text {n} of round {revisions}", revision=revisions) for n in numbers
            ]
            server.faults[:] = [Fault(*where, kind, times=times)] if where else []
            try:
                if action == "write":
                    store.write_chunks(collection, chunks, {})
                else:
                    store.remove_chunks(collection, [ref(each) for each in chunks])
                for n, each in zip(numbers, chunks, strict=True):
                    expected.pop(n, None)
                    if action == "write":
                        expected[n] = each.text
                doubt -= numbers
            except StoreUnavailable:
                doubt |= numbers
            server.faults.clear()
            store.close()
        store, collection = opened(server)
        store.settle_writes(collection, [ref(chunk(n, "", revision=revisions)) for n in doubt])
        last = [chunk(n, f"text {n} at last", revision=revisions + 1) for n in doubt]
        store.write_chunks(collection, last, {})
        store.close()
        expected.update({n: f"text {n} at last" for n in doubt})
        assert {row.chunk_id for row in store.list_rows(collection)} == {
            chunk_id(n) for n in expected
        }
        all_is_well(server, *expected.values())
