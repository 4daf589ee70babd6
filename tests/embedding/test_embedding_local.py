"""The local model answers what all-MiniLM-L6-v2 answers, and never for half a text."""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path

import pytest

from confluence_mirror.chunking import (
    ChunkSettings,
    LazyTokenizer,
    chunk_page,
    fit_to_model,
    limit_settings,
)
from confluence_mirror.embedding import (
    SPECIALS,
    TOKENIZER_SHA256,
    DeferredEmbedder,
    Embedder,
    local_embedder,
)
from confluence_mirror.errors import WrongSettings
from confluence_mirror.model import Unembedded

# Made by scripts/make_reference_vectors.py in plain numpy, without the product's code.
REFERENCE = json.loads(Path(__file__).with_name("reference_vectors.json").read_text())


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def test_vectors_are_those_of_the_published_model(model: Embedder) -> None:
    found = model([row["text"] for row in REFERENCE])
    for row, vector in zip(REFERENCE, found, strict=True):
        assert cosine(vector, row["vector"]) >= 0.9999, row["text"]


def test_vectors_have_384_numbers_and_length_1(model: Embedder) -> None:
    for vector in model(["a", "Restore the database of a tenant."]):
        assert len(vector) == model.dimension == 384
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_vectors_come_in_the_order_of_the_texts_whatever_their_lengths(model: Embedder) -> None:
    texts = [row["text"] for row in REFERENCE] * 2
    random.Random(1).shuffle(texts)
    known = {row["text"]: row["vector"] for row in REFERENCE}
    assert all(
        cosine(vector, known[text]) > 0.9999
        for text, vector in zip(texts, model(texts), strict=True)
    )


def test_near_texts_have_near_vectors(model: Embedder) -> None:
    password, cafeteria, question = model(
        ["How to reset your password", "What the cafeteria serves", "I lost my credentials"]
    )
    assert cosine(question, password) > cosine(question, cafeteria) + 0.2


def test_texts_are_counted(model: Embedder) -> None:
    before = model.embedded
    model(["one", "two", "three"])
    model([])
    assert model.embedded == before + 3


def test_a_text_longer_than_the_model_sees_is_not_embedded_and_not_cut(model: Embedder) -> None:
    assert model(["word " * 254])
    short, long = model(["short", "word " * 255])
    assert isinstance(short, list)
    assert long == Unembedded("it has 257 tokens, and all-MiniLM-L6-v2 reads 256 at most")


class PanicException(BaseException):
    """As PyO3 raises it."""


def test_a_text_over_which_the_tokenizer_panics_is_not_embedded_and_the_others_are(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = model._tokenizer.encode_batch  # type: ignore[attr-defined]

    class Panicking:
        def encode_batch(self, texts: list[str]) -> object:
            if any("poison" in text for text in texts):
                raise PanicException("index out of bounds")
            return honest(texts)

    texts = ["one", "a poison", "two", "three", "poison too"]
    expected = model(["one", "two", "three"])
    monkeypatch.setattr(model, "_tokenizer", Panicking())
    found = model(texts)
    assert [isinstance(each, Unembedded) for each in found] == [False, True, False, False, True]
    for vector, right in zip([found[0], found[2], found[3]], expected, strict=True):
        assert cosine(vector, right) > 0.9999


def test_a_vector_of_nan_is_its_texts_failure(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = model._run_model  # type: ignore[attr-defined]
    monkeypatch.setattr(
        model,
        "_run_model",
        lambda ids: [
            [math.nan] * 384 if len(one) > 9 else one_vector
            for one, one_vector in zip(ids, honest(ids), strict=True)
        ],
    )
    short, long = model(["short", "a text of more than nine tokens, for which there is no number"])
    assert isinstance(short, list)
    assert isinstance(long, Unembedded)


def test_chunks_that_were_fitted_to_the_model_are_seen_whole(model: Embedder) -> None:
    assert model.max_tokens is not None
    assert model.tokenizer_path is not None
    settings, tokenizer = fit_to_model(
        ChunkSettings(1000, 180), model.max_tokens, model.tokenizer_path
    )
    path = model.tokenizer_path
    later = LazyTokenizer(lambda: path, TOKENIZER_SHA256)
    assert (later.name, limit_settings(ChunkSettings(1000, 180), model.max_tokens - SPECIALS)) == (
        tokenizer.name,
        settings,
    )
    page = "\n\n".join(
        f"## Part {n}\n\n" + f"Überlastung: `retry_{n}` 再起動 naïve, step {n}. " * 30
        for n in range(2)
    )
    pieces = chunk_page(
        page, title="T", site_id="s", page_id="1", settings=settings, tokenizer=tokenizer
    )
    assert max(piece.tokens for piece in pieces) > 200
    assert len(model([piece.text for piece in pieces])) == len(pieces)


def test_another_model_is_refused_with_the_way_to_have_it() -> None:
    with pytest.raises(WrongSettings, match=r"only all-MiniLM-L6-v2 .* EMBEDDING_BASE_URL"):
        local_embedder("nomic-embed-text")


def test_the_models_scoped_name_is_the_same_model(model: Embedder) -> None:
    scoped = local_embedder("sentence-transformers/all-MiniLM-L6-v2", threads=1)
    assert cosine(scoped(["a"])[0], model(["a"])[0]) > 0.99999
    assert scoped.model_id == "sentence-transformers/all-MiniLM-L6-v2"


def test_progress_is_told_up_to_the_last_text(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confluence_mirror.embedding.local._TOKENS_AT_ONCE", 128)
    told: list[int] = []
    embedder = local_embedder(progress=told.append)
    embedder(["word " * 30] * 17 + ["short"] * 3)
    assert told == sorted(set(told))
    assert len(told) > 1
    assert told[-1] == 20


def test_without_onnxruntime_one_line_says_what_to_install(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(WrongSettings, match=r"onnxruntime.*\[chroma\]"):
        local_embedder()


def test_a_model_that_is_opened_beforehand_gives_the_same_vector(model: Embedder) -> None:
    opened = DeferredEmbedder("all-MiniLM-L6-v2", None)
    opened.begin_to_open()
    assert opened.embed_question("who owns it?") == model.embed_question("who owns it?")


def test_that_there_is_no_model_is_said_when_it_is_needed(tmp_path: Path) -> None:
    opened = DeferredEmbedder("all-MiniLM-L6-v2", tmp_path)
    opened.begin_to_open()
    for _ in range(2):
        with pytest.raises(WrongSettings, match="EMBEDDING_MODEL_PATH"):
            opened.embed_question("who owns it?")
