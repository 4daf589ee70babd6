"""How a run ends before its work is done: by SIGTERM or SIGINT, or because its time budget is
spent.

Nothing is raised into what a thread happens to do. A request to stop is a flag. It is looked at
before each batch, in listings and comparisons, before each request to Confluence, about once per
second while an answer is awaited, and in every pause, which it ends at once. What cannot look (a
connection that is being made, a lock of SQLite, an index that Chroma rebuilds) is left to
``cli.signals``, which ends the process.

The batch in hand is finished and committed, unless it waits, or takes longer than whoever sent the
signal can be expected to wait: then it is cut, which is as safe as a kill, since the next run finds
out what became of it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluence_mirror.errors import SyncError, Unfinished
from confluence_mirror.wording import duration


class _Request:
    """What the runs of a process are asked to end with. Any thread may make it or look at it."""

    def __init__(self) -> None:
        self.made = threading.Event()
        self.error: SyncError | None = None
        self.cut: SyncError | None = None
        """The same for what is in the middle of a batch."""
        self.insists = False
        """Batches are not waited for any more."""


class Stop:
    """Ends runs early: the one of a process, or of one run (``for_run``), which has a budget and
    batches of its own."""

    def __init__(self, request: _Request | None = None, budget_s: float = 0.0) -> None:
        """``budget_s``: seconds from now on; 0: no limit."""
        self._request = request or _Request()
        self._in_batch = False
        self._budget_s = budget_s
        self._deadline = time.monotonic() + budget_s if budget_s else math.inf
        self.abandoned: Callable[[SyncError], None] | None = None
        """What to do when the run sits in a call that cannot look, and the process ends under
        it."""

    def for_run(self, budget_s: float = 0.0) -> Stop:
        """For a run that begins here: a request to this object is one to the run, too."""
        return Stop(self._request, budget_s)

    # -- for who ends runs

    @property
    def asked(self) -> SyncError | None:
        """What the runs are asked to end with; None where nobody has asked."""
        return self._request.error

    def request(self, error: SyncError, cut: SyncError) -> None:
        """The first request waits for the batch in hand, a second one does not. ``cut`` is raised
        inside a batch."""
        if self._request.made.is_set():
            self.insist()
        self._request.error, self._request.cut = error, cut
        self._request.made.set()

    def insist(self) -> None:
        """The batch in hand has had time enough."""
        self._request.insists = True

    # -- for the run

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What happens inside is not cut in two by a first request, unless it waits or takes
        long."""
        self.check()
        self._in_batch = True
        try:
            yield
        finally:
            self._in_batch = False
        self.look()

    def check(self) -> None:
        """Raise what was asked for, or ``Unfinished`` where the time budget is spent."""
        self.pause(0)

    def look(self) -> None:
        """Raise what was asked for, whatever the budget."""
        if self._request.made.is_set() and (self._request.insists or not self._in_batch):
            self._raise_request()

    def pause(self, seconds: float) -> None:
        """Wait as a server asked, or before the next try: over at once when a request comes, also
        inside a batch.

        Raises ``Unfinished`` at once where the time budget does not reach so far. With 0 it only
        looks, as while an answer is awaited.
        """
        self.look()
        if time.monotonic() + seconds >= self._deadline:
            raise Unfinished(
                f"The time budget of {duration(self._budget_s)} is spent.",
                hint="What was applied is kept; run again to finish.",
            )
        if seconds > 0 and self._request.made.wait(seconds):
            self._raise_request()

    def _raise_request(self) -> None:
        error = self._request.cut if self._in_batch else self._request.error
        assert error is not None
        raise error
