"""What stands at the head of a document is YAML, and is read back."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.document_store.front_matter import read_metadata, write_document

VALUES = st.text() | st.text(alphabet="a\"'\\:#-\n\u0085\u2028\x7f\ufeff \t\x00", max_size=8)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), VALUES | st.integers()))
def test_any_metadata_is_read_back_by_us_and_by_any_reader_of_yaml(
    values: dict[str, str | int],
) -> None:
    values = values | {"page_id": "123"}
    written = write_document(values, "---\n\n# Text\n").encode("utf-8", "replace")
    assert read_metadata(written) == values
    head = written.decode().split("\n---\n")[0]
    if not any("\ud800" <= char <= "\udfff" for value in values.values() for char in str(value)):
        assert yaml.safe_load(head) == values


def test_the_page_id_stands_first_and_the_text_follows_a_blank_line() -> None:
    text = write_document({"title": "A: b", "page_id": "7", "version": 3}, "Text.\n\n\n")
    assert text == '---\npage_id: "7"\ntitle: "A: b"\nversion: 3\n---\n\nText.\n'


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"---\ntitle: A\n---\n", b"---\n- 1\n---\n", b"---\na: {}\n---\n", b""])
)
def test_a_file_of_others_has_no_metadata_of_ours(content: bytes) -> None:
    assert read_metadata(content) == {}
