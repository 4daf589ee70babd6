"""The requests of a run to Confluence, counted for its report."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from confluence_mirror.confluence.routes import Route


@dataclass(frozen=True, slots=True)
class Traffic:
    """The counts at one moment."""

    requests: Mapping[tuple[str, int], int]
    """(method and endpoint template, status) → requests sent; status 0: no answer came."""
    retries: int
    rate_limit_seconds: float
    """Seconds that threads waited for rate limits, added up."""
    bytes_received: int
    """Bytes of the answers' bodies, after decompression."""

    @property
    def total(self) -> int:
        """All requests sent."""
        return sum(self.requests.values())


class RequestStats:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._retries = 0
        self._waited = 0.0
        self._bytes = 0

    def record_answer(self, route: Route, status: int, size: int = 0) -> None:
        """One request and its answer's status; 0 where none came."""
        with self._lock:
            self._requests[route.name, status] += 1
            self._bytes += size

    def record_retry(self) -> None:
        """A request is sent again."""
        with self._lock:
            self._retries += 1

    def record_wait(self, seconds: float) -> None:
        """A thread waited for a rate limit."""
        with self._lock:
            self._waited += seconds

    def snapshot(self) -> Traffic:
        """The counts so far."""
        with self._lock:
            return Traffic(dict(self._requests), self._retries, self._waited, self._bytes)
