"""Tables as pipes: spans repeated into each cell that they cover, every row as wide as the header, nothing padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

Cell: TypeAlias = tuple[str, bool, int, int]
"""Text on one line (pipes not yet escaped), whether it is a header, columns and rows that it spans."""
CUT: Final = "a table spans more cells than are repeated"
"""The note for a table whose spans were cut."""
Row: TypeAlias = Sequence[Cell]

MAX_SPAN: Final = 100
"""Columns that one cell may cover: more is an attack or a mistake."""
_MAX_REPEATED = 1_000_000
"""Characters and cells that spans may add to one table by being repeated; beyond, nothing spans."""
_MAX_GRID = 1_000_000
"""Places in one table; beyond, its rows are written as a list."""


def span(value: str | None) -> int:
    """A colspan or rowspan attribute: at least 1, at most what a sane table has."""
    if value is None:
        return 1
    digits = value.strip()[:6]
    return max(1, int(digits)) if digits.isascii() and digits.isdigit() else 1


def grid(rows: Sequence[Row]) -> tuple[list[list[tuple[str, bool]]], bool]:
    """Place the cells; the second value says whether a span had to be cut. Rows that hold nothing are left out."""
    placed: list[list[tuple[str, bool]]] = []
    open_spans: dict[int, tuple[int, str, bool]] = {}
    budget = _MAX_REPEATED
    cut = False
    for row in rows:
        line: list[tuple[str, bool]] = []
        column = 0
        if budget <= 0:
            open_spans.clear()
        cells = iter(row)
        cell = next(cells, None)
        while cell is not None or column in open_spans:
            if column in open_spans:
                left, text, header = open_spans.pop(column)
                if left > 1:
                    open_spans[column] = (left - 1, text, header)
                budget -= len(text) + 1
                line.append((text if budget > 0 else "", header))
                column += 1
                continue
            assert cell is not None
            text, header, columns, down = cell
            if budget <= 0:
                columns = down = 1
            cut = cut or columns > MAX_SPAN
            for offset in range(min(columns, MAX_SPAN)):
                if offset:
                    budget -= len(text) + 1
                    if budget <= 0:
                        break
                line.append((text, header))
                if down > 1:
                    open_spans[column] = (down - 1, text, header)
                column += 1
            cell = next(cells, None)
        if any(text for text, _ in line):
            placed.append(line)
    return placed, cut or budget <= 0


def simple(rows: Sequence[Row]) -> list[list[tuple[str, bool]]] | None:
    """The grid of a table without spans; None where there is a span."""
    placed = []
    for row in rows:
        line = []
        for text, header, columns, down in row:
            if columns != 1 or down != 1:
                return None
            line.append((text, header))
        placed.append(line)
    return [line for line in placed if any(text for text, _ in line)]


def place(rows: Sequence[Row]) -> tuple[list[list[tuple[str, bool]]], bool]:
    """The grid, by the short way where there are no spans."""
    placed = simple(rows)
    return (placed, False) if placed is not None else grid(rows)


def is_header(line: Sequence[tuple[str, bool]]) -> bool:
    """A row of header cells; empty ones (the corner of a cross table) may be anything."""
    return any(header for _, header in line) and all(header or not text for text, header in line)


def strong(text: str) -> str:
    """A row's header, bold unless it is already."""
    if not text or "**" in text or text[0] == "`" or text[0] == "!":
        return text
    return f"**{text}**"


def unbold(text: str) -> str:
    """A header without the bold over all of it, which a header is by itself."""
    return (
        text[2:-2]
        if text.endswith("**") and text.startswith("**") and text.count("**") == 2 and len(text) > 4
        else text
    )


def render(rows: Sequence[Row], head: bool, *, cell: bool) -> tuple[list[str], bool]:
    """A table as blocks (one, or none where it is empty; a line a row inside a cell), and whether spans were cut.

    ``head`` says that the first row is one although its cells do not (``thead``).
    """
    placed, cut = place(rows)
    if not placed:
        return [], cut
    return (["<br>".join(in_line(placed, head))] if cell else [write(placed, head)]), cut


def write(placed: Sequence[Sequence[tuple[str, bool]]], head: bool) -> str:
    """A pipe table; ``head`` says that the first row is one although its cells do not (``thead``)."""
    width = max(map(len, placed))
    if width * len(placed) > _MAX_GRID:
        return "\n".join(f"- {text}" for text in in_line(placed, head))
    lines: list[str] = []
    if head or is_header(placed[0]):
        titles, body = [text for text, _ in placed[0]], placed[1:]
    else:
        titles, body = [], placed
    head_row = [text.replace("|", "\\|") for text in titles] + [""] * (width - len(titles))
    lines.append(f"| {' | '.join(head_row)} |")
    lines.append("|" + " --- |" * width)
    for row in body:
        texts = [strong(text) if header else text for text, header in row]
        text = " | ".join(texts)
        if text.count("|") != len(texts) - 1:
            text = " | ".join(text.replace("|", "\\|") for text in texts)
        lines.append("| " + text + " |" + "  |" * (width - len(texts)))
    return "\n".join(lines)


def in_line(placed: Sequence[Sequence[tuple[str, bool]]], head: bool) -> list[str]:
    """A table inside a cell of another: a line a row, each value with its column's title where there is one."""
    if not placed:
        return []
    if not (head or is_header(placed[0])) or len(placed) == 1:
        return [_pairs(row) for row in placed]
    titles = [text for text, _ in placed[0]]
    lines = []
    for row in placed[1:]:
        parts = []
        for index, (text, _) in enumerate(row):
            title = titles[index] if index < len(titles) else ""
            parts.append(f"{title}: {text}" if title and text else text)
        lines.append("; ".join(part for part in parts if part))
    return lines


def _pairs(row: Sequence[tuple[str, bool]]) -> str:
    if len(row) > 1 and row[0][1] and not row[1][1]:
        return f"{row[0][0]}: " + "; ".join(text for text, _ in row[1:] if text)
    return "; ".join(text for text, _ in row if text)
