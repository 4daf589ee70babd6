"""From pieces of text on a PDF's page to Markdown in reading order. Pure.

A PDF has no paragraphs, columns or tables, only glyphs at places. Lines are made of what stands at
one height. Where several lines in a row leave the same vertical gap, they are columns of prose,
read one after the other, or a table, read row by row: prose has lines of several words on both
sides of the gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Final, TypeAlias

from confluence_mirror.markdown import writing
from confluence_mirror.markdown.tables import write_table

_SAME_LINE: Final = 0.5
"""Two pieces stand on one line where they overlap by this share of the lower one's height."""
_PROSE_WORDS: Final = 4
"""Words in the median line of a column of prose: cells of a table have fewer."""
_PROSE_LINES: Final = 3
_NEW_PARAGRAPH: Final = 0.6
"""Of a line's height: a larger gap above a line begins a paragraph."""
_SAME_CELL: Final = 0.4
"""The same: a line of one piece that is nearer to the row above goes on with a cell of it."""
_OTHER_SIZE: Final = 0.15
_SHORT_LINE: Final = 0.75
"""Of the widest line's width: after a shorter one, a paragraph has ended."""
_BULLET = re.compile(r"[•▪◦●‣∙·–—*-]\s+(?=\S)")
_NUMBERED = re.compile(r"(?:\d{1,3}|[a-zA-Z])[.)]\s+\S")
_HYPHENS = ("\ufffe", "\xad", "\x02")
"""What pdfium writes for a hyphen at which a word is divided."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text at a place: points from the page's lower left corner."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


Line: TypeAlias = list[Piece]
"""Pieces at one height, from left to right."""
Span: TypeAlias = tuple[float, float]


def write_page(pieces: Sequence[Piece]) -> str:
    """The Markdown of a page."""
    groups: list[list[Line]] = [[]]
    for lines in _bands(_lines(pieces)):
        columns = _columns(lines)
        if columns:
            groups += [*columns, []]
        else:
            groups[-1] += lines
    return "\n\n".join(block for lines in groups for block in _write_lines(lines))


def _lines(pieces: Sequence[Piece]) -> list[Line]:
    """From top to bottom."""
    lines: list[Line] = []
    for piece in sorted(pieces, key=lambda one: (-(one.bottom + one.top), one.left)):
        if lines and _on_line(piece, lines[-1][0]):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    for line in lines:
        line.sort(key=lambda one: one.left)
    return lines


def _on_line(one: Piece, other: Piece) -> bool:
    shared = min(one.top, other.top) - max(one.bottom, other.bottom)
    return shared >= _SAME_LINE * min(one.height, other.height)


def _bands(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines in a row that leave a common gap open, if only beside all text; a line that closes it
    begins another band."""
    band: list[Line] = []
    gaps: list[Span] = []
    left = min((line[0].left for line in lines), default=0.0)
    right = max((piece.right for line in lines for piece in line), default=0.0)
    for line in lines:
        open_gaps = _open_gaps(line, left, right)
        kept = _common(gaps, open_gaps, min(piece.height for piece in line)) if band else open_gaps
        if band and not kept:
            yield band
            band, kept = [], open_gaps
        band.append(line)
        gaps = kept
    if band:
        yield band


def _open_gaps(line: Line, left: float, right: float) -> list[Span]:
    edges = [left - 1, *(edge for piece in line for edge in (piece.left, piece.right)), right + 1]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in gaps if end > start]


def _common(some: Sequence[Span], others: Sequence[Span], least: float) -> list[Span]:
    """Where both are open, over at least half a line's height."""
    found = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [(start, end) for start, end in found if end - start >= least / 2]


def _columns(lines: Sequence[Line]) -> list[list[Line]]:
    """The columns of prose of a band; none where it is not columns of prose."""
    spans = _spans(lines)
    if len(spans) < 2:
        return []
    columns: list[list[Line]] = []
    for start, end in spans:
        inside = ([one for one in line if start <= one.left and one.right <= end] for line in lines)
        columns.append([line for line in inside if line])
    return columns if all(map(_is_prose, columns)) else []


def _spans(lines: Sequence[Line]) -> list[Span]:
    """What the lines cover from left to right, where a gap stays open in all of them."""
    spans: list[Span] = []
    for piece in sorted((one for line in lines for one in line), key=lambda one: one.left):
        if spans and piece.left < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], piece.right))
        else:
            spans.append((piece.left, piece.right))
    return spans


def _is_prose(lines: Sequence[Line]) -> bool:
    words = [sum(len(piece.text.split()) for piece in line) for line in lines]
    return len(lines) >= _PROSE_LINES and median(words) >= _PROSE_WORDS


def _write_lines(lines: Sequence[Line]) -> list[str]:
    blocks: list[str] = []
    for in_cells, group in groupby(_with_rows(lines), key=lambda pair: pair[0]):
        rows = [line for _, line in group]
        table = _write_table(rows) if in_cells and len(rows) > 1 else ""
        blocks += [table] if table else _paragraphs(rows)
    return blocks


def _with_rows(lines: Sequence[Line]) -> Iterator[tuple[bool, Line]]:
    """Each line, and whether it belongs to a table: it has cells, or goes on with one that is not
    its row's first."""
    second = None
    for line in lines:
        if len(line) > 1:
            second = line[1].left
        elif second is None or line[0].left < second - line[0].height:
            second = None
        yield second is not None, line


def _write_table(rows: Sequence[Line]) -> str:
    """Empty where the pieces do not stand in columns."""
    spans = _spans(rows)
    if len(spans) < 2:
        return ""
    cells: list[list[str]] = []
    before = rows[0][0]
    for row in rows:
        goes_on = len(row) == 1 and before.bottom - row[0].top < _SAME_CELL * row[0].height
        if not goes_on:
            cells.append([""] * len(spans))
        for piece in row:
            column = max(index for index, (start, _) in enumerate(spans) if start <= piece.left)
            said = writing.line(writing.plain(piece.text))
            cells[-1][column] = f"{cells[-1][column]} {said}".strip()
        before = row[0]
    return write_table(cells[0], [[(text, False) for text in line] for line in cells[1:]])


def _paragraphs(lines: Sequence[Line]) -> list[str]:
    """Lines joined where nothing says that a paragraph ends."""
    widest = max(line[-1].right for line in lines) - min(line[0].left for line in lines)
    blocks: list[str] = []
    text = ""
    before: Line | None = None
    for line in lines:
        said = " ".join(piece.text.strip() for piece in line)
        if before is None or _begins(said, line, before, widest):
            blocks += _block(text)
            text = said
        elif text.endswith(_HYPHENS):
            text = text[:-1] + said
        else:
            text = f"{text} {said}"
        before = line
    return [*blocks, *_block(text)]


def _begins(said: str, line: Line, before: Line, widest: float) -> bool:
    """Whether a line begins a paragraph."""
    height, last = line[0].height, before[0].height
    return (
        before[0].bottom - line[0].top > _NEW_PARAGRAPH * height
        or abs(height - last) > _OTHER_SIZE * max(height, last)
        or before[-1].right - before[0].left < _SHORT_LINE * widest
        or bool(_BULLET.match(said) or _NUMBERED.match(said))
    )


def _block(text: str) -> list[str]:
    for hyphen in _HYPHENS:
        text = text.replace(hyphen, "")
    found = _BULLET.match(text)
    if found:
        return [f"- {writing.line(writing.plain(text[found.end() :]))}"]
    return writing.flow(writing.plain(text))
