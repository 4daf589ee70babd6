"""Vectors from a server: in the order of the texts, whole, and never on trust."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import responses

from confluence_mirror.embedding import Embedder, ServerEmbedder, ServerOptions
from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings

URL = "https://embed.example.org/v1/embeddings"
KEY = "secret-embedding-key"


def vector(text: str, seen: int = 10**9) -> list[float]:
    """A vector that depends on the first ``seen`` characters of a text."""
    counts = [1.0] * 8
    for place, char in enumerate(text[:seen]):
        counts[(ord(char) + place) % 8] += 1
    return counts


Answer = tuple[int, dict[str, str], str]


class Server:
    """Answers as told: a list of answers, one a request, then the usual one."""

    def __init__(self) -> None:
        self.seen = 10**9
        self.answers: list[Any] = []
        self.requests: list[requests.PreparedRequest] = []
        self.shape: Callable[[list[list[float]]], Any] = self.rows

    @staticmethod
    def rows(vectors: list[list[float]]) -> Any:
        return {
            "data": [{"index": place, "embedding": found} for place, found in enumerate(vectors)]
        }

    def __call__(self, request: requests.PreparedRequest) -> Answer:
        self.requests.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[no-any-return]
        texts = json.loads(request.body or "{}")["input"]
        return 200, {}, json.dumps(self.shape([vector(text, self.seen) for text in texts]))

    def inputs(self) -> list[list[str]]:
        return [json.loads(request.body or "{}")["input"] for request in self.requests]


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback(responses.POST, URL, callback=found)
        yield found


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def embedder(slept: list[float]) -> Iterator[Embedder]:
    found = ServerEmbedder(
        "https://embed.example.org/v1", "some-model", ServerOptions(KEY), sleep=slept.append
    )
    yield found
    found.close()


def test_texts_become_vectors(server: Server, embedder: Embedder) -> None:
    assert embedder(["one", "two"]) == [vector("one"), vector("two")]
    assert embedder.dimension == 8
    assert embedder.embedded == 2
    sent = server.requests[0]
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert json.loads(sent.body or "")["model"] == "some-model"


def test_no_texts_ask_nothing(server: Server, embedder: Embedder) -> None:
    assert embedder([]) == []
    assert server.requests == []


def test_the_dimension_can_be_asked_for_first(server: Server, embedder: Embedder) -> None:
    assert embedder.dimension == 8
    assert embedder.embedded == 0


@pytest.mark.parametrize(
    "address", ["https://embed.example.org", "https://embed.example.org/v1/", URL]
)
def test_an_address_may_be_given_with_or_without_its_path(server: Server, address: str) -> None:
    assert ServerEmbedder(address, "m")(["a"]) == [vector("a")]


def test_vectors_are_put_in_order_by_their_index(server: Server, embedder: Embedder) -> None:
    server.shape = lambda vectors: {"data": Server.rows(vectors)["data"][::-1]}
    assert embedder(["one", "two", "three"]) == [vector("one"), vector("two"), vector("three")]


def test_base64_is_read_as_little_endian_floats(server: Server, embedder: Embedder) -> None:
    server.shape = lambda vectors: {
        "data": [
            {"index": place, "embedding": base64.b64encode(struct.pack("<8f", *found)).decode()}
            for place, found in enumerate(vectors)
        ]
    }
    assert embedder(["one", "two"]) == [vector("one"), vector("two")]


def bent(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[list[list[float]]], Any]:
    def shape(vectors: list[list[float]]) -> Any:
        rows = Server.rows(vectors)["data"]
        changed = change(rows)
        return {"data": rows if changed is None else changed}

    return shape


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:-1], "vectors for"),
        (lambda rows: [*rows, rows[0]], "2 vectors for 1 text"),
        (lambda rows: "many", "no vectors"),
        (lambda rows: rows[-1].update(index=-1), "index matches no text"),
        (lambda rows: rows[-1].update(index=7), "index matches no text"),
        (lambda rows: rows[-1].update(index="1"), "index matches no text"),
        (lambda rows: ["x", *rows[1:]], "index matches no text"),
        (lambda rows: rows[-1].update(embedding=[math.nan] * 8), "NaN"),
        (lambda rows: rows[-1].update(embedding=[math.inf] * 8), "NaN"),
        (lambda rows: rows[-1].update(embedding=[0.0] * 8), "of zeros"),
        (lambda rows: rows[-1].update(embedding=[]), "of zeros"),
        (lambda rows: rows[-1].update(embedding=None), "neither numbers nor base64"),
        (lambda rows: rows[-1].update(embedding="!!"), "neither numbers nor base64"),
        (lambda rows: rows[-1].update(embedding="AAAAAAA="), "neither numbers nor base64"),
    ],
)
def test_a_server_whose_every_answer_is_nonsense_is_unavailable(
    server: Server, embedder: Embedder, change: Callable[[list[dict[str, Any]]], Any], said: str
) -> None:
    server.shape = bent(change)
    with pytest.raises(StoreUnavailable, match=said):
        embedder(["one", "two", "three"])


def test_vectors_that_have_become_shorter_for_every_text_end_the_run(
    server: Server, embedder: Embedder
) -> None:
    embedder(["one"])
    server.shape = bent(lambda rows: [{**row, "embedding": [1.0] * 7} for row in rows])
    with pytest.raises(StoreUnavailable, match="7 numbers after vectors of 8"):
        embedder(["two"])


def test_a_server_that_cuts_texts_off_is_found_out(server: Server, embedder: Embedder) -> None:
    server.seen = 1500
    assert embedder(["word " * 250])
    with pytest.raises(WrongSettings, match=r"2500 characters to its end.*CHUNK_TOKENS.*num_ctx"):
        embedder(["short", "word " * 500])


def test_a_server_that_reads_to_the_end_is_asked_for_that_once_a_length(
    server: Server, embedder: Embedder
) -> None:
    for length in (1000, 1000, 900, 1100, 1249):
        embedder(["x" * length])
    assert sum(len(texts) == 2 for texts in server.inputs()) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_fault_is_tried_again_and_waited_for_as_asked(
    server: Server, embedder: Embedder, slept: list[float], status: int
) -> None:
    server.answers = [(status, {"Retry-After": "7"}, "")]
    assert embedder(["a"]) == [vector("a")]
    assert len(slept) == 1
    assert slept[0] >= 7


@pytest.mark.parametrize("status", [424, 429, 503, 529])
def test_a_server_that_is_busy_for_ten_minutes_is_unavailable_and_its_own_words_say_why(
    server: Server, embedder: Embedder, slept: list[float], status: int
) -> None:
    server.answers = [
        (status, {"Retry-After": "9999"}, json.dumps({"error": "Model is overloaded"}))
    ] * 20
    with pytest.raises(StoreUnavailable, match=rf"answered {status} \(Model is overloaded\)"):
        embedder(["a"])
    assert 600 <= sum(slept) < 700
    assert max(slept) <= 60


def test_a_model_that_is_still_loading_is_waited_for_whatever_the_status(
    server: Server, embedder: Embedder, slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server.answers = [
        (500, {"Retry-After": "45.5"}, json.dumps({"error": "Model x is currently loading"}))
    ] * 8
    assert embedder(["a"]) == [vector("a")]
    assert sum(slept) >= 8 * 45.5
    said = [
        record.getMessage()
        for record in caplog.records
        if "waiting for the embedding server" in record.message
    ]
    assert len(said) >= 5  # one per minute
    assert "currently loading" in said[0]


def test_an_answer_that_is_no_json_is_tried_again(server: Server, embedder: Embedder) -> None:
    server.answers = [(200, {}, "<html>")]
    assert embedder(["a"]) == [vector("a")]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_said_without_showing_it(
    server: Server, embedder: Embedder, status: int
) -> None:
    server.answers = [(status, {}, json.dumps({"error": {"message": f"bad key {KEY}"}}))] * 2
    with pytest.raises(PermissionRefused, match="EMBEDDING_API_KEY") as caught:
        embedder(["a"])
    assert KEY not in str(caught.value)
    assert len(server.requests) <= 2


def test_where_everything_is_refused_it_is_a_matter_of_settings(
    server: Server, embedder: Embedder
) -> None:
    server.answers = [
        (400, {}, json.dumps({"error": {"message": "input length exceeds the context length"}}))
    ] * 9
    with pytest.raises(
        WrongSettings, match=r"some-model.*input length exceeds.*CHUNK_TOKENS"
    ) as caught:
        embedder(["a"])
    assert "\n" not in str(caught.value)


def test_a_refusal_that_repeats_the_key_is_told_without_it(
    server: Server, embedder: Embedder
) -> None:
    server.answers = [(404, {}, f"no model for {KEY}")]
    with pytest.raises(WrongSettings) as caught:
        embedder(["a"])
    assert KEY not in str(caught.value)


def test_headers_of_ones_own_are_sent_and_told_to_nobody(server: Server) -> None:
    options = ServerOptions(headers={"X-Gateway-Key": "s3cret-of-a-gateway"})
    model = ServerEmbedder("https://embed.example.org/v1", "m", options, sleep=lambda _: None)
    server.answers = [(404, {}, "no route for s3cret-of-a-gateway")]
    with pytest.raises(WrongSettings) as caught:
        model(["a"])
    assert server.requests[0].headers["X-Gateway-Key"] == "s3cret-of-a-gateway"
    assert "s3cret" not in f"{caught.value} {model!r} {vars(model)} {options!r}"


def test_a_request_that_is_too_large_is_halved(server: Server, embedder: Embedder) -> None:
    texts = ["one", "two", "three", "four"]
    server.answers = [(413, {}, "")]
    assert embedder(texts) == [vector(text) for text in texts]
    assert [len(asked) for asked in server.inputs()] == [4, 1, 2, 2]


def test_a_redirect_is_not_followed_so_that_the_key_stays_at_home(
    server: Server, embedder: Embedder
) -> None:
    server.answers = [(307, {"Location": "https://elsewhere.example.org/"}, "")]
    with pytest.raises(WrongSettings, match="307"):
        embedder(["a"])
    assert len(server.requests) == 1


def test_an_untrusted_certificate_is_said_at_once(server: Server, embedder: Embedder) -> None:
    server.answers = [requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED: self-signed")]
    with pytest.raises(WrongSettings, match="CA_BUNDLE"):
        embedder(["a"])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "address",
    ["", "embed.example.org", "ftp://embed.example.org", f"https://me:{KEY}@h.example/v1"],
)
def test_a_wrong_address_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises(WrongSettings, match="EMBEDDING_BASE_URL") as caught:
        ServerEmbedder(address, "m")
    assert KEY not in str(caught.value)


def test_the_key_is_in_no_picture_of_the_embedder(embedder: Embedder) -> None:
    assert KEY not in repr(embedder)
    assert KEY not in str(vars(embedder))
