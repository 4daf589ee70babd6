"""Where running text may be cut, and what stands around a cut."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from confluence_mirror.chunking.tokens import Tokenizer

_SENTENCE = re.compile(
    # most scripts: the mark, closing quotes and marks, white space
    r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]*+\s+"
    r"|[。！？｡︒]+[」』”’）)]*\s*"  # Chinese and Japanese: no white space needed
    r"|[।॥؟۔።]+\s*"
    r"|\n\s*"
    r"|<br ?/?>\s*"
)
_SLICE = re.compile(r".{1,64}(?=\s|\Z)|.{1,64}", re.DOTALL)
_BLANKS = re.compile(r"[ \t]*+")
_MARKS_OF_A_LINE = re.compile(r"[ \t>]*+(([`~])\2*+)[ \t>]*+")


def find_sentence_ends(text: str, start: int, end: int) -> list[int]:
    """Offsets after the sentences of ``text[start:end]``, without the last."""
    return _find_ends(_SENTENCE, text, start, end)


def find_slice_ends(text: str, start: int, end: int) -> list[int]:
    """Offsets after each 64 characters or fewer, between words where it can be."""
    return _find_ends(_SLICE, text, start, end)


def _find_ends(pattern: re.Pattern[str], text: str, start: int, end: int) -> list[int]:
    ends = (found.end() for found in pattern.finditer(text, start, end))
    return [stop for stop in ends if stop < end]


class CellCutter:
    """Cuts inside large cells: after their sentences, and inside sentences that are large
    themselves. ``room``: tokens that no piece may exceed."""

    def __init__(self, text: str, tokenizer: Tokenizer, room: int) -> None:
        self._text = text
        self._tokenizer = tokenizer
        self._room = room
        self._piece = re.compile(rf".{{1,{max(8, min(64, room))}}}(?=\s|\Z)|.{{1,64}}", re.DOTALL)

    def find_cuts(self, start: int, end: int) -> list[int]:
        """Offsets inside ``text[start:end]``; none where it is small."""
        if not self._is_large(start, end):
            return []
        # A bar that is text must keep the backslash that says so.
        return sorted(
            {
                cut
                for cut in self._iter_starts(start, end)
                if cut > start and self._text[cut - 1] != "\\"
            }
        )

    def _iter_starts(self, start: int, end: int) -> Iterator[int]:
        text = self._text
        for sentence in pairwise([start, *find_sentence_ends(text, start, end), end]):
            yield sentence[0]
            if not self._is_large(*sentence):
                continue
            begin, stop = sentence
            for piece in pairwise([begin, *_find_ends(self._piece, text, begin, stop), stop]):
                yield piece[0]
                if self._exceeds(*piece, self._room):
                    yield from self._halve_piece(*piece)

    def _halve_piece(self, begin: int, stop: int) -> Iterator[int]:
        middle = (begin + stop) // 2
        if self._exceeds(begin, middle, self._room):
            yield from self._halve_piece(begin, middle)
        yield middle
        if self._exceeds(middle, stop, self._room):
            yield from self._halve_piece(middle, stop)

    def _is_large(self, begin: int, stop: int) -> bool:
        return self._exceeds(begin, stop, max(self._room // 2, 1))

    def _exceeds(self, begin: int, stop: int, most: int) -> bool:
        return stop - begin > most and self._tokenizer.count_tokens(self._text[begin:stop]) > most


class LineScanner:
    """What stands on the line around a cut. Cuts come in order, so that each run of blanks or marks
    is looked at once."""

    def __init__(self, text: str, offsets: Sequence[int]) -> None:
        self._text = text
        self._offsets = offsets  # of the lines
        self._blanks = (0, 0)
        self._marks = (-1, 0, 0)  # a line's start, and where its marks begin and end

    def skip_blanks(self, cut: int) -> int:
        """Where what is not blank begins."""
        if not self._blanks[0] <= cut < self._blanks[1]:
            found = _BLANKS.match(self._text, cut)
            self._blanks = (cut, found.end() if found else cut)
        return self._blanks[1]

    def only_marks_before(self, cut: int) -> bool:
        """Whether the line up to here could be read as a fence's end."""
        line = self._offsets[bisect_left(self._offsets, cut) - 1]
        if self._marks[0] != line:
            found = _MARKS_OF_A_LINE.match(self._text, line)
            self._marks = (line, found.start(1), found.end()) if found else (line, cut, line)
        return self._marks[1] < cut <= self._marks[2]
