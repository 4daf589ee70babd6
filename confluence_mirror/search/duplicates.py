"""The same text on several pages answers once.

Pages are copied: a template, a runbook for another cluster. Of copies whose text is the same, or
nearly, a reader wants the one that was changed last. But where they differ in a value (a port, a
host, a limit), the difference may be the answer, and both stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher
from functools import cached_property
from typing import TypeVar

_SAME_SHARE = 0.9
"""Of the words of the longer text, from which two texts are copies."""
_LEAST_LENGTH = 0.75
"""Of the characters of the longer text: the tenth that differs may be its longest words."""
_LEAST_TRIPLES = 1 - 3 * (1 - _SAME_SHARE) - 0.1
_SKETCH_BITS = 1024
_WORD = re.compile(r"\w+(?:[-._:/@]\w+)*")
_VALUE = re.compile(r"\d|[-._:/@]|[a-z][A-Z]")

Item = TypeVar("Item")


class _Text:
    """A text of a page, cut into words when it is first compared with one of about its length."""

    def __init__(self, page: str, text: str) -> None:
        self.page = page
        self.length = len(text)
        self._text = text

    @cached_property
    def words(self) -> list[str]:
        return _WORD.findall(self._text)

    @cached_property
    def sketch(self) -> int:
        """A bit for each of its words, which several may share."""
        bits = 0
        for word in set(self.words):
            bits |= 1 << hash(word) % _SKETCH_BITS
        return bits

    @cached_property
    def triples(self) -> frozenset[tuple[str, str, str]]:
        """Words that follow each other."""
        return frozenset(zip(self.words, self.words[1:], self.words[2:], strict=False))


def leave_out_copies(
    items: Iterable[Item],
    *,
    page_of: Callable[[Item], str],
    text_of: Callable[[Item], str],
    modified_at: Callable[[Item], str],
) -> Iterator[Item]:
    """The items, best first, without copies of text that stands on another page too: in the place
    of the best copy stands the one last modified.

    One is compared with those after it when it is its turn, so that an answer that is full after a
    few pays for these alone.
    """
    waiting = [(item, _Text(page_of(item), text_of(item))) for item in items]
    while waiting:
        (best, text), *others = waiting
        waiting = []
        for other in others:
            # For fifty results twenty thousand pairs are compared: what is cheap goes first.
            if (
                other[1].length < _LEAST_LENGTH * text.length
                or text.length < _LEAST_LENGTH * other[1].length
                or not _are_copies(text, other[1])
            ):
                waiting.append(other)
            elif modified_at(other[0]) > modified_at(best):
                best, text = other
        yield best


def _are_copies(one: _Text, other: _Text) -> bool:
    """Whether they stand on two pages, nine tenths of the words are the same, and no value
    differs."""
    longer = max(len(one.words), len(other.words))
    most = 2 * (1 - _SAME_SHARE) * longer
    # Nearly every pair ends here: a bit that only one text has is a word that only that one has.
    if one.page == other.page or (one.sketch ^ other.sketch).bit_count() > most:
        return False
    if min(len(one.words), len(other.words)) < _SAME_SHARE * longer:
        return False
    if one.words == other.words:
        return True
    # A word that differs changes no more than three triples.
    shared = len(one.triples & other.triples)
    if shared < max(1, _LEAST_TRIPLES * max(len(one.triples), len(other.triples))):
        return False
    matcher = SequenceMatcher(None, one.words, other.words, autojunk=False)
    differing = [
        word
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
        for word in (*one.words[a:b], *other.words[c:d])
    ]
    return len(differing) <= most and not any(map(_VALUE.search, differing))
