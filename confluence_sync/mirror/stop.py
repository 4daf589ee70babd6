"""SIGTERM and SIGINT: the batch in hand is finished and committed, then the run ends and says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluence_sync.errors import SyncError


class Stop:
    """Lets a signal handler end the run at once, or after the batch in hand. Used from the main thread only."""

    def __init__(self) -> None:
        self._in_batch = False
        self._pending: SyncError | None = None

    def request(self, error: SyncError) -> None:
        """Called by the signal handler. A second signal does not wait for the batch.

        The error is kept before it is raised: a library's broad ``except`` may swallow what a handler raises, and
        then the next batch does not begin.
        """
        again, self._pending = self._pending is not None, error
        if again or not self._in_batch:
            raise error

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What happens inside is not cut in two by a first signal."""
        self._check()
        self._in_batch = True
        try:
            yield
        finally:
            self._in_batch = False
        self._check()

    def _check(self) -> None:
        if self._pending is not None:
            raise self._pending
