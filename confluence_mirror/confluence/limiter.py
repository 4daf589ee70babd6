"""How fast requests may go, and when to give up on a site: state that all threads of a run
share."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

_FIRST_INTERVAL = 0.25
_LONGEST_INTERVAL = 8.0
_EASED_INTERVAL = 1.0
_FORGET_BELOW = 0.02


class Limiter:
    """Spaces requests out after a 429 and lets them go again as answers come.

    On ordinary days Confluence sends no rate headers with a 200, so there is nothing to steer by
    until the first
    429: until then only the number of threads limits the rate.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._interval = 0.0
        self._next = -math.inf
        self._held_until = -math.inf

    def acquire(self, wait: Callable[[float], None]) -> None:
        """Return when the next request may go. ``wait`` is called with seconds, as often as
        needed."""
        while True:
            with self._lock:
                now = self._monotonic()
                start = max(self._next, self._held_until)
                if start <= now:
                    self._next = now + self._interval
                    return
            wait(start - now)

    def hold_all(self, seconds: float) -> None:
        """After a 429: nobody sends for so long, and all go at half the speed from then on."""
        with self._lock:
            self._held_until = max(self._held_until, self._monotonic() + seconds)
            self._interval = min(max(self._interval * 2, _FIRST_INTERVAL), _LONGEST_INTERVAL)

    def slow_down(self) -> None:
        """An answer says that the limit is near: slow down before a 429 comes, to one request
        per second at most."""
        with self._lock:
            eased = min(max(self._interval * 1.5, _FIRST_INTERVAL / 2), _EASED_INTERVAL)
            self._interval = max(self._interval, eased)

    def speed_up(self) -> None:
        """An ordinary answer came: a tenth faster."""
        with self._lock:
            self._interval *= 0.9
            if self._interval < _FORGET_BELOW:
                self._interval = 0.0


class Circuit:
    """Opens when so many attempts in a row, by whatever thread, failed: the site is down."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._lock = threading.Lock()
        self._in_a_row = 0

    def record_answer(self) -> None:
        """The site answered, if only to refuse."""
        with self._lock:
            self._in_a_row = 0

    def record_fault(self) -> None:
        """An attempt failed."""
        with self._lock:
            self._in_a_row += 1

    @property
    def is_open(self) -> bool:
        """Whether to give up."""
        with self._lock:
            return self._in_a_row >= self._threshold
