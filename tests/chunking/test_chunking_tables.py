"""Tables in chunks, read back by a Markdown parser that others wrote."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from confluence_mirror.chunking import ChunkSettings, Tokenizer, chunk_page, load_tokenizer
from tests.selection import only_quick

_PARSER = MarkdownIt("commonmark").enable("table")
_WORD = re.compile(r"\bx\d+r\d+c\d+n\d+\b")


@dataclass(frozen=True)
class Sheet:
    """A table as Markdown, each word of which names its row and its column."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self, prefix: str = "") -> str:
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return "".join(f"{prefix}| {' | '.join(line)} |\n" for line in lines)


@cache
def counter() -> Tokenizer:
    return load_tokenizer("cl100k_base")


def texts(markdown: str, size: ChunkSettings) -> list[str]:
    pieces = chunk_page(
        markdown, title="Page", site_id="s", page_id="1", settings=size, tokenizer=counter()
    )
    assert max(piece.tokens for piece in pieces) <= size.tokens
    return [piece.text for piece in pieces]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text: rows of cells, the header first."""
    found: list[list[list[str]]] = []
    for token in _PARSER.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 3:
            found[-1][-1].append(token.content)
    return found


def a_cell(random: Random, row: int, column: int, words: int) -> str:
    """Text, a list, or code with a bar in it; each word stands once in the table."""
    names = [f"x{random.randrange(10)}r{row}c{column}n{number}" for number in range(words)]
    how = random.randrange(8)
    if how == 0:
        return "<br>".join(f"- {name}" for name in names)
    if how == 1 and names:
        return "`" + r" \| ".join(names) + "`"
    return re.sub(r"(n\d*7) ", r"\1. ", " ".join(names))


def a_sheet(seed: int, *, columns: int, rows: int, longest: int) -> Sheet:
    random = Random(seed)
    header = tuple(f"Column{number}" + " name" * random.randrange(2) for number in range(columns))
    body = []
    for row in range(rows):
        words = [random.choice((0, 1, 2, random.randrange(longest + 1))) for _ in range(columns)]
        body.append(tuple(a_cell(random, row, column, count) for column, count in enumerate(words)))
    return Sheet(header, tuple(body))


sheets = st.builds(
    a_sheet,
    st.integers(0, 2**32),
    columns=st.sampled_from((1, 2, 3, 5, 9, 30)),
    rows=st.integers(1, 40),
    longest=st.sampled_from((3, 12, 80, 400)),
)


def check_rows(sheet: Sheet, found: str, *, as_records: bool) -> None:
    """Every word of a chunk stands in its own column, under or behind its column's name."""
    if as_records:
        for line in found.split("\n"):
            for column in {int(re.findall(r"c(\d+)n", word)[0]) for word in _WORD.findall(line)}:
                assert line.startswith(f"{sheet.header[column]}: "), line
        return
    inside = 0
    for header, *rows in tables(found):
        assert header == list(sheet.header)
        assert rows, "a header by itself"
        for row in rows:
            assert len(row) == len(header)
            for column, text in enumerate(row):
                words = _WORD.findall(text)
                inside += len(words)
                assert {int(re.findall(r"c(\d+)n", word)[0]) for word in words} <= {column}, row
    assert inside == len(_WORD.findall(found)), "a word outside the table"
    bars = [line for line in found.split("\n") if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in bars} <= {len(sheet.header) + 1}, (
        "a row of another width"
    )


@settings(max_examples=50, deadline=None)
@given(sheets, st.sampled_from((128, 254, 1000)), st.booleans())
def test_in_any_table_every_cell_is_in_one_chunk_in_its_column_under_its_header(
    sheet: Sheet, tokens: int, overlaps: bool
) -> None:
    found = texts(sheet.markdown(), ChunkSettings(tokens, tokens * 18 // 100 if overlaps else 0))
    head = sheet.markdown().split("\n", 2)
    as_records = (
        not tables(found[0]) and counter().count_tokens("\n".join(head[:2]) + "\n") > tokens // 3
    )
    assert len(set(found)) == len(found)
    times = Counter(word for text in found for word in set(_WORD.findall(text)))
    for row in sheet.rows:
        repeated = next((column for column, cell in enumerate(row) if cell), 0) if as_records else 0
        for column, cell in enumerate(row):
            for word in _WORD.findall(cell):
                assert times[word] >= 1, word
                assert overlaps or column == repeated or times[word] == 1, word
    for text in found:
        check_rows(sheet, text, as_records=as_records)
        assert (
            len(found) == 1 or overlaps or any(times[word] == 1 for word in _WORD.findall(text))
        ), text


@pytest.mark.parametrize("tokens", only_quick([128, 254, 1000], 254))
def test_a_row_is_cut_only_where_no_chunk_can_hold_it(tokens: int) -> None:
    for seed in range(12):
        sheet = a_sheet(seed, columns=4, rows=40, longest=tokens // 4)
        found = texts(sheet.markdown(), ChunkSettings(tokens, tokens * 18 // 100))
        for row in sheet.rows:
            line = f"| {' | '.join(row)} |"
            alone = "\n".join([*sheet.markdown().split("\n", 2)[:2], line])
            assert counter().count_tokens(alone) > tokens or any(line in text for text in found), (
                line
            )


def test_a_row_that_must_be_cut_goes_on_as_a_row_with_its_first_cell() -> None:
    long = " ".join(f"word{number}" for number in range(400))
    found = texts(
        f"| Name | Text | Note |\n|---|---|---|\n| pump-7 | {long} | last |\n",
        ChunkSettings(254, 45),
    )
    assert len(found) > 2
    for text in found:
        ((header, *rows),) = tables(text)
        assert header == ["Name", "Text", "Note"]
        assert [row[0] for row in rows] == ["pump-7"]
    assert [tables(text)[0][1][2] for text in found] == [""] * (len(found) - 1) + ["last"]


def test_a_header_that_would_fill_the_chunk_becomes_the_names_of_values() -> None:
    names = [f"Setting number {number} of the turbine" for number in range(40)]
    row = [f"value{number}" for number in range(40)]
    sheet = Sheet(tuple(names), (tuple(row), tuple(f"other{number}" for number in range(40))))
    found = texts(sheet.markdown(), ChunkSettings(254, 45))
    said = "\n".join(found)
    assert "Setting number 12 of the turbine: value12\n" in said
    assert "Setting number 39 of the turbine: other39" in said
    assert not any(tables(text) for text in found)


def test_rows_without_any_text_are_not_a_chunk() -> None:
    found = texts(
        "| A | B |\n|---|---|\n| one | two |\n" + "|  |  |\n" * 500 + "| three | four |\n",
        ChunkSettings(128, 0),
    )
    assert all(re.search("one|three", text) for text in found)


@pytest.mark.parametrize("before", ["> ", "  "])
def test_a_table_in_a_quote_or_a_list_item_stays_there(before: str) -> None:
    sheet = a_sheet(3, columns=3, rows=30, longest=200)
    lead = "> [!NOTE]\n" if before == "> " else "- Values\n\n"
    found = texts(lead + sheet.markdown(before), ChunkSettings(128, 20))
    assert len(found) > 10
    for text in found:
        check_rows(sheet, re.sub(f"(?m)^{before}", "", text), as_records=False)


def test_a_text_that_stands_twice_on_a_page_is_one_chunk() -> None:
    paragraph = "The same words again and again. " * 12
    found = texts("\n\n".join(["## Part\n\n" + paragraph] * 30), ChunkSettings(100, 0))
    assert len(set(found)) == len(found)
