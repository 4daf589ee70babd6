"""Tables in chunks: rows stay whole, and every row stands under its header.

A row is cut only where it does not fit into a chunk by itself. A part of it is then a row of the
same table: its first cell is repeated, and the cells that stand in other chunks are empty. Where
the header would take more than a third of a chunk it is not repeated above each chunk's rows: each
row is written as lines of ``name: value`` instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from confluence_mirror.chunking.blocks import Block, heading_text

_BAR = re.compile(r"(?<!\\)\|")
_PREFIX = re.compile(r"[ \t>]*")
_NOT_IN_A_CELL = re.compile(r"[|\\`\n]")


@dataclass(frozen=True, slots=True)
class Cell:
    """``text[start:end]`` of a document: one cell of a row, without the blanks around it."""

    start: int
    end: int
    column: int


@dataclass(frozen=True, slots=True)
class Line:
    """A record's line: the cell, and what stands before and behind its text."""

    cell: Cell
    name: str
    """``Name: ``, with the quote marks and blanks that every line of the table begins with."""


class Table:
    """How the rows of one table are shown.

    ``cost`` counts tokens. ``room`` is the quarter of a chunk in tokens; ``cap`` the whole.
    """

    def __init__(
        self,
        text: str,
        block: Block,
        offsets: Sequence[int],
        cost: Callable[[str], int],
        *,
        room: int,
        cap: int,
    ) -> None:
        self.block = block
        self._text = text
        self._cost = cost
        self._room = room
        top, body = offsets[block.first], offsets[block.first + 2]
        self.prefix = _PREFIX.match(text, top)[0]  # type: ignore[index] # matches the empty text too
        names = [
            text[cell.start : cell.end] for cell in self.parse_cells(top, offsets[block.first + 1])
        ]
        self.columns = len(names)
        self.header = block.head + text[top:body]
        self.as_records = cost(self.header) > cap // 3
        self._names = (
            [self._shorten_cell(heading_text(name)) for name in names] if self.as_records else []
        )

    def parse_cells(self, start: int, end: int) -> list[Cell]:
        """The cells of the row in ``text[start:end]``, which is one line."""
        text = self._text
        begin = _PREFIX.match(text, start, end).end()  # type: ignore[union-attr]
        stop = start + len(text[start:end].rstrip())
        bars = [found.start() for found in _BAR.finditer(text, begin, stop)]
        if bars and bars[0] == begin:
            begin = bars.pop(0) + 1
        edges = [*bars, stop] if not bars or bars[-1] + 1 < stop else bars
        found = []
        for column, edge in enumerate(edges):
            inner = text[begin:edge]
            lead = len(inner) - len(inner.lstrip())
            found.append(Cell(begin + lead, begin + lead + len(inner.strip()), column))
            begin = edge + 1
        return found

    # -- a row as parts of rows

    def repeated_openings(self, cells: Sequence[Cell]) -> Callable[[int], str]:
        """By column: the text that a chunk repeats if it begins before or inside that cell: header,
        first cell, empty cells."""
        first = self._repeated_first_cell(cells)

        @lru_cache
        def opening_before(column: int) -> str:
            row = f"| {first} |{' |' * (min(column, self.columns) - 1)} " if column else "| "
            return self.header + self.prefix + row

        return opening_before

    def row_closing(self, column: int) -> str:
        """The text that a chunk adds if it ends before or inside this cell of a row: the end of the
        row, its cells empty."""
        return " |" * (self.columns - column)

    def _repeated_first_cell(self, cells: Sequence[Cell]) -> str:
        text = self._text[cells[0].start : cells[0].end]
        return (
            text if self._cost(text) <= self._room // 2 else self._shorten_cell(heading_text(text))
        )

    def _shorten_cell(self, words: str) -> str:
        """At most an eighth of a chunk."""
        short = words = _NOT_IN_A_CELL.sub(" ", words)
        while len(words) > 1 and self._cost(short) > self._room // 2:
            words = words[: len(words) * 3 // 4].rstrip()
            short = words + "…"
        return short

    # -- a row as a record

    def record_lines(self, start: int, end: int) -> list[Line]:
        """The lines of the row in ``text[start:end]``: one for each cell that is not empty."""
        return [
            Line(cell, self.prefix + (f"{name}: " if name else ""))
            for cell in self.parse_cells(start, end)
            if cell.end > cell.start
            for name in [self._names[cell.column] if cell.column < len(self._names) else ""]
        ]

    def whole_record(self, lines: Sequence[Line]) -> str:
        """All lines of a record, and the blank line that parts it from the next one."""
        if not lines:
            return ""
        return (
            "".join(f"{line.name}{self._cell_text(line)}\n" for line in lines)
            + f"{self.prefix.rstrip()}\n"
        )

    def divide_record(
        self, lines: Sequence[Line], cuts: Callable[[int, int], list[int]]
    ) -> Iterator[tuple[int, str, str, bool]]:
        """Start, text and opening of each part of a record that is too long, and whether a line
        begins with it.

        ``cuts`` says where a value is cut.
        """
        first = ""
        for line in lines:
            places = [line.cell.start, *cuts(line.cell.start, line.cell.end), line.cell.end]
            for begin, stop in pairwise(places):
                shown = self._text[begin:stop] + ("\n" if stop == line.cell.end else "")
                if begin == line.cell.start:
                    yield begin, line.name + shown, first, True
                else:
                    yield begin, shown, first + line.name, False
            if not first:
                value = self._cell_text(line)
                short = (
                    value
                    if self._cost(value) <= self._room // 2
                    else self._shorten_cell(heading_text(value))
                )
                first = f"{line.name}{short}\n"

    def _cell_text(self, line: Line) -> str:
        return self._text[line.cell.start : line.cell.end]
