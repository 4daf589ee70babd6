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
_WORD = re.compile(r"\w+(?:[-._:/@]\w+)*")
_VALUE = re.compile(r"\d|[-._:/@]|[a-z][A-Z]")

Item = TypeVar("Item")


class _Text:
    """A text, cut into words when it is first compared with one of about its length."""

    def __init__(self, text: str) -> None:
        self.length = len(text)
        self._text = text

    @cached_property
    def words(self) -> list[str]:
        return _WORD.findall(self._text)

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
    waiting = [(item, page_of(item), _Text(text_of(item))) for item in items]
    while waiting:
        best, *others = waiting
        waiting = []
        for other in others:
            if other[1] == best[1] or not _are_copies(best[2], other[2]):
                waiting.append(other)
            elif modified_at(other[0]) > modified_at(best[0]):
                best = other
        yield best[0]


def _are_copies(one: _Text, other: _Text) -> bool:
    """Whether nine tenths of the words are the same, and no value differs."""
    if min(one.length, other.length) < _LEAST_LENGTH * max(one.length, other.length):
        return False
    longer = max(len(one.words), len(other.words))
    if min(len(one.words), len(other.words)) < _SAME_SHARE * longer:
        return False
    if one.words == other.words:
        return True
    # Nearly every pair ends here: a word that differs changes no more than three triples.
    if one.triples.isdisjoint(other.triples):
        return False
    shared = len(one.triples & other.triples)
    if shared < _LEAST_TRIPLES * max(len(one.triples), len(other.triples)):
        return False
    matcher = SequenceMatcher(None, one.words, other.words, autojunk=False)
    differing = [
        word
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
        for word in (*one.words[a:b], *other.words[c:d])
    ]
    return len(differing) <= 2 * (1 - _SAME_SHARE) * longer and not any(
        map(_VALUE.search, differing)
    )
