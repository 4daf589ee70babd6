"""Names, texts and attributes of the files that stand for chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.stores.llama import names
from tests.llama.common import chunk

STORE = "vs_97709b86-0000-4000-8000-000000000000"
ANY_TEXT = st.text(max_size=40).map(lambda text: text.encode("utf-8", "ignore").decode())


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, st.from_regex(r"[0-9a-f]{8}", fullmatch=True))
def test_a_file_name_gives_back_the_chunk_it_was_made_from(
    site: str, page: str, chunk_id: str, revision: str
) -> None:
    told = names.FileName(site, page, chunk_id, revision)
    assert names.parse(STORE, names.file_name(STORE, told)) == told


@given(ANY_TEXT)
def test_a_foreign_file_name_is_never_taken_for_ours(name: str) -> None:
    assert names.parse(STORE, name) is None
    assert names.parse(STORE, f"confluence-sync--000000000000--{name}.md") is None


def test_the_files_of_two_stores_are_told_apart_by_their_names() -> None:
    name = names.file_name(STORE, names.identity(chunk(1, "text")))
    assert names.is_ours(STORE, name)
    assert not names.is_ours("vs_another", name)


def test_an_end_marker_is_ours_and_stands_for_no_chunk() -> None:
    name = names.marker_name(STORE, "0123")
    assert names.is_ours(STORE, name)
    assert names.is_marker(STORE, name)
    assert names.parse(STORE, name) is None


@given(ANY_TEXT, ANY_TEXT)
def test_a_chunk_reads_back_as_it_was_written_but_for_the_special_tokens(
    text: str, url: str
) -> None:
    stored, broken = names.file_text(chunk(1, text, url=url), "cafe0000")
    assert broken == 0
    assert names.chunk_text(stored) == text


def test_the_tokens_on_which_a_server_fails_are_broken_up_and_counted_and_others_are_not() -> None:
    text = "<|endoftext|> <|fim_prefix|><|fim_middle|> <|im_start|> <|eot_id|> <|endoftext"
    stored, broken = names.file_text(chunk(1, text), "cafe0000")
    assert broken == 3
    assert names.chunk_text(stored).replace("\u200b", "") == text
    assert "<|endoftext|>" not in stored
    assert "<|im_start|> <|eot_id|> <|endoftext" in stored


def test_two_uploads_of_one_chunk_have_different_texts() -> None:
    same = chunk(1, "text")
    assert names.file_text(same, "cafe0000")[0] != names.file_text(same, "cafe0001")[0]


def test_a_file_has_sixteen_attributes_at_most_none_too_long_and_none_reserved() -> None:
    long = chunk(
        1, "text", title="ä" * 600, chunk_id="x", document_id="y", token_count=1, author="Ann"
    )
    given_to_it = names.attributes(long, "file-1", "name.md")
    assert len(given_to_it) == 16
    assert not {"chunk_id", "document_id", "token_count"} & set(given_to_it)
    assert given_to_it["title"] == "ä" * 499 + "…"
    assert all(isinstance(value, int) or len(value) <= 512 for value in given_to_it.values())
