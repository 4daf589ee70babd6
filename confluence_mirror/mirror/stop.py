"""How a run ends before its work is done: by SIGTERM or SIGINT, or because its time budget is
spent.

The batch in hand is finished and committed, unless it takes longer than whoever sent the signal can
be expected to
wait: then it is cut, which is as safe as a kill, since the next run finds out what became of it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluence_mirror.errors import SyncError, Unfinished

_STEP_S = 0.5
"""How often a wait on a thread other than the main one looks whether it has become pointless."""


class Stop:
    """Lets a signal handler end the run at once, or after the batch in hand.

    Everything but ``pause`` and ``check`` is for the main thread only, where signal handlers run.
    ``monotonic`` and ``sleep`` are the clock, for tests.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        of_process: Stop | None = None,
    ) -> None:
        """``of_process``: is looked at, too."""
        self._of_process = of_process
        self._monotonic = monotonic
        self._sleep = sleep
        self._in_batch = False
        self._waits = False
        self._over = False
        self._asked: SyncError | None = None
        self._cut: SyncError | None = None
        self._deadline = math.inf
        self._budget_s = 0.0
        self.abandoned: Callable[[SyncError], None] | None = None
        """What to do when the main thread sits in a call that nothing can interrupt, and the
        process ends under it."""

    @property
    def asked(self) -> SyncError | None:
        """What a signal asked the run to end with; None where there was none."""
        return self._asked or (self._of_process.asked if self._of_process else None)

    @property
    def cut(self) -> SyncError | None:
        """The same for what is in the middle of a batch."""
        return self._cut or (self._of_process.cut if self._of_process else None)

    def for_run(self) -> Stop:
        """For a run that begins here. On the main thread, where a signal is raised, it is this
        object; each other thread has one of its own, which looks at this one as at a flag, so that
        runs side by side have budgets, batches and ends of their own."""
        if threading.current_thread() is threading.main_thread():
            return self
        return Stop(self._monotonic, self._sleep, of_process=self)

    def begin(self, budget_s: float = 0.0) -> None:
        """A run begins, and has so many seconds from now on; 0: no limit."""
        self._over = False
        self._budget_s = budget_s
        self._deadline = self._monotonic() + budget_s if budget_s else math.inf

    def end(self) -> None:
        """The run is over and is being told of: a signal changes neither that nor how it ended."""
        self._over = True

    # -- for the signal handler
    # ------------------------------------------------------------------------------------

    def request(self, error: SyncError, cut: SyncError) -> None:
        """The first signal waits for the batch in hand, a second one does not. ``cut`` is raised
        inside a batch.

        The error is kept before it is raised: a library's broad ``except`` may swallow what a
        handler raises, and then the next batch does not begin.
        """
        again, self._asked, self._cut = self._asked is not None, error, cut
        if self._over:
            return
        if self._in_batch and (again or self._waits):
            raise cut
        if not (self._in_batch or again):  # a run that is on its way out is left alone
            raise error

    def insist(self) -> None:
        """The run has had time enough to end."""
        if self._asked is not None and self._cut is not None and not self._over:
            raise self._cut if self._in_batch else self._asked

    # -- for the run
    # ----------------------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """What happens inside is not cut in two by a first signal, unless it waits or takes
        long."""
        self.check()
        self._in_batch = True
        try:
            yield
        finally:
            self._in_batch = False
        if (asked := self.asked) is not None:
            raise asked

    def check(self) -> None:
        """Raise what a signal asked for, or ``Unfinished`` where the time budget is spent."""
        if self._over:
            return
        if (asked := self.asked) is not None:
            raise asked
        if self._monotonic() >= self._deadline:
            raise self._spent()

    def pause(self, seconds: float) -> None:
        """Wait as a server asked, or before the next try: at once over when a signal comes, also
        inside a batch.

        Raises ``Unfinished`` at once where the time budget does not reach so far. With 0 it only
        looks at the budget.
        """
        if self._monotonic() + seconds >= self._deadline and not self._over:
            raise self._spent()
        if threading.current_thread() is threading.main_thread():
            if seconds > 0:
                self._pause_here(seconds)
            return
        until = self._monotonic() + seconds
        while self.cut is None and (left := until - self._monotonic()) > 0:
            self._sleep(min(left, _STEP_S))
        if (cut := self.cut) is not None:
            raise cut

    def _pause_here(self, seconds: float) -> None:
        waited, self._waits = self._waits, True
        try:
            if self._cut is not None and not self._over:
                raise self._cut
            self._sleep(seconds)  # the handler raises out of it
        finally:
            self._waits = waited

    def _spent(self) -> Unfinished:
        return Unfinished(
            f"The time budget of {self._budget_s / 60:g} minutes is spent.",
            hint="What was applied is kept; run again to finish.",
        )
