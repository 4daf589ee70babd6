"""Waiting for a server that is not itself for a moment, before anything is concluded from what it
says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.stores.http import StoreAnswer
from confluence_mirror.waits import WAITS

T = TypeVar("T")

Sleep = Callable[[float], None]
NOT_IMPLEMENTED = 501
"""The one 5xx that is a fact about a server, not a state that it is in."""
_FIRST = 0.1
_LONGEST = 3.0
_RECOVERY = 6.0
"""Seconds that a server is given to come out of a 5xx. 502, 503 and 504 have had their own retries
before."""


def growing_pauses(total: float) -> Iterator[float]:
    """Growing pauses, in seconds, that add up to ``total``."""
    pause, left = _FIRST, total
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(2 * pause, _LONGEST)


def ask_until_settled(
    ask: Callable[[], StoreAnswer], sleep: Sleep, *, total: float = _RECOVERY
) -> StoreAnswer:
    """Ask until the answer is no 5xx (but ``NOT_IMPLEMENTED``); the last one where none came in
    ``total`` seconds.

    What is asked must be harmless to send twice.
    """
    answer = ask()
    for pause in growing_pauses(total):
        if not is_failing(answer):
            break
        with WAITS.announce(f"the vector store, which answers {answer.describe()}", total):
            sleep(pause)
        answer = ask()
    return answer


def ask_until_certain(
    ask: Callable[[], StoreAnswer], sleep: Sleep, where: str, what: str
) -> StoreAnswer:
    """``ask_until_settled``, where only a conclusive answer will do. Raises
    ``StoreUnavailable``."""
    answer = ask_until_settled(ask, sleep)
    if is_failing(answer):
        raise StoreUnavailable(f"{where} answers {answer.describe()} to {what}.", hint="Run again.")
    return answer


def is_failing(answer: StoreAnswer) -> bool:
    """Whether an answer says nothing about what the server can do or holds."""
    return answer.status >= 500 and answer.status != NOT_IMPLEMENTED


def look_until(look: Callable[[], T], enough: Callable[[T], bool], sleep: Sleep, total: float) -> T:
    """Look again, for ``total`` seconds at most, until it is ``enough``; what the last look showed.

    A server may show a write only a while after it has confirmed it.
    """
    found = look()
    for pause in growing_pauses(total):
        if enough(found):
            break
        with WAITS.announce("the vector store to show what was written", total):
            sleep(pause)
        found = look()
    return found
