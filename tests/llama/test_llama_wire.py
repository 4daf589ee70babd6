"""The wire through the users' own client: what it sends, and what it makes of the answers. Needs
Python 3.12."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from confluence_mirror.errors import WrongSettings
from confluence_mirror.stores.llama.store import LlamaStore
from confluence_mirror.stores.llama.wire import ClientWire, LostAnswerError
from tests.llama.common import chunk, held, opened, ref
from tests.servers.llama_stack import Fault, LlamaStackServer


@pytest.fixture
def server() -> Iterator[LlamaStackServer]:
    with LlamaStackServer("0.7.3", "sqlite-vec", api_key="right") as running:
        yield running


@pytest.fixture
def client_wire(server: LlamaStackServer) -> Iterator[Callable[..., ClientWire]]:
    """Makes wires with this key, closed at the end."""
    pytest.importorskip("llama_stack_client")
    with ExitStack() as stack:

        def make(api_key: str | None = "right") -> ClientWire:
            wire = ClientWire(server.base_url, api_key=api_key, timeout=10, ca_bundle=None)
            stack.callback(wire.close)
            return wire

        yield make


def test_without_the_client_the_store_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_stack_client", None)
    with pytest.raises(WrongSettings) as refused:
        LlamaStore("http://127.0.0.1:1", embedding_model="m", timeout=1)
    assert "[llama]" in str(refused.value)
    assert "3.12" in str(refused.value)


def test_a_server_of_another_version_takes_the_clients_requests(
    server: LlamaStackServer, client_wire: Callable[..., ClientWire]
) -> None:
    """The client sends its own version, 0.2.23, unless it is kept from it; the server refuses that
    with 426."""
    wire = client_wire()
    assert wire.send("GET", "/v1/vector_stores").status == 200
    assert wire._client.default_headers["X-LlamaStack-Client-Version"] == "0.2.23"


def test_the_whole_store_works_through_the_client(
    server: LlamaStackServer, client_wire: Callable[..., ClientWire]
) -> None:
    store, collection = opened(server, wire=client_wire(), api_key="right")
    written = store.write_chunks(
        collection, [chunk(1, "Zeile eins\nZeile zwei ä 💩"), chunk(2, "zwei")], {}
    ).written
    store.remove_chunks(collection, [ref(chunk(2, "zwei"), written[chunk(2, "").id])])
    assert held(server) == ["Zeile eins\nZeile zwei ä 💩"]
    assert store.search(collection, "Zeile", 1)[0].text == "Zeile eins\nZeile zwei ä 💩"
    assert [row.chunk_id for row in store.list_rows(collection)] == [chunk(1, "").id]
    store.close()
    store.close()


def test_an_error_keeps_its_status_and_its_body(
    server: LlamaStackServer, client_wire: Callable[..., ClientWire]
) -> None:
    answer = client_wire().send("GET", "/v1/vector_stores/vs_none")
    assert answer.status == 400
    assert "not found" in str(answer.body)


def test_a_web_page_comes_as_text_and_a_redirect_as_its_status(
    server: LlamaStackServer, client_wire: Callable[..., ClientWire]
) -> None:
    wire = client_wire()
    server.faults.append(Fault("GET", "/v1/models", "answer", 200, "<html></html>", 1, "text/html"))
    server.faults.append(Fault("GET", "/v1/files", "answer", 302, ""))
    assert wire.send("GET", "/v1/models").body == "<html></html>"
    assert wire.send("GET", "/v1/files").status == 302


def test_a_cut_connection_and_a_server_that_is_gone_are_lost_answers(
    server: LlamaStackServer, client_wire: Callable[..., ClientWire]
) -> None:
    wire = client_wire()
    server.faults.append(Fault("GET", "/v1/models"))
    with pytest.raises(LostAnswerError):
        wire.send("GET", "/v1/models")
    server.stop()
    with pytest.raises(LostAnswerError):
        wire.send("GET", "/v1/models")


def test_without_a_key_none_is_taken_from_the_clients_own_environment(
    client_wire: Callable[..., ClientWire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_STACK_CLIENT_API_KEY", "right")
    assert client_wire(api_key=None).send("GET", "/v1/models").status == 401
    assert client_wire(api_key="wrong").send("GET", "/v1/models").status == 401


def test_the_clients_import_does_not_change_the_programs_logging() -> None:
    pytest.importorskip("llama_stack_client")
    program = """
import logging
from confluence_mirror.stores.llama.wire import ClientWire
ClientWire("http://127.0.0.1:1", api_key=None, timeout=1, ca_bundle=None).close()
print(logging.root.handlers, logging.root.level, logging.getLogger("httpx").level)
"""
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == f"[] {logging.WARNING} {logging.WARNING}"
