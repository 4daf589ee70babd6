"""What is embedded: a chunk's words behind its model's prefix, a question behind its own, cut to
what the model sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from confluence_mirror.chunking import VENDORED, first_tokens, load_tokenizer
from confluence_mirror.embedding import Embedder, FormedEmbedder, ServerEmbedder, text_form
from confluence_mirror.embedding.prefixes import model_prefixes
from confluence_mirror.errors import PermissionRefused
from confluence_mirror.model import Unembedded
from confluence_mirror.runs.components import shorten_question
from tests.servers.embedding import EmbeddingServer, Moods
from tests.stores.words import hashed_words

MODEL = "bge-m3"
LOG = "2026-01-31T08:15:00Z ERROR ledger-restore: broken pipe (os error 32) " * 60


class Listener:
    """Fulfils ``Embedder``: remembers what it was given; texts with a ``☠`` are refused."""

    model_id, dimension, max_tokens, embedded = "some-model", 1, 512, 0
    tokenizer_path: Path | None = None

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[list[float] | Unembedded]:
        self.heard += texts
        return [Unembedded("it is ill") if "☠" in text else [1.0] for text in texts]

    def embed_question(self, text: str) -> list[float] | Unembedded:
        return self([text])[0]

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(**{MODEL: 48, "multilingual-e5-small": 48}) as server:
        yield server


def of_server(server: EmbeddingServer, model: str = MODEL) -> ServerEmbedder:
    return ServerEmbedder(server.url, model, sleep=lambda _: None, shorten=shorten_question)


@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [
        ("intfloat/e5-large-v2", "query: ", "passage: "),
        ("jeffh/multilingual-e5-large:f16", "query: ", "passage: "),
        ("nomic-embed-text:v1.5", "search_query: ", "search_document: "),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("google/embeddinggemma-300m", "task: search result | query: ", "title: none | text: "),
        ("all-MiniLM-L6-v2", "", ""),
        ("BAAI/bge-m3", "", ""),
        ("a-model-of-our-own", "", ""),
    ],
)
def test_a_models_prefixes_are_known_by_its_name(name: str, query: str, passage: str) -> None:
    assert model_prefixes(name) == (query, passage)


def test_a_prefix_that_is_set_counts_and_so_does_the_empty_one() -> None:
    name = "nomic-embed-text"
    assert text_form(name, "q ", None).query_prefix == "q "
    assert text_form(name, "q ", None).passage_prefix == "search_document: "
    assert text_form(name, "", "").of_chunk("T\n\n**x**") == "T\n\nx"


def test_the_forms_name_changes_with_the_passages_prefix_alone() -> None:
    names = {text_form("m", query, "").name for query in ("", "q: ")}
    assert len(names) == 1
    assert len(names | {text_form("m", "", each).name for each in ("p: ", "p:")}) == 3


def test_chunks_are_embedded_in_words_and_questions_as_they_are() -> None:
    listener = Listener()
    embedder = FormedEmbedder(listener, text_form("e5-small-v2"))
    embedder(["Title\n\n| a | **b** |\n| --- | --- |\n| `c` | [d](e) |"])
    embedder.embed_question("what is *d*?")
    assert listener.heard == ["passage: Title\n\na. b\nc. d", "query: what is *d*?"]


def test_a_question_that_is_refused_is_tried_without_its_uncommon_signs() -> None:
    listener = Listener()
    embedder = FormedEmbedder(listener, text_form("m"))
    assert embedder.embed_question("who☠is\ud800 on call?") == [1.0]
    assert listener.heard == ["who☠is? on call?", "who is? on call?"]
    assert isinstance(embedder.embed_question("☠"), Unembedded)


def test_a_question_that_the_local_model_does_not_see_whole_is_cut(model: Embedder) -> None:
    (beginning,) = model(["error " * 254])
    assert model.embed_question("error " * 400) == beginning
    assert isinstance(model(["error " * 400])[0], Unembedded)
    short = model.embed_question("error")
    assert short == model(["error"])[0] != beginning


def test_a_question_to_a_server_is_cut_by_our_count(server: EmbeddingServer) -> None:
    model = of_server(server, "multilingual-e5-small")
    question = "query: " + "alpha beta gamma delta " * 2000
    count = load_tokenizer(VENDORED)
    seen = first_tokens(question, 384, count)
    assert 380 <= count.count_tokens(seen) <= 384
    assert model.embed_question(question) == pytest.approx(hashed_words(seen, 48))
    assert server.requests == 1


def test_a_question_that_a_server_refuses_for_its_length_is_halved(server: EmbeddingServer) -> None:
    server.moods = Moods(longest=600)
    found = of_server(server).embed_question(LOG)
    assert found == pytest.approx(hashed_words(LOG[: len(LOG) // 8], 48))


def test_a_server_that_embeds_nothing_is_no_questions_fault(server: EmbeddingServer) -> None:
    server.moods = Moods(sick=(403, "no"))
    with pytest.raises(PermissionRefused):
        of_server(server).embed_question(LOG)


def test_a_question_that_a_server_never_takes_says_why(server: EmbeddingServer) -> None:
    server.moods = Moods(refuses={"ledger": (400, "ledger is forbidden")})
    found = of_server(server).embed_question(LOG)
    assert isinstance(found, Unembedded)
    assert "forbidden" in found.reason


@pytest.mark.parametrize("text", ["", "a", "日本語 " * 50, "word " * 50])
def test_the_first_tokens_of_a_text_are_as_many_as_fit(text: str) -> None:
    count = load_tokenizer(VENDORED)
    for most in (0, 1, 7, 1000):
        found = first_tokens(text, most, count)
        assert text.startswith(found)
        assert count.count_tokens(found) <= most
        assert found == text or count.count_tokens(found) >= most - 3
