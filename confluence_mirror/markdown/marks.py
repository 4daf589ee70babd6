"""Bold, italic and struck text as delimiters that a CommonMark parser reads back as they were
meant.

While a paragraph is put together, marks are single control characters (XML 1.0 forbids them, so no
document can bring its own). Only when the whole paragraph is known can they become ``**``: whether
a delimiter opens or closes depends on the characters on both sides of it (CommonMark 0.31, section
6.2, "left-flanking", "right-flanking").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from string import punctuation
from typing import Final
from unicodedata import category

STRONG: Final = ("\x0e", "\x0f")
EM: Final = ("\x10", "\x11")
DEL: Final = ("\x12", "\x13")

_KINDS = (STRONG, EM, DEL)
_DELIMITERS = ("**", "*", "~~")
_STEP = {
    sign: (kind, 1 - 2 * side) for kind, pair in enumerate(_KINDS) for side, sign in enumerate(pair)
}
_SIGNS = re.compile("([\x0e-\x13])")
_SPACE = " \x05"
_ONE = re.compile("([\x0e\x10\x12])([^\x0e-\x13]*)([\x0f\x11\x13])")
_TOUCHING = frozenset("\x0e\x0f\x10\x11\x12\x13*~")
_AROUND = frozenset(["", " ", "\x05", "\x01"])
_PASSES = 6
"""How often the edges of runs are looked at again after one was moved; marks that do not settle are
left out."""
# Punctuation that may change places with a delimiter: never what opens or closes a link, an image,
# code or a tag.
_MOVABLE = (
    r"""(?:\\[!-/:-@\[-`{-~]|["'.,;:?/%(){}«»“”‘’„…–—-]"""
    r"""|[、。，．：；？！「」『』（）【】〈〉《》])+"""
)
_LEADING = re.compile(_MOVABLE)
_MOVED = frozenset("\"'.,;:?/%{}«»“”‘’„…–—-、。，．：；？！「」『』（）【】〈〉《》")
_MOST_MOVED = 64


def is_punctuation(char: str) -> bool:
    """Punctuation or symbol, as CommonMark counts them; the sign around code will be a backtick."""
    return char == "\x07" or category(char)[0] in "PS"


@lru_cache(maxsize=4096)
def _is_word(char: str) -> bool:
    return not (char in _SPACE or char.isspace() or is_punctuation(char))


def resolve(text: str) -> str:
    """Turn the mark signs of one paragraph into delimiters. Linear in the length of the text."""
    simple = _ONE.sub(_simply, text)
    if not _SIGNS.search(simple):
        return simple
    runs = _move_spaces_out(_runs(text))
    for _ in range(_PASSES):
        before = list(runs)
        _settle_edges(runs)
        if runs == before:
            _drop_stars_that_would_close(runs)
        if runs == before:
            return _write(runs)
        runs = _join_runs(run for run in runs if run[0])
    return "".join(text for text, _ in runs)


def _simply(found: re.Match[str]) -> str:
    """A mark that holds no other and touches none, where its delimiters certainly open and close;
    else unchanged."""
    inner = found[2]
    core = inner.strip(_SPACE)
    if not core:
        return inner
    text = found.string
    start, end = found.span()
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    if before in _TOUCHING or after in _TOUCHING:
        return found[0]
    lead = inner.find(core[0])
    tail = len(inner) - lead - len(core)
    if not (lead or core[0].isalnum() or before in _AROUND) or not (
        tail or core[-1].isalnum() or after in _AROUND
    ):
        return found[0]
    delimiter = _DELIMITERS[_STEP[found[1]][0]]
    return f"{inner[:lead]}{delimiter}{core}{delimiter}{inner[len(inner) - tail :]}"


def _runs(text: str) -> list[tuple[str, int]]:
    """Cut into (text, set of marks as bits); marks nested in their like count once."""
    runs: list[tuple[str, int]] = []
    depth = [0, 0, 0]
    marks = 0
    for token in _SIGNS.split(text):
        step = _STEP.get(token)
        if step is not None:
            kind, delta = step
            depth[kind] += delta
            marks = marks | 1 << kind if depth[kind] > 0 else marks & ~(1 << kind)
        elif token:
            runs.append((token, marks))
    return _join_runs(runs)


def _move_spaces_out(runs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Take spaces out of the edges of marked runs, and join what then has the same marks."""
    pieces: list[tuple[str, int]] = []
    for text, marks in runs:
        core = text.strip(_SPACE)
        if not marks or core == text:
            pieces.append((text, marks))
        elif not core:
            pieces.append((text, -1))
        else:
            start = text.index(core[0])
            lead, tail = text[:start], text[start + len(core) :]
            pieces += [
                (part, bits) for part, bits in ((lead, -1), (core, marks), (tail, -1)) if part
            ]
    for index, (text, marks) in enumerate(pieces):
        if marks < 0:  # a space has the marks that both of its neighbours have
            after = next((bits for _, bits in pieces[index + 1 : index + 3] if bits >= 0), 0)
            pieces[index] = (text, pieces[index - 1][1] & after if index else 0)
    return _join_runs(pieces)


def _join_runs(runs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Runs that have the same marks as one."""
    return [
        ("".join([text for text, _ in group]), marks)
        for marks, group in groupby(runs, key=itemgetter(1))
    ]


def _settle_edges(runs: list[tuple[str, int]]) -> None:
    """Where a delimiter between a word and punctuation could not open or close, the punctuation
    goes outside."""
    for index, (text, marks) in enumerate(runs):
        before, before_marks = runs[index - 1] if index else ("", 0)
        after, after_marks = runs[index + 1] if index + 1 < len(runs) else ("", 0)
        if before and _clash(before, before_marks, text, marks):
            if marks & ~before_marks & 0b010:
                marks &= before_marks
                runs[index] = (text, marks)
            else:
                before_marks &= marks
                runs[index - 1] = (before, before_marks)
        if marks & ~before_marks and before and _is_word(before[-1]):
            marks = _one_kind(marks, before_marks)
            if is_punctuation(text[0]):
                found = _LEADING.match(text)
                if found:
                    rest = text[found.end() :].lstrip(_SPACE)
                    runs[index - 1] = (before + text[: len(text) - len(rest)], before_marks)
                    text = rest
                else:
                    marks &= before_marks
            runs[index] = (text, marks)
        if text and marks & ~after_marks and after and _is_word(after[0]):
            marks = _one_kind(marks, after_marks)
            if is_punctuation(text[-1]):
                start = _trailing(text)
                if start < len(text):
                    rest = text[:start].rstrip(_SPACE)
                    runs[index + 1] = (text[len(rest) :] + after, after_marks)
                    text = rest
                else:
                    marks &= after_marks
            runs[index] = (text, marks)


def _drop_stars_that_would_close(runs: list[tuple[str, int]]) -> None:
    """Where stars that open a mark inside another would end the outer one, leave them out.

    Mostly they cannot: lengths that add up to three do not match. Yet ``***`` counts as three where
    it opens two marks, or closes one and opens another, so nothing protects the stars after it.
    """
    opened_by_three = 0
    for index, (text, marks) in enumerate(runs):
        before, outer = runs[index - 1] if index else ("", 0)
        opening = marks & ~outer
        if outer ^ marks == 0b011:
            opened_by_three |= opening
        elif (
            opening in (0b001, 0b010)
            and outer & opened_by_three
            and before[-1] not in _SPACE
            and is_punctuation(before[-1]) == is_punctuation(text[0])
        ):
            marks = outer
            runs[index] = (text, marks)
        opened_by_three &= marks


def _trailing(text: str) -> int:
    """Where the movable punctuation at the end of a text begins; its length where there is none, or
    very much."""
    start = len(text)
    while start and len(text) - start < _MOST_MOVED:
        window = text[max(0, start - 1 - _MOST_MOVED) : start - 1]
        slashes = len(window) - len(window.rstrip("\\"))
        if slashes % 2 and text[start - 1] in punctuation:  # else it is the end of code
            start -= 2
        elif text[start - 1] in _MOVED:
            start -= 1
        else:
            return start
    return len(text) if start else 0


def _clash(before: str, before_marks: int, text: str, marks: int) -> bool:
    """Whether stars that close and stars that open stand side by side and could not do both."""
    closing, opening = before_marks & ~marks & 0b011, marks & ~before_marks & 0b011
    return bool(closing and opening) and is_punctuation(before[-1]) != is_punctuation(text[0])


def _one_kind(marks: int, beyond: int) -> int:
    """Beside a word, delimiters of two kinds are punctuation to each other: what is struck stays
    struck."""
    fresh = marks & ~beyond
    return marks & ~(fresh & 0b011) if fresh & 0b100 and fresh & 0b011 else marks


def _write(runs: list[tuple[str, int]]) -> str:
    out: list[str] = []
    stack: list[int] = []
    for index, (text, wanted) in enumerate(runs):
        marks = wanted
        while stack and any(not marks >> kind & 1 for kind in stack):
            kind = stack.pop()
            out.append(_DELIMITERS[kind])
            # Closed only because of one outside it: opening it again would put delimiter beside
            # delimiter.
            marks &= ~(1 << kind)
        fresh = [kind for kind in (0, 2, 1) if marks >> kind & 1 and kind not in stack]
        if len(fresh) > 1:
            fresh.sort(key=lambda kind: -_run_length(runs, index, kind))
        for kind in fresh:
            out.append(_DELIMITERS[kind])
            stack.append(kind)
        out.append("\\" + text if text[0] == "~" and out and out[-1] == "~~" else text)
    out.extend(_DELIMITERS[kind] for kind in reversed(stack))
    return "".join(out)


def _run_length(runs: list[tuple[str, int]], index: int, kind: int) -> int:
    """How many runs from here have this mark (counted to 16: enough to nest what people nest)."""
    count = 0
    for _, marks in runs[index : index + 16]:
        if not marks >> kind & 1:
            break
        count += 1
    return count
