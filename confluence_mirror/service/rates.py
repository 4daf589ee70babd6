"""How often one key, or one address without a right key, may call: a window per process."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_FORM = re.compile(r"([0-9]{1,9})/(second|minute|hour)")
_MOST_KNOWN = 100_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds."""

    calls: int
    seconds: int


def parse_rate(value: str) -> Rate:
    """``N/second``, ``N/minute`` or ``N/hour``."""
    found = _FORM.fullmatch(value.strip().lower())
    if found is None or int(found[1]) == 0:
        raise ValueError("is not a number of calls per second, minute or hour")
    return Rate(int(found[1]), _SECONDS[found[2]])


class RateLimiter:
    """Counts calls in windows. May be used from several threads."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[float, int]] = {}

    def seconds_to_wait(self, who: str) -> int:
        """Count a call; 0 where it may go on, else the whole seconds until one may."""
        now = self._clock()
        with self._lock:
            if len(self._counts) >= _MOST_KNOWN:
                self._counts.clear()
            begun, count = self._counts.get(who, (now, 0))
            if now - begun >= self._rate.seconds:
                begun, count = now, 0
            self._counts[who] = (begun, count + 1)
            if count < self._rate.calls:
                return 0
            return max(1, round(begun + self._rate.seconds - now + 0.5))
