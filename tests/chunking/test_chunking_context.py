"""The line that says where a chunk stands."""

from __future__ import annotations

import pytest

from confluence_mirror.chunking import ChunkSettings, Tokenizer, chunk_page


def first_lines(heading: str, title: str, counter: Tokenizer) -> set[str]:
    markdown = f"## {heading}\n\n" + "The text below explains each step. " * 60
    pieces = chunk_page(
        markdown,
        title=title,
        site_id="s",
        page_id="1",
        settings=ChunkSettings(100, 10),
        tokenizer=counter,
    )
    assert len(pieces) > 2
    return {piece.text.split("\n", 1)[0] for piece in pieces} | {
        f"{title} > {piece.heading_path}" for piece in pieces
    }


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("[![Logo](https://x.example/logo.png)](https://x.example/home) Home", "Home"),
        ("![Site plan](plan.png)", "Site plan"),
        (
            "[Pumps [old]](https://x.example/a_(b)_c) and <https://y.example>",
            "Pumps [old] and https://y.example",
        ),
        (
            "**Bold**, _leaning_, ~~gone~~ and `code_with_*marks*`",
            "Bold, leaning, gone and code_with_*marks*",
        ),
        (r"my\_setting\[0\] \< 5", "my_setting[0] < 5"),
        ("H<sub>2</sub>O<br>levels", "H2O levels"),
        ("2 * 3 and snake_case_name", "2 * 3 and snake_case_name"),
    ],
)
def test_a_heading_stands_in_words_in_the_context_line(
    cl100k: Tokenizer, heading: str, words: str
) -> None:
    assert first_lines(heading, "Page", cl100k) == {f"Page > {words}"}


def test_a_title_is_no_markdown_and_stays_as_it_is(cl100k: Tokenizer) -> None:
    assert first_lines("Use", "__init__.py of List<T>", cl100k) == {"__init__.py of List<T> > Use"}
