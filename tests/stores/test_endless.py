"""A listing that a server never ends is ended here, and said to be one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.stores.chroma.http import LIST_LIMIT, RemoteClient
from confluence_mirror.stores.http import Api
from confluence_mirror.stores.llama import api
from confluence_mirror.stores.llama.api import LlamaApi
from confluence_mirror.stores.vector_api.wire import UnderscoreWire
from tests.llama.wire import RequestsWire
from tests.servers.sockets import answer, read_request, talking

Serve = Callable[[Callable[[dict[str, list[str]]], object]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers every request with what the function makes of its query."""
    with ExitStack() as stack:

        def start(make: Callable[[dict[str, list[str]]], object]) -> str:
            def talk(connection: object) -> None:
                target = read_request(connection).split(b" ")[1].decode()  # type: ignore[arg-type]
                body = json.dumps(make(parse_qs(urlsplit(target).query))).encode()
                connection.sendall(answer(body))  # type: ignore[attr-defined]

            return f"http://{stack.enter_context(talking(talk))}"

        yield start


def test_of_chroma_collections_where_the_offset_is_ignored(serve: Serve) -> None:
    url = serve(
        lambda _query: [{"id": f"c{number}", "name": f"n{number}"} for number in range(LIST_LIMIT)]
    )
    assert len(RemoteClient(Api(url), "t", "d").list_collections()) == LIST_LIMIT


def test_of_llama_stack_files_where_there_is_always_more(serve: Serve) -> None:
    url = serve(lambda _query: {"data": [{"id": "file-1", "filename": "a"}], "has_more": True})
    with pytest.raises(StoreUnavailable, match="lists files without end"):
        LlamaApi(RequestsWire(url), location=url, late_seconds=1).files()


def test_of_llama_stack_stores_and_of_a_stores_files_that_are_made_up_as_they_are_asked_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MOST_ROWS", 15_000)
    numbers = count()
    url = serve(
        lambda query: {
            "data": [{"id": f"made-up-{next(numbers)}"} for _ in range(int(query["limit"][0]))]
        }
    )
    server = LlamaApi(RequestsWire(url), location=url, late_seconds=1)
    with pytest.raises(StoreUnavailable, match="the list of a store's files without end"):
        server.store_files("vs_1")
    with pytest.raises(StoreUnavailable, match="the list of stores without end"):
        list(server.stores())


def test_of_llama_stack_stores_where_the_cursor_is_ignored(serve: Serve) -> None:
    url = serve(lambda _query: {"data": [{"id": "vs_1"}, {"id": "vs_2"}], "has_more": True})
    server = LlamaApi(RequestsWire(url), location=url, late_seconds=1)
    assert [row.id for row in server.stores()] == ["vs_1", "vs_2"]


def test_of_a_vector_api_that_goes_in_a_circle_or_shows_nothing_new(serve: Serve) -> None:
    numbers = count()
    rows = {"documents": [{"document_id": "d", "text": "t", "metadata": {}}]}
    circle = serve(lambda _query: {**rows, "next_cursor": "same"})
    with pytest.raises(StoreUnavailable, match="circles"):
        list(UnderscoreWire(Api(circle)).rows("c"))
    endless = serve(lambda _query: {**rows, "next_cursor": f"c{next(numbers)}"})
    with pytest.raises(StoreUnavailable, match="circles"):
        list(UnderscoreWire(Api(endless)).rows("c"))
