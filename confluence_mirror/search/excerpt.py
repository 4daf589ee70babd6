"""The part of a text that a person looks at first: what stands around the words of the question.

Of a table that is the row with its header, of code some lines, of all else sentences. Words are
matched as the text index matches them; one that stands in few places of the text counts for more.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

from confluence_mirror.chunking.blocks import Block, Kind, scan_blocks
from confluence_mirror.chunking.cuts import find_sentence_ends, find_slice_ends
from confluence_mirror.text.terms import index_terms, question_terms

MOST_PASSAGES = 2
"""The second one only for words that the first does not have."""
_MOST_ROWS = 3
_MOST_LINES = 5
"""Of code."""
_MOST_CHARS = 320
"""Of a passage that is put together of several parts."""
_LONGEST_PART = 320
"""Characters; a longer sentence or line of code is cut between words."""
_WORD = re.compile(r"[^\W_]+(?:[-._@+#]+[^\W_]+)*")

Span: TypeAlias = tuple[int, int]
"""Where a part of a text begins and ends."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A block of the text, with the parts of it that can be shown alone: rows, lines, sentences."""

    kind: Kind
    parts: list[Span]
    header: Span | None = None
    """Of a table."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A part, and the words of the question that it has."""

    section: int
    part: int
    terms: frozenset[str]


def find_passages(text: str, question: str) -> list[str]:
    """The passages that have most of what was asked for, in the order of the text; its beginning
    where it has none of the words. None for a text that is blank."""
    sections = _split_sections(text)
    wanted = frozenset(question_terms(question))
    places = [
        _Place(number, part, wanted.intersection(index_terms(text[start:end])))
        for number, section in enumerate(sections)
        for part, (start, end) in enumerate(section.parts)
    ]
    passages: list[list[Span]] = []
    for place in _choose_places(places) or places[:1]:
        shown = [span for passage in passages for span in passage]
        if not _is_within(sections[place.section].parts[place.part], shown):
            passages.append(_spans_around(sections, places, place))
    return ["\n".join(text[start:end] for start, end in each) for each in sorted(passages)]


def find_words(text: str, question: str) -> list[Span]:
    """Where words of the question stand in a text, in order, none within another."""
    wanted = frozenset(question_terms(question))
    return [
        span
        for found in _WORD.finditer(text)
        if not wanted.isdisjoint(index_terms(found[0]))
        for span in _spans_of_word(found, wanted)
    ]


def _spans_of_word(found: re.Match[str], wanted: Collection[str]) -> Iterator[Span]:
    """The word; in a script without spaces, where a word is a whole sentence, only the terms."""
    word = found[0]
    if not any(unicodedata.category(char) == "Lo" for char in word):
        yield found.span()
        return
    pattern = "|".join(map(re.escape, sorted(wanted, key=len, reverse=True)))
    for term in re.finditer(f"(?:{pattern})+", word, re.IGNORECASE):
        yield found.start() + term.start(), found.start() + term.end()


def _split_sections(text: str) -> list[_Section]:
    lines = text.splitlines(keepends=True)
    offsets = list(accumulate(map(len, lines), initial=0))
    sections = []
    for block in scan_blocks(lines):
        spans = [
            _without_blanks(text, *span)
            for span in pairwise(offsets[block.first : block.first + block.content + 1])
        ]
        sections.append(_section_of(text, block, [span for span in spans if span[0] < span[1]]))
    return [section for section in sections if section.parts]


def _section_of(text: str, block: Block, lines: Sequence[Span]) -> _Section:
    """``lines``: those of the block that are not blank."""
    if block.kind is Kind.TABLE and len(lines) > 2:
        header = lines[0] if _WORD.search(text[slice(*lines[0])]) else None
        return _Section(block.kind, list(lines[2:]), header)
    if block.kind is Kind.FENCE:
        lines = lines[1 : -1 if block.closed else None] or lines
    parts = [part for line in lines for part in _split_line(text, line, block.kind)]
    return _Section(block.kind, parts)


def _split_line(text: str, line: Span, kind: Kind) -> Iterator[Span]:
    """Sentences; of code the line as a whole. What is too long is cut."""
    start, end = line
    ends = [] if kind is Kind.FENCE else find_sentence_ends(text, start, end)
    for begin, stop in pairwise([start, *ends, end]):
        cuts: list[int] = []
        if stop - begin > _LONGEST_PART:
            for cut in find_slice_ends(text, begin, stop):
                if cut - (cuts[-1] if cuts else begin) > _LONGEST_PART - 64:
                    cuts.append(cut)
        yield from (_without_blanks(text, *span) for span in pairwise([begin, *cuts, stop]))


def _without_blanks(text: str, start: int, end: int) -> Span:
    """Without white space at the end."""
    return start, start + len(text[start:end].rstrip())


def _choose_places(places: Sequence[_Place]) -> list[_Place]:
    """Those that have most of the words, each with some that the ones before it lack."""
    frequency = Counter(term for place in places for term in place.terms)
    missing = frozenset(frequency)

    def weight(place: _Place) -> float:
        return sum(1 / frequency[term] for term in sorted(place.terms & missing))

    chosen: list[_Place] = []
    while missing and len(chosen) < MOST_PASSAGES:
        chosen.append(max(places, key=weight))
        missing -= chosen[-1].terms
    return chosen


def _spans_around(
    sections: Sequence[_Section], places: Sequence[_Place], place: _Place
) -> list[Span]:
    """What is shown of a place."""
    section = sections[place.section]
    match section.kind:
        case Kind.TABLE if section.header is not None or len(section.parts) > 1:
            return _rows_around(section, places, place)
        case Kind.HEADING if place.section + 1 < len(sections):
            below = _Place(place.section + 1, 0, frozenset())
            return [*section.parts, *_spans_around(sections, places, below)]
        case _:
            first, last = _widen(section, place.part)
            return [(section.parts[first][0], section.parts[last][1])]


def _rows_around(section: _Section, places: Sequence[_Place], place: _Place) -> list[Span]:
    """The header, the row, and others that have as many of the words."""
    alike = [
        each.part
        for each in places
        if each.section == place.section and place.terms and each.terms >= place.terms
    ]
    rows = sorted({place.part, *alike[:_MOST_ROWS]})
    return [
        *([section.header] if section.header is not None else []),
        *(section.parts[row] for row in rows),
    ]


def _widen(section: _Section, part: int) -> tuple[int, int]:
    """The first and the last part that are shown with this one: what follows it rather than what
    comes before, as much as there is room for."""
    first = last = part
    while True:
        if _fits(section, first, last + 1):
            last += 1
        elif _fits(section, first - 1, last):
            first -= 1
        else:
            return first, last


def _fits(section: _Section, first: int, last: int) -> bool:
    if first < 0 or last >= len(section.parts):
        return False
    if section.kind is Kind.FENCE:
        return last - first < _MOST_LINES
    return section.parts[last][1] - section.parts[first][0] <= _MOST_CHARS


def _is_within(span: Span, others: Sequence[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)
