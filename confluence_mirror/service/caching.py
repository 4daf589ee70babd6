"""Answers of Confluence that are good for a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

KEPT_S = 60.0
_MOST_KEPT = 500
Value = TypeVar("Value")


class MinuteCache:
    """By key, in this process. May be used from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def read(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of this minute; made where there is none. What ``make`` raises is not kept."""
        now = self._clock()
        with self._lock:
            found = self._kept.get(key)
        if found is not None and now - found[0] < KEPT_S:
            value: Value = found[1]
            return value
        value = make()
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (now, value)
        return value
