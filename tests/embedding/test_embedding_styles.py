"""Each kind of server is asked as its own clients ask it, and its answers and errors are
understood."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from confluence_mirror.embedding import ServerEmbedder, ServerOptions
from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_mirror.model import EmbeddingApi, Unembedded
from tests.servers.embedding_styles import KEY, LONGEST, MODEL, MOST, StyledServer
from tests.stores.words import hashed_words

STYLES: list[EmbeddingApi] = ["azure", "ollama", "tei"]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[StyledServer]:
    with StyledServer(request.param) as found:
        yield found


def embedder(server: StyledServer, **options: object) -> ServerEmbedder:
    given = {
        "api_key": KEY,
        "style": server.style,
        "api_version": "2024-10-21",
        "headers": {"X-Team": "docs, and more"},
        "patience": 30.0,
        **options,
    }
    return ServerEmbedder(server.url, MODEL, ServerOptions(**given), sleep=lambda _: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("server", STYLES, indirect=True)
def test_texts_become_vectors_in_their_order_however_many_the_server_takes(
    server: StyledServer,
) -> None:
    texts = [f"text number {number}" for number in range(3 * MOST)]
    model = embedder(server)
    assert model(texts) == [hashed_words(text) for text in texts]
    assert MOST // 2 < int(model.learned_limit()) <= MOST
    assert model.embed_question("who?") == hashed_words("who?")
    assert {headers["X-Team"] for headers in server.headers} == {"docs, and more"}


@pytest.mark.parametrize("server", STYLES, indirect=True)
def test_a_text_that_is_too_long_is_never_cut_and_is_its_own_failure(server: StyledServer) -> None:
    model = embedder(server)
    dense = "☠" * (LONGEST // 2)  # several tokens a character
    found = model(["one", dense, "three"])
    assert [isinstance(each, Unembedded) for each in found] == [False, True, False]


@pytest.mark.parametrize("server", STYLES, indirect=True)
def test_a_server_that_is_busy_is_waited_for(server: StyledServer) -> None:
    server.busy = 3
    assert embedder(server)(["one"]) == [hashed_words("one")]


@pytest.mark.parametrize("server", STYLES, indirect=True)
def test_a_server_that_stays_busy_ends_the_run(server: StyledServer) -> None:
    server.busy = 1000
    with pytest.raises(StoreUnavailable, match=r"busy|overloaded|limit"):
        embedder(server)(["one"])


@pytest.mark.parametrize("server", STYLES, indirect=True)
def test_an_unknown_model_or_a_refused_key_is_said_without_the_key(server: StyledServer) -> None:
    with pytest.raises(PermissionRefused) as refused:
        embedder(server, api_key="another-key")(["one"])
    assert "another-key" not in str(refused.value)
    if server.style != "tei":  # it has one model, and is not asked for it
        with pytest.raises(WrongSettings, match="EMBEDDING_MODEL_ID"):
            ServerEmbedder(
                server.url, "none", ServerOptions(KEY, server.style), sleep=lambda _: None
            )(["one"])


def test_requests_of_several_threads_are_in_flight_at_a_time() -> None:
    with StyledServer("tei") as server:
        server.together = threading.Barrier(3, timeout=20)
        model = embedder(server, concurrency=3)
        threads = [threading.Thread(target=model, args=([f"text {n}"],)) for n in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
        assert model.embedded == 3


def test_a_server_that_answers_one_at_a_time_is_given_one_at_a_time_and_no_text_is_blamed() -> None:
    with StyledServer("tei") as server:
        server.alone = True
        model = embedder(server, concurrency=3, timeout=0.3)
        texts = [[f"text {n} of {thread}" for n in range(2)] for thread in range(3)]
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(model, texts))
        assert found == [[hashed_words(text) for text in some] for some in texts]


def test_addresses_are_those_that_people_have_of_a_server() -> None:
    for style, given, asked in (
        ("azure", "https://r.openai.azure.com/", "/openai/deployments/m%2F1/embeddings"),
        ("azure", "https://r.openai.azure.com/openai/v1", "/openai/deployments/m%2F1/embeddings"),
        ("ollama", "http://127.0.0.1:11434/v1", "/api/embed"),
        ("ollama", "http://127.0.0.1:11434", "/api/embed"),
        ("tei", "http://127.0.0.1:8080/models/bge", "/models/bge/embed"),
    ):
        model = ServerEmbedder(given, "m/1", ServerOptions(style=style))  # type: ignore[arg-type]
        assert json.dumps(repr(model._client._session)).endswith(f"{asked}')\"")
        model.close()
