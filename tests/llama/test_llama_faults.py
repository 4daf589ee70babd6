"""Lost answers, killed runs and killed servers: in the end every chunk is there exactly once, or an
error said so."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_mirror.stores.llama import names
from tests.llama.common import chunk, chunk_id, held, opened, ref, store_at
from tests.servers.llama_stack import Fault, Kind, LlamaStackServer

ATTACH = r"/vector_stores/[^/]+/files$"
UPLOAD = r"v1/files$"
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


def all_is_well(server: LlamaStackServer, *texts: str) -> None:
    """Exactly these texts, and no file but those that hold them (and at most one end marker)."""
    assert held(server) == sorted(texts)
    files = [file for file in server.state.files.values() if "--marker--" not in file.name]
    assert len(files) == len(texts)
    rows = [row for store in server.state.stores.values() for row in store.rows.values()]
    assert {row.file.id for row in rows} == set(server.state.files)
    assert len(server.state.files) - len(files) <= 1


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


# What is said to the operator


def test_a_web_page_instead_of_an_answer_is_a_wrong_setting(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    server.faults.append(
        Fault("GET", "/vector_stores", "answer", 200, "<html>login</html>", 9, "text/html")
    )
    with pytest.raises(WrongSettings, match="web page"):
        store.find_collection("docs")
    assert collection.id in server.state.stores


def test_a_web_page_in_the_middle_does_not_say_that_nothing_was_done(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    written = store.write_chunks(collection, [chunk(1, "one")], {}).written
    server.faults.append(
        Fault("DELETE", "/files/", "answer", 200, "<!doctype html>login", 9, "text/html")
    )
    with pytest.raises(WrongSettings, match="web page") as refused:
        store.remove_chunks(collection, [ref(chunk(1, "one"), written[chunk_id(1)])])
    assert "nothing was" not in str(refused.value)
    assert "What was written stays" in str(refused.value)
    assert "one" in held(server)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, "<html><body>default backend: not found</body></html>", "text/html"),
        (404, "not found", "text/plain"),
        (404, '{"detail":"Not Found"}', "application/json"),
        (400, "<html>Bad Request</html>", "text/html"),
    ],
)
def test_what_a_proxy_says_is_not_there_is_not_taken_for_removed(
    server: LlamaStackServer, status: int, body: str, kind: str
) -> None:
    store, collection = opened(server)
    written = store.write_chunks(collection, [chunk(1, "one"), chunk(2, "two")], {}).written
    for path in (r"/vector_stores/[^/]+/files/", r"v1/files/"):
        server.faults[:] = [Fault("DELETE", path, "answer", status, body, 99, kind)]
        with pytest.raises(StoreUnavailable, match=f"HTTP {status}"):
            store.remove_chunks(collection, [ref(chunk(1, "one"), written[chunk_id(1)])])
    server.faults[:] = [Fault("GET", "/vector_stores/[^/]+$", "answer", status, body, 99, kind)]
    with pytest.raises(StoreUnavailable):
        store.count_rows(collection)
    server.faults.clear()
    assert "two" in held(server)
    store.remove_chunks(collection, [ref(chunk(1, "one"), written[chunk_id(1)])])
    all_is_well(server, "two")


def test_a_page_about_html_is_not_taken_for_a_web_page() -> None:
    """Its text is read back where a write was cut off."""
    with LlamaStackServer("0.7.3") as server:
        store, collection = opened(server, late_seconds=0.0)
        server.faults.append(Fault("POST", ATTACH, "late", questions=99))
        text = "<html> opens a document"
        assert set(store.write_chunks(collection, [chunk(1, text)], {}).written) == {chunk_id(1)}


def test_a_web_page_at_the_start_is_no_sign_of_a_llama_stack() -> None:
    with LlamaStackServer() as server:
        server.faults.append(Fault("GET", "", "answer", 200, "<html>login</html>", 99, "text/html"))
        with pytest.raises(WrongSettings, match=r"no sign of a Llama Stack at .* HTML"):
            store_at(server).connect()


def test_an_answer_that_is_no_listing_is_never_taken_for_an_empty_one(
    server: LlamaStackServer,
) -> None:
    store, collection = opened(server)
    store.write_chunks(collection, [chunk(1, "one")], {})
    server.faults.append(Fault("GET", "/files$", "answer", 200, "{}"))
    with pytest.raises(StoreUnavailable, match="not a listing"):
        list(store.list_rows(collection))


def test_a_redirect_is_not_followed(server: LlamaStackServer) -> None:
    store, _ = opened(server)
    server.faults.append(Fault("GET", "/vector_stores", "answer", 307, ""))
    with pytest.raises(WrongSettings, match="redirects"):
        store.find_collection("docs")


def test_a_proxy_that_adds_the_version_header_is_named(server: LlamaStackServer) -> None:
    store, _ = opened(server)
    said = (
        '{"error":{"message":"Client version 0.7.3 is not compatible with server version 0.2.23."}}'
    )
    server.faults.append(Fault("GET", "/vector_stores", "answer", 426, said))
    with pytest.raises(WrongSettings, match=r"not compatible with server version 0\.2\.23.*proxy"):
        store.find_collection("docs")


def test_a_refused_key_is_a_matter_of_permission_and_is_not_repeated_in_the_message() -> None:
    with LlamaStackServer(api_key="right") as server:
        store = store_at(server, api_key="s3cret-wrong")
        with pytest.raises(PermissionRefused) as refused:
            store.connect()
        assert "s3cret-wrong" not in str(refused.value)
        right = store_at(server, api_key="right")
        right.connect()
        assert right.find_collection("docs") is None
        server.api_key = "another"
        with pytest.raises(PermissionRefused, match="LLAMA_API_KEY"):
            right.find_collection("docs")


def test_a_failure_of_the_server_is_told_in_its_own_words(server: LlamaStackServer) -> None:
    store, collection = opened(server)
    said = '{"error":{"detail":{"errors":[{"loc":["body","query"],"msg":"Field required"}]}}}'
    server.faults.append(Fault("POST", "/search$", "answer", 500, said))
    with pytest.raises(StoreUnavailable, match="Field required"):
        store.search(collection, "x", 1)
