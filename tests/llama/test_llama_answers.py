"""Answers that are not a Llama Stack's, and refusals: what the operator is told."""

from __future__ import annotations

import pytest

from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from tests.llama.common import all_is_well, chunk, chunk_id, held, opened, ref, store_at
from tests.servers.llama_stack import Fault, LlamaStackServer

ATTACH = r"/vector_stores/[^/]+/files$"
UPLOAD = r"v1/files$"


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
