"""Values in CQL can never leave their quotes, and windows are relative."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.confluence import cql


def read_string(text: str) -> tuple[str, str]:
    """A CQL string at the beginning of ``text``, as the index's parser reads it, and what
    follows."""
    assert text[0] == '"'
    value, position = "", 1
    while text[position] != '"':
        position += text[position] == "\\"
        value += text[position]
        position += 1
    return value, text[position + 1 :]


@given(st.text())
def test_any_value_comes_out_of_its_quotes_as_it_went_in(value: str) -> None:
    assert read_string(cql.quote_value(value) + " and more") == (value, " and more")


@given(
    st.lists(st.text(max_size=20), min_size=1, max_size=4),
    st.lists(st.text(max_size=20), max_size=3),
)
def test_no_space_key_and_no_label_can_widen_a_question(keys: list[str], labels: list[str]) -> None:
    question = cql.content_in(keys, labels)

    without_strings = re.sub(r'"(?:[^"\\]|\\.)*"', "S", question, flags=re.DOTALL)
    spaces = ", ".join("S" for _ in keys)
    expected = f"type in (page, blogpost) and space in ({spaces})"
    if labels:
        expected += f" and label in ({', '.join('S' for _ in labels)})"
    assert without_strings == expected


def test_personal_space_keys_are_quoted() -> None:
    assert 'space in ("~712020abc")' in cql.content_in(["~712020abc"])


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_windows_reach_back_in_hours_from_now_and_name_no_date(since: int, until: int) -> None:
    question = cql.changed_in(["KEY"], [], since, until)

    assert f'lastmodified >= now("-{since}h")' in question
    assert f'lastmodified <= now("-{until}h")' in question
    assert question.endswith("order by lastmodified asc")
    assert not re.search(r"\d{4}[-/]\d", question)


def test_all_spaces_are_asked_for_by_naming_none() -> None:
    assert "space" not in cql.content_in([])
