"""Time grows with a text as its length does, whatever the text is: CPU time at two sizes, the
larger four times the smaller. Quadratic work would cost sixteen times as much."""

from __future__ import annotations

import time

import pytest

from confluence_mirror.chunking import ChunkSettings, chunk_page, load_tokenizer
from confluence_mirror.markdown import convert

TOKENIZER = load_tokenizer("cl100k_base")
SIZE = 30_000


def code(text: str) -> str:
    return f"```\n{text}\n```\n"


def _row(n: int) -> str:
    return "|" + " x |" * n + "\n|" + " --- |" * n + "\n|" + " y |" * n


TEXTS = {
    "dots": lambda n: "a" + "." * n + "x",
    "dots and quotes": lambda n: '."' * n + "x",
    "blanks in code": lambda n: code("x" + " " * n + "y"),
    "tabs in code": lambda n: code("x" + "\t" * n + "y"),
    "one line of code": lambda n: code("x = 1; " * (n // 4)),
    "ticks in code": lambda n: f"{'`' * (n + 1)}\n{'`' * n}\n{'`' * (n + 1)}\n",
    "a heading with blanks": lambda n: "# a" + " " * n + "b",
    "a heading with signs": lambda n: "# a" + " #" * (n // 4) + "b",
    "a delimiter row with blanks": lambda n: "a | b\n|-" + " " * n + "x",
    "a heading of brackets": lambda n: "# " + "[a](" * (n // 8),
    "quotes in quotes": lambda n: ("> " * 20 + "a\n") * (n // 20),
    "one row": lambda n: _row(n // 20),
}


def cost(text: str) -> float:
    """CPU seconds of cutting this text."""
    began = time.process_time()
    chunk_page(
        text,
        title="T",
        site_id="s",
        page_id="1",
        settings=ChunkSettings(500, 50),
        tokenizer=TOKENIZER,
    )
    return time.process_time() - began


@pytest.mark.parametrize("name", TEXTS)
def test_the_time_for_cutting_is_linear(name: str) -> None:
    small = min(cost(TEXTS[name](SIZE)) for _ in range(2))
    large = min(cost(TEXTS[name](4 * SIZE)) for _ in range(2))
    assert large < 9 * small + 0.2


@pytest.mark.parametrize("blank", [" ", "\t", "\u3000", "\u00a0"])
def test_a_million_blanks_are_counted(blank: str) -> None:
    counted = TOKENIZER.count_tokens("x" + blank * 1_000_000 + "y")
    assert 7_000 < counted <= 1_000_002
    assert TOKENIZER.count_each([blank * 1_000_000]) == [TOKENIZER.count_tokens(blank * 1_000_000)]


def test_a_row_of_very_many_cells_is_cut_and_keeps_them() -> None:
    cells = 20_000
    markdown = convert(
        "<table><tr>" + "".join(f"<td>x{n}</td>" for n in range(cells)) + "</tr></table>"
    ).markdown
    pieces = chunk_page(
        markdown,
        title="T",
        site_id="s",
        page_id="1",
        settings=ChunkSettings(500, 0),
        tokenizer=TOKENIZER,
    )
    assert {word for piece in pieces for word in piece.text.split()} >= {
        f"x{n}" for n in range(cells)
    }
