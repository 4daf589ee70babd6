"""What is shown of a text: around the words of the question, and nothing that is not in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.search.excerpt import find_passages, find_words
from confluence_mirror.text.terms import index_terms, question_terms

FILLER = "Nothing here is of any use to whoever asks, and it is said at length. " * 12
TEXT = f"""## Before you begin

{FILLER}Drain the node first. Then restart the ingress. {FILLER}

| setting | value | unit |
| --- | --- | --- |
| max_connections | 20 | connections |
| idle_timeout | 30 | seconds |
| retries | 5 | times |

```sh
#!/bin/sh
set -eu
kubectl drain "$1"
systemctl restart haproxy
kubectl uncordon "$1"
echo done
exit 0
```

- 中文的重启服务说明在这里。请参考手册。
"""


def shown(question: str, text: str = TEXT) -> str:
    return "\n---\n".join(find_passages(text, question))


def test_of_prose_the_sentences_around_what_matched_are_shown() -> None:
    passage = shown("how do I restart the ingress?")
    assert "Then restart the ingress." in passage
    assert len(passage) < 400
    assert "max_connections" not in passage


def test_of_a_table_the_row_is_shown_with_its_header() -> None:
    assert shown("idle timeout") == "| setting | value | unit |\n| idle_timeout | 30 | seconds |"


def test_of_code_the_lines_around_are_shown() -> None:
    assert shown("haproxy").splitlines() == [
        'kubectl drain "$1"',
        "systemctl restart haproxy",
        'kubectl uncordon "$1"',
        "echo done",
        "exit 0",
    ]


def test_under_a_heading_that_matched_stands_what_it_is_about() -> None:
    passage = shown("before", "## Before you begin\n\nDrain the node.\n\n## After\n\nRelax.")
    assert passage == "## Before you begin\nDrain the node."


def test_words_of_two_places_are_shown_in_two_passages() -> None:
    passage = shown("drain node haproxy")
    assert passage.count("---") == 1
    assert "Drain the node first." in passage
    assert "restart haproxy" in passage


def test_without_any_word_of_the_question_the_beginning_is_shown() -> None:
    assert shown("photosynthesis").startswith("## Before you begin\nNothing here")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Where is max_connections?", ["max_connections", "connections"]),
        ("RESTART services", ["restart", "restart"]),
        ("重启服务", ["重启服务"]),
        ("the idle of a", ["idle_timeout"]),
    ],
)
def test_the_words_of_the_question_are_found(question: str, words: list[str]) -> None:
    assert [TEXT[start:end] for start, end in find_words(TEXT, question)] == words


lines = st.one_of(
    st.just(""),
    st.sampled_from(
        ["```", "| a | b |", "| --- | --- |", "## Heading", "- item", "> quote", "~~~~"]
    ),
    st.text("abcdefg .!|`#-\n", max_size=60),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.integers(1, 400).map(lambda count: "word " * count),
)
texts = st.lists(lines, max_size=12).map("\n".join)


@given(texts, st.text("abcdefgw rod", max_size=12))
def test_an_excerpt_is_a_part_of_the_text_and_has_a_match_where_there_is_one(
    text: str, question: str
) -> None:
    passages = find_passages(text, question)
    assert bool(passages) == bool(text.strip())
    assert all(part in text for passage in passages for part in passage.split("\n"))
    wanted = set(question_terms(question))
    if wanted & set(index_terms(text)):
        assert wanted & set(index_terms("\n".join(passages)))


@given(texts, st.text("abcdefgw rod", max_size=12))
def test_words_are_marked_in_order_and_none_twice(text: str, question: str) -> None:
    ends = 0
    for start, end in find_words(text, question):
        assert ends <= start < end <= len(text)
        ends = end
