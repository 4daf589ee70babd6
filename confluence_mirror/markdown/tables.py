"""Tables as pipes: spans repeated into each cell that they cover, every row as wide as the header,
nothing padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

Cell: TypeAlias = tuple[str, bool, int, int]
"""Text on one line (pipes not yet escaped), whether it is a header, columns and rows that it
spans."""
CUT: Final = "a table spans more cells than are repeated"
"""The note for a table whose spans were cut."""
Row: TypeAlias = Sequence[Cell]

MAX_SPAN: Final = 100
"""Columns that one cell may cover: more is an attack or a mistake."""
_MAX_REPEATED = 1_000_000
"""Characters and cells that spans may add to one table by being repeated; beyond, nothing spans."""
_MAX_TITLES = 3
_LONGEST_TITLE = 200
_MAX_HEADERS = 3
"""Rows of headers that are merged; more are no headers, whatever they are called."""
_MAX_GRID = 1_000_000
"""Places in one table; beyond, its rows are written as a list."""


def read_span(value: str | None) -> int:
    """A colspan or rowspan attribute: at least 1, at most what a sane table has."""
    if value is None:
        return 1
    digits = value.strip()[:6]
    return max(1, int(digits)) if digits.isascii() and digits.isdigit() else 1


def place_cells(rows: Sequence[Row]) -> tuple[list[list[tuple[str, bool]]], bool]:
    """Place the cells; the second value says whether a span had to be cut. Rows that hold nothing
    are left out."""
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
    return (placed, False) if placed is not None else place_cells(rows)


def is_header(line: Sequence[tuple[str, bool]]) -> bool:
    """A row of header cells; empty ones (the corner of a cross table) may be anything."""
    return any(header for _, header in line) and all(header or not text for text, header in line)


def strong(text: str) -> str:
    """A row's header, bold unless it is already."""
    if not text or "**" in text or text[0] == "`" or text[0] == "!":
        return text
    return f"**{text}**"


def unbold(text: str) -> str:
    """A header without the bold over all of it (or over each of its lines), which a header is by
    itself."""
    if not (text.startswith("**") and text.endswith("**")):
        return text
    lines = text.split("<br>")
    if all(len(one) > 4 and one[:2] == one[-2:] == "**" and one.count("**") == 2 for one in lines):
        return "<br>".join(one[2:-2] for one in lines)
    return text


def render_table(rows: Sequence[Row], head: int, *, cell: bool) -> tuple[list[str], bool]:
    """A table as blocks, and whether spans were cut: titles that span it, then the table (in a
    cell, one line per row).

    ``head``: how many rows at its beginning are headers although their cells may not be
    (``thead``).
    """
    titles, rows = _titles(rows)
    head = max(0, head - len(titles))
    placed, cut = place(rows)
    if titles and (
        not placed or max(map(len, placed)) < 2
    ):  # nothing below that they could be the title of
        placed, cut = place([*titles, *rows])
        titles, head = [], 0
    out = [strong(row[0][0]) for row in titles if row[0][0]]
    if placed:
        names, body = split_header(
            placed, head, spans=any(one[2] > 1 for one in rows[0]) if rows else False
        )
        out.append("<br>".join(in_line(names, body)) if cell else write_table(names, body))
    return (["<br>".join(out)] if cell and out else out), cut


def _titles(rows: Sequence[Row]) -> tuple[list[Row], Sequence[Row]]:
    """Rows at the beginning that are one cell over all columns, and the others."""
    if not rows or len(rows[0]) != 1 or rows[0][0][2] < 2:
        return [], rows
    width = max(
        (sum(min(columns, MAX_SPAN) for _, _, columns, _ in row) for row in rows[:50]), default=0
    )
    count = 0
    while count < min(_MAX_TITLES, len(rows) - 1) and len(rows[count]) == 1:
        text, _, columns, down = rows[count][0]
        if (
            columns < 2
            or columns < width
            or down > 1
            or "<br>" in text
            or len(text) > _LONGEST_TITLE
        ):
            break
        count += 1
    return list(rows[:count]), rows[count:]


def split_header(
    placed: Sequence[Sequence[tuple[str, bool]]], head: int, *, spans: bool
) -> tuple[list[str], Sequence[Sequence[tuple[str, bool]]]]:
    """The names of the columns (none where no row names them) and the rows below.

    Several rows of headers are one, column by column. A row that is all bold is a header too, where
    it stands first.
    ``spans``: a cell of the first row spans columns, so that bold rows below it may name their
    parts.
    """
    count = 0
    while count < len(placed) and (count < head or is_header(placed[count])):
        count += 1
    if not count and len(placed) > 1 and is_bold(placed[0]) and not all(map(is_bold, placed[:20])):
        count = 1
        while spans and count < min(_MAX_HEADERS, len(placed) - 1) and is_bold(placed[count]):
            count += 1
    if count > _MAX_HEADERS or (count == len(placed) > 1):
        count = max(1, head) if head <= _MAX_HEADERS and head < len(placed) else 1
    if not count:
        return [], placed
    if count == 1:
        return [unbold(text) if text[:2] == "**" else text for text, _ in placed[0]], placed[1:]
    width = max(map(len, placed[:count]))
    names: list[str] = []
    for column in range(width):
        parts = [unbold(row[column][0]) for row in placed[:count] if column < len(row)]
        names.append(" ".join(dict.fromkeys(part for part in parts if part)))
    return names, placed[count:]


def is_bold(line: Sequence[tuple[str, bool]]) -> bool:
    """A row of bold cells (or headers); more than one, but a table may be one column wide."""
    texts = [text for text, header in line if text and not header]
    return (
        bool(texts)
        and all(unbold(text) != text for text in texts)
        and (len(line) == 1 or len(texts) > 1)
    )


def write_table(names: Sequence[str], body: Sequence[Sequence[tuple[str, bool]]]) -> str:
    """A pipe table of the columns' names and the rows below."""
    width = max([len(names), *map(len, body)])
    if width * (len(body) + 1) > _MAX_GRID:
        return "\n".join(f"- {text}" for text in in_line(names, body))
    head_row = [text.replace("|", "\\|") for text in names] + [""] * (width - len(names))
    lines = [f"| {' | '.join(head_row)} |", "|" + " --- |" * width]
    for row in body:
        texts = [strong(text) if header else text for text, header in row]
        text = " | ".join(texts)
        if text.count("|") != len(texts) - 1:
            text = " | ".join(text.replace("|", "\\|") for text in texts)
        lines.append("| " + text + " |" + "  |" * (width - len(texts)))
    return "\n".join(lines)


def in_line(names: Sequence[str], body: Sequence[Sequence[tuple[str, bool]]]) -> list[str]:
    """A table inside a cell of another: one line per row, each value with its column's name where
    there is one."""
    if not names:
        return [_pairs(row) for row in body]
    if not body:
        return ["; ".join(name for name in names if name)]
    lines = []
    for row in body:
        parts = []
        for index, (text, _) in enumerate(row):
            title = names[index] if index < len(names) else ""
            parts.append(f"{title}: {text}" if title and text else text)
        lines.append("; ".join(part for part in parts if part))
    return lines


def _pairs(row: Sequence[tuple[str, bool]]) -> str:
    if len(row) > 1 and row[0][1] and not row[1][1]:
        return f"{row[0][0]}: " + "; ".join(text for text, _ in row[1:] if text)
    return "; ".join(text for text, _ in row if text)
