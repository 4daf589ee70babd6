"""Something that is done again and again beside the run, and goes on where the run hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable

_LAST_S = 3.0
"""Seconds for the last time: what hangs in there does not keep the process."""


class Ticker:
    """Calls ``tick`` at once, about every so many seconds, and once more when it is ended; on a
    thread of its own."""

    def __init__(self, tick: Callable[[], None], every_s: float, name: str) -> None:
        self._tick = tick
        self._every_s = every_s
        self._ended, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._thread.start()

    def wake(self) -> None:
        """The next tick comes at once."""
        self._woken.set()

    def end(self) -> None:
        """Returns after the last tick. Idempotent."""
        self._ended.set()
        self._woken.set()
        self._thread.join(_LAST_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._woken.clear()
            self._tick()
            if not self._ended.is_set():
                self._woken.wait(self._every_s)
        self._tick()
