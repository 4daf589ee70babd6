"""How many requests are in flight: fewer where a server says that it has too many, more again as it
answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STREAK = 8
"""Answers, for each request that may be in flight, after which one more may be."""


class Turns:
    """Requests of several threads take turns. ``check`` is called about once per second of waiting,
    and ends it by what it raises."""

    def __init__(self, most: int, check: Callable[[], None]) -> None:
        self.allowed = most
        self._most = most
        self._check = check
        self._in_flight = 0
        self._changes = 0
        self._answers = 0
        self._free = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[int]:
        """For one request. Its number is for ``record_overload``."""
        with self._free:
            while self._in_flight >= self.allowed:
                self._check()
                self._free.wait(timeout=1)
            self._in_flight += 1
            began = self._changes
        try:
            yield began
        finally:
            with self._free:
                self._in_flight -= 1
                self._free.notify()

    def record_answer(self) -> None:
        """A request was answered."""
        with self._free:
            self._answers += 1
            if self.allowed < self._most and self._answers >= _STREAK * self.allowed:
                self.allowed, self._answers = self.allowed + 1, 0
                self._free.notify()

    def record_overload(self, began: int) -> None:
        """A request of this turn was told that there are too many: half as many from now on. What
        others of the same time are told says nothing new."""
        with self._free:
            if began == self._changes:
                self._changes += 1
                self.allowed, self._answers = max(1, self.allowed // 2), 0
