"""Rows of values as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluence_mirror.markdown import writing
from confluence_mirror.markdown.tables import write_table

from .sections import Unreadable

MOST_CELLS = 1_000_000
"""Of one table."""
MOST_CHARACTERS = 10_000_000
"""Of one table: no file's text may be longer."""


def write_rows(rows: Iterable[Sequence[str]]) -> str:
    """A table whose first row that holds anything names the columns; empty rows, and the columns
    that are empty in every row at the right, are left out."""
    kept: list[list[str]] = []
    cells = length = 0
    for row in rows:
        texts = [cell_text(value) for value in row]
        while texts and not texts[-1]:
            texts.pop()
        cells += len(row)
        length += sum(map(len, texts))
        if cells > MOST_CELLS:
            raise Unreadable(f"a table in it has more than {MOST_CELLS:,} cells")
        if length > MOST_CHARACTERS:
            raise Unreadable(f"a table in it has more than {MOST_CHARACTERS:,} characters")
        if texts:
            kept.append(texts)
    if not kept:
        return ""
    return write_table(kept[0], [[(text, False) for text in row] for row in kept[1:]])


def cell_text(value: str) -> str:
    """A value on one line."""
    lines = (writing.line(writing.plain(line)) for line in value.strip().splitlines())
    return "<br>".join(line for line in lines if line)
