"""Blocks → atoms.

Most atoms are whole blocks. A block larger than the grain falls into list items, rows, lines or
sentences, and a sentence larger than it into slices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from confluence_mirror.chunking.atoms import WHOLE_ROW, Atom, Rank
from confluence_mirror.chunking.blocks import Block, Kind, scan_blocks, strip_quote_mark
from confluence_mirror.chunking.cuts import (
    CellCutter,
    LineScanner,
    find_sentence_ends,
    find_slice_ends,
)
from confluence_mirror.chunking.tables import Table
from confluence_mirror.chunking.tokens import Tokenizer

_ITEM_LINE = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_ALERT = re.compile(r"\[![A-Za-z]+\][+-]?")
_DEEPEST_QUOTE = (
    6  # quotes nested deeper are cut as text: looking into each costs a pass over its lines
)
_CHARS_PER_TOKEN = (
    4  # a span with more characters than this for each token of the grain is divided uncounted
)


class Divider:
    """Divides one document into atoms."""

    def __init__(self, text: str, tokenizer: Tokenizer, *, grain: int, room: int, cap: int) -> None:
        self.text = text
        self._tokenizer = tokenizer
        self._grain = grain
        self._room = room  # tokens that a repeated opening may take
        self._cap = cap
        self._tables: dict[int, Table] = {}  # by the line of the header
        self._lines = [line + "\n" for line in text.split("\n")]
        self._lines[-1] = self._lines[-1][:-1]
        if not self._lines[-1]:
            self._lines.pop()
        self._offsets = [0]
        for line in self._lines:
            self._offsets.append(self._offsets[-1] + len(line))
        self.blocks = scan_blocks(self._lines)
        self._costs: dict[str, int] = {}
        self._cells = CellCutter(text, tokenizer, room)
        self._scanner = LineScanner(text, self._offsets)

    def divide_document(self) -> list[Atom]:
        """The atoms, in order and without gaps, each counted."""
        atoms = list(self._blocks_as_atoms(self.blocks))
        while True:
            divided: list[Atom] = []
            for atom in atoms:
                uncounted_but_long = (
                    atom.tokens < 0 and atom.end - atom.start > self._grain * _CHARS_PER_TOKEN
                )
                if uncounted_but_long or atom.tokens > self._grain:
                    divided.extend(self._divide_atom(atom))
                else:
                    divided.append(atom)
            uncounted = [atom for atom in divided if atom.tokens < 0]
            if not uncounted:
                return divided
            self._count_tokens(uncounted)
            atoms = divided

    def divide_row(self, row: Atom) -> list[Atom]:
        """A row (``WHOLE_ROW``) cut at its cells, and inside cells that are large."""
        table = self._tables[row.block.first]
        start = max(row.start, self._offsets[row.block.first + 2])
        end = self.text.index("\n", start) if "\n" in self.text[start : row.end] else row.end
        parts = (
            self._divide_record(row, table, start, end)
            if table.as_records
            else self._divide_row_at_cells(row, table, start, end)
        )
        self._count_tokens(parts)
        return parts

    def _count_tokens(self, atoms: Sequence[Atom]) -> None:
        texts = [
            self.text[atom.start : atom.end] if atom.shown is None else atom.shown for atom in atoms
        ]
        for atom, count in zip(atoms, self._tokenizer.count_each(texts), strict=True):
            atom.tokens = count

    def count_cached(self, opening: str) -> int:
        """Tokens of a repeated opening or closing."""
        if not opening:
            return 0
        if opening not in self._costs:
            self._costs[opening] = self._tokenizer.count_tokens(opening)
        return self._costs[opening]

    def _blocks_as_atoms(self, blocks: Sequence[Block]) -> Iterator[Atom]:
        """Each block as one atom."""
        before: Block | None = None
        offsets = self._offsets
        for block in blocks:
            start = offsets[block.first] if before else 0
            yield Atom(start, offsets[block.last], self._rank_cut_before(block, before), block, 0)
            before = block

    def _rank_cut_before(self, block: Block, before: Block | None) -> int:
        if before is not None and before.kind is Kind.HEADING:
            return Rank.FORBIDDEN
        if block.kind is Kind.HEADING:
            return block.level
        if before is not None and before.kind is Kind.TEXT:
            if block.kind in (Kind.FENCE, Kind.TABLE):
                return Rank.LED_IN
            end = self._offsets[before.first + before.content]
            if self.text[max(end - 8, 0) : end].rstrip(" *_\r\n").endswith((":", "：")):
                return Rank.LED_IN
        return Rank.ITEM_BLOCK if block.item or block.indent >= 2 else Rank.BLOCK

    def _divide_atom(self, atom: Atom) -> list[Atom]:
        """The atom's parts, one step finer; at the finest, slices that are halved until they
        fit."""
        block = atom.block
        if atom.level == WHOLE_ROW:
            return [atom]
        if atom.level == 0:
            if block.kind is Kind.QUOTE and block.depth < _DEEPEST_QUOTE:
                return self._divide_quote(atom)
            if block.kind is Kind.FENCE:
                return self._divide_fence(atom)
            if block.kind is Kind.TABLE:
                return self._divide_table(atom)
            if block.kind is Kind.TEXT:
                parts = self._divide_list(atom)
                if len(parts) > 1:
                    return parts
        if atom.level <= 1 and block.kind in (Kind.TEXT, Kind.QUOTE):
            return self._divide_sentences(atom)
        if atom.level <= 2:
            return self._divide_slices(atom)
        return self._halve_atom(atom)

    def _divide_quote(self, atom: Atom) -> list[Atom]:
        """The blocks inside the quote."""
        outer = atom.block
        lines = self._lines[outer.first : outer.last]
        for _ in range(outer.depth + 1):
            lines = [strip_quote_mark(line) for line in lines]
        alert = _ALERT.match(lines[0])
        head = outer.head or (self._lines[outer.first] if alert else "")
        blocks = scan_blocks(lines)
        for block in blocks:
            block.first += outer.first
            block.last += outer.first
            block.depth = outer.depth + 1
            block.head = head
        if not blocks:
            return self._divide_slices(atom)
        parts = list(self._blocks_as_atoms(blocks))
        parts[0].start = atom.start
        for part in parts:
            if part.rank < Rank.IN_QUOTE:
                part.rank = max(part.rank, Rank.BLOCK) + Rank.IN_QUOTE
            if self.count_cached(head) <= self._room:
                part.opening = head
        parts[0].rank, parts[0].opening, parts[0].closing = atom.rank, atom.opening, atom.closing
        return parts

    def _divide_fence(self, atom: Atom) -> list[Atom]:
        """Lines, with the fence closed before and opened again after a cut."""
        block = atom.block
        offsets = self._offsets
        opening, closing = self._fence_marks(block)
        last = block.first + block.content - 1 if block.closed else -1
        parts: list[Atom] = []
        for number in range(block.first, block.last):
            rank = Rank.LINE_OF_CODE if self._lines[number - 1].strip() else Rank.GAP_IN_CODE
            if number in (block.first + 1, last):
                rank = Rank.FORBIDDEN
            if number > block.first and not self._lines[number].strip():
                parts[-1].end = offsets[number + 1]
            else:
                parts.append(
                    Atom(offsets[number], offsets[number + 1], rank, block, 2, opening, closing)
                )
        parts[0].start = atom.start
        parts[0].rank, parts[0].opening, parts[0].closing = atom.rank, atom.opening, atom.closing
        return parts

    def end_marks(self) -> str:
        """What closes the document's last fence, where the document does not."""
        last = self.blocks[-1]
        return "" if last.closed else self._fence_marks(last)[1]

    def _fence_marks(self, block: Block) -> tuple[str, str]:
        quote = "> " * block.depth
        before = quote + " " * block.indent + block.marker
        opening = block.head + before + block.info + "\n"
        if self.count_cached(opening) > self._room:
            opening = before + "\n"
        if self.count_cached(opening) > self._room:
            before = block.marker
            opening = before + "\n"
        return opening, "\n" + before

    def _divide_table(self, atom: Atom) -> list[Atom]:
        """Rows; the header is one atom with the first of them, since it says nothing by itself."""
        block, offsets = atom.block, self._offsets
        body, end = block.first + 2, block.first + block.content
        if end <= body:
            return self._divide_slices(atom)
        table = self._tables[block.first] = Table(
            self.text, block, offsets, self.count_cached, room=self._room, cap=self._cap
        )
        opening = self._repeatable_head(block) if table.as_records else table.header
        rows = []
        for number in range(body, end):
            row = Atom(offsets[number], offsets[number + 1], Rank.ROW, block, WHOLE_ROW, opening)
            if table.as_records:
                row.shown = table.whole_record(table.record_lines(row.start, row.end))
            rows.append(row)
        rows[0].start, rows[-1].end = atom.start, atom.end
        rows[0].rank, rows[0].opening, rows[0].closing = atom.rank, atom.opening, atom.closing
        return rows

    def _divide_row_at_cells(self, row: Atom, table: Table, start: int, end: int) -> list[Atom]:
        """Rows of the same table. The first cell is repeated in each, so a part that holds nothing
        else is left out."""
        cells = table.parse_cells(start, end)
        opening = table.repeated_openings(cells)
        parts = [Atom(row.start, row.end, row.rank, row.block, 3, row.opening, row.closing)]
        for cell in cells:
            column, begins = cell.column, cell.start
            # Never before an empty cell: the part would hold nothing.
            for cut in [begins] * (column > 0 and cell.end > begins) + self._cells.find_cuts(
                begins, cell.end
            ):
                rank = Rank.SLICE
                if cut == begins:
                    rank = Rank.CELL if len(parts) > 1 else Rank.FORBIDDEN
                parts[-1].end = cut
                parts.append(
                    Atom(
                        cut, row.end, rank, row.block, 3, opening(column), table.row_closing(column)
                    )
                )
        return parts

    def _divide_record(self, row: Atom, table: Table, start: int, end: int) -> list[Atom]:
        """Lines, and parts of long ones. The first line is repeated as a row's first cell is."""
        parts: list[Atom] = []
        for begin, shown, opening, is_line in table.divide_record(
            table.record_lines(start, end), self._cells.find_cuts
        ):
            rank = Rank.CELL if is_line else Rank.SLICE
            if is_line and len(parts) == 1:
                rank = Rank.FORBIDDEN
            parts.append(Atom(begin, row.end, rank, row.block, 3, opening, shown=shown))
        for part, following in pairwise(parts):
            part.end = following.start
        if not parts:
            return [row]
        parts[0].start, parts[0].rank, parts[0].opening, parts[0].closing = (
            row.start,
            row.rank,
            row.opening,
            row.closing,
        )
        parts[-1].shown = (parts[-1].shown or "") + "\n"
        return parts

    def _divide_list(self, atom: Atom) -> list[Atom]:
        """List items, where the text is a list."""
        block = atom.block
        parts = [Atom(atom.start, atom.end, atom.rank, block, 1, atom.opening, atom.closing)]
        for number in range(block.first + 1, block.last):
            line = self._lines[number]
            for _ in range(block.depth):
                line = strip_quote_mark(line)
            if _ITEM_LINE.match(line):
                depth = min((len(line) - len(line.lstrip())) // 2, 9)
                start = parts[-1].end = self._offsets[number]
                parts.append(
                    Atom(start, atom.end, Rank.ITEM + depth, block, 1, self._repeatable_head(block))
                )
        return parts

    def _repeatable_head(self, block: Block) -> str:
        return block.head if self.count_cached(block.head) <= self._room else ""

    def _divide_sentences(self, atom: Atom) -> list[Atom]:
        cuts = find_sentence_ends(self.text, atom.start, atom.end)
        return self._divide_at(atom, cuts, Rank.SENTENCE, 2)

    def _divide_slices(self, atom: Atom) -> list[Atom]:
        """Up to 64 characters each; the blanks at the end stay with the last."""
        end = atom.start + len(self.text[atom.start : atom.end].rstrip())
        return self._divide_at(atom, find_slice_ends(self.text, atom.start, end), Rank.SLICE, 3)

    def _halve_atom(self, atom: Atom) -> list[Atom]:
        """Two halves; the marks of a fence stay whole."""
        block, middle = atom.block, (atom.start + atom.end) // 2
        if block.kind is Kind.FENCE:
            mark = re.compile(re.escape(block.marker) + f"{block.marker[0]}*").search(
                self.text, atom.start, atom.end
            )
            if mark:
                middle = (
                    max(middle, mark.end())
                    if self.text[mark.end() : atom.end].strip()
                    else atom.end
                )
        return (
            self._divide_at(atom, [middle], Rank.SLICE, 3)
            if atom.start < middle < atom.end
            else [atom]
        )

    def _divide_at(self, atom: Atom, cuts: Sequence[int], rank: int, level: int) -> list[Atom]:
        """Divide at these offsets; a cut inside a line says how the line's container goes on."""
        parts = [
            Atom(atom.start, atom.end, atom.rank, atom.block, level, atom.opening, atom.closing)
        ]
        for cut in cuts:
            parts[-1].end = cut
            parts.append(
                Atom(cut, atom.end, rank, atom.block, level, *self._continuation_marks(atom, cut))
            )
        return parts

    def _continuation_marks(self, atom: Atom, cut: int) -> tuple[str, str]:
        """What to repeat and to add at a cut inside an atom that is no longer whole lines."""
        block = atom.block
        text = self.text
        at_line_start = text[cut - 1] == "\n"
        quote = "" if at_line_start else "> " * block.depth
        begins = self._scanner.skip_blanks(cut)
        looks_like_fence = text.startswith(("```", "~~~"), begins)
        if block.kind is Kind.FENCE:
            opening, closing = self._fence_marks(block)
            # A fragment that looks like the fence's own end must not be read as it.
            if text.startswith(block.marker, begins):
                quote += "    "
            if self._scanner.only_marks_before(cut):
                closing = "…" + closing
            return opening + quote, closing
        return self._repeatable_head(block) + quote + "… " * looks_like_fence, ""
