"""What the threads of this process wait for at the moment, so that it can be told while they do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """One thread waits."""

    what: str
    """What for: ``Confluence: 429 …``."""
    began: float
    """By the clock."""
    seconds: float | None
    """How long at most; None: nobody knows."""
    idle: bool
    """Nothing is being done for us meanwhile; else an answer is awaited."""


class Waits:
    """The waits of all threads. What is announced within another one is its part."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._now: dict[int, Wait] = {}

    @contextmanager
    def announce(
        self, what: str, seconds: float | None = None, *, idle: bool = True
    ) -> Iterator[None]:
        """This thread waits for ``what`` in here."""
        thread = threading.get_ident()
        if thread in self._now:
            yield
            return
        with self._lock:
            self._now[thread] = Wait(what, self.clock(), seconds, idle)
        try:
            yield
        finally:
            with self._lock:
                self._now.pop(thread, None)

    def now(self) -> list[Wait]:
        """Those that go on, the longest first."""
        with self._lock:
            return sorted(self._now.values(), key=lambda wait: wait.began)


WAITS = Waits()
"""Of this process."""
