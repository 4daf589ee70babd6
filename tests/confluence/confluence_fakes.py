"""A gateway's address and a clock for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.model import Space

URL = "https://gateway.test"
ROOT = f"{URL}/ex/confluence/cloud-1"
MakeSource = Callable[..., ConfluenceSource]
USER = "canary-user@example.com"
TOKEN = "canary-token-9f8e7d"


def space_of(source: ConfluenceSource, key: str) -> Space:
    """The space with this key."""
    return next(space for space in source.list_spaces() if space.key == key)


class FakeTime:
    """Time that passes only when somebody sleeps, and dice that always fall high."""

    def __init__(self) -> None:
        self.start = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
        self.seconds = 0.0
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.seconds += seconds
            self.slept.append(seconds)
        self.on_sleep()

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def jitter(self, low: float, high: float) -> float:
        return high
