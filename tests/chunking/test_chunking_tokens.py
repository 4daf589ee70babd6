"""Tokens are counted offline, exactly, and any text is only text."""

from __future__ import annotations

import hashlib
import lzma
import socket
from importlib import resources
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.chunking import ChunkSettings, Tokenizer, fit_to_model, load_tokenizer
from confluence_mirror.chunking.tokens import with_paragraph_cache
from confluence_mirror.errors import WrongSettings

# "tiktoken is great!", the birthday wish and the sum are from OpenAI's cookbook, "How to count
# tokens with tiktoken".
KNOWN = (
    ("", 0),
    ("hello world", 2),
    ("tiktoken is great!", 6),
    ("<|endoftext|>", 7),
    ("お誕生日おめでとう", 9),
    ("2 + 2 = 4", 7),
    ("MAX_RETRY_COUNT=5\n", 6),
)


@pytest.fixture
def closed_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(("text", "tokens"), KNOWN)
def test_cl100k_counts_as_tiktoken_does(cl100k: Tokenizer, text: str, tokens: int) -> None:
    assert cl100k.count_tokens(text) == tokens


@given(st.lists(st.text(max_size=40), max_size=6))
def test_many_texts_count_as_they_do_one_by_one(texts: list[str]) -> None:
    counter = load_tokenizer("cl100k_base")
    assert counter.count_each(texts) == [counter.count_tokens(text) for text in texts]


PARAGRAPHS = st.lists(
    st.sampled_from(
        [
            "\n",
            "\n\n",
            " ",
            "\t",
            "\r\n",
            "\u3000",
            "\x1c",
            "a",
            "B",
            "é",
            "漢",
            "7",
            "/",
            ".",
            "'s",
            "#",
            "🙂",
        ]
    ),
    max_size=24,
).map("".join)


@given(st.lists(PARAGRAPHS, min_size=1, max_size=4))
def test_paragraphs_that_are_remembered_count_as_the_whole_text_does(texts: list[str]) -> None:
    exact = load_tokenizer("cl100k_base")
    counter = with_paragraph_cache(exact)
    for text in [*texts, "\n\n".join(texts), "".join(texts)]:
        assert counter.count_tokens(text) == exact.count_tokens(text)


def test_the_vocabulary_that_ships_is_the_one_that_tiktoken_pins() -> None:
    packed = (
        resources.files("confluence_mirror")
        .joinpath("data", "cl100k_base.tiktoken.xz")
        .read_bytes()
    )
    sha256 = hashlib.sha256(lzma.decompress(packed)).hexdigest()
    assert sha256 == "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"


@pytest.mark.usefixtures("closed_network")
def test_cl100k_needs_neither_network_nor_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert load_tokenizer("cl100k_base").count_tokens("hello world") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("closed_network")
def test_a_vocabulary_that_is_not_here_is_refused_and_not_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(WrongSettings, match=r"o200k_base.*TIKTOKEN_CACHE_DIR"):
        load_tokenizer("o200k_base")


@pytest.mark.usefixtures("closed_network")
def test_a_damaged_vocabulary_in_the_users_cache_is_refused_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790"
    file.write_bytes(b"half a fi")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(WrongSettings, match="o200k_base"):
        load_tokenizer("o200k_base")
    assert file.read_bytes() == b"half a fi"


def test_the_users_cache_is_used_for_another_encoding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def made(name: str) -> tiktoken.Encoding:
        asked.append(name)
        return tiktoken.Encoding(
            name,
            pat_str=r"\S+|\s+",
            mergeable_ranks={bytes([n]): n for n in range(256)},
            special_tokens={},
        )

    vocabulary = b"what the test takes for r50k_base"
    monkeypatch.setattr(
        "confluence_mirror.chunking.tokens._CACHED",
        {"r50k_base": ("file", hashlib.sha256(vocabulary).hexdigest())},
    )
    monkeypatch.setattr(tiktoken, "get_encoding", made)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    (tmp_path / "file").write_bytes(vocabulary)
    assert load_tokenizer("r50k_base").count_tokens("abc") == 3
    assert asked == ["r50k_base"]


@pytest.mark.parametrize("name", ["", "cl100k", "gpt-4", "hf", "/some/path"])
def test_an_unknown_tokenizer_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(WrongSettings, match=r"cl100k_base.*o200k_base.*hf:"):
        load_tokenizer(name)


def test_a_models_own_tokenizer_counts_everything_whatever_its_file_says(pieces_file: Path) -> None:
    counter = load_tokenizer(f"hf:{pieces_file}")
    assert counter.count_tokens("abc") == 3
    assert counter.count_tokens("") == 0
    assert counter.count_tokens("a" * 300) == 300
    assert counter.count_each(["ab cd", "x"]) == [4, 1]


def test_a_tokenizer_files_name_says_what_is_in_it_and_not_where_it_lies(
    pieces_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "other.json"
    copy.write_bytes(pieces_file.read_bytes())
    assert load_tokenizer(f"hf:{copy}").name == load_tokenizer(f"hf:{pieces_file}").name
    copy.write_bytes(pieces_file.read_bytes() + b"\n")
    assert load_tokenizer(f"hf:{copy}").name != load_tokenizer(f"hf:{pieces_file}").name


def test_a_tokenizer_file_that_is_missing_or_no_tokenizer_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the chroma extra is not installed")
    with pytest.raises(WrongSettings, match="cannot be read"):
        load_tokenizer(f"hf:{tmp_path / 'none.json'}")
    (tmp_path / "wrong.json").write_text("{}")
    with pytest.raises(WrongSettings, match=r"is not a tokenizer\.json"):
        load_tokenizer(f"hf:{tmp_path / 'wrong.json'}")


def test_settings_fit_a_model_with_its_special_tokens_and_a_smaller_overlap(
    pieces_file: Path,
) -> None:
    settings, counter = fit_to_model(ChunkSettings(1000, 180), 256, pieces_file)
    assert settings == ChunkSettings(254, 45)
    assert counter.count_tokens("abc") == 3
    assert fit_to_model(ChunkSettings(100, 20), 256, pieces_file)[0] == ChunkSettings(100, 20)
