"""How a run goes on, phase by phase: what is known of it at any moment, and how long each phase
takes. Standard library alone: it is there before anything else is imported."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Phase: TypeAlias = Literal[
    "starting", "listing", "mirroring", "removing", "waiting", "finishing", "done"
]
_PHASE_OF: dict[str, Phase] = {
    "starting": "starting",
    "listing": "listing",
    "writing": "mirroring",
    "removing": "removing",
    "finishing": "finishing",
}
"""By the name that a run gives to a phase."""
_RATE_OVER_S = 60.0
"""The rate is that of the last minute: what a server does now says more than what it did at
first."""
_RATE_FROM_S = 2.0
"""Seconds that are needed for a rate."""


class Progress(Protocol):
    """Shows the phases of a run. Calls are cheap; none raises."""

    def phase(self, name: str, of: int | None = None) -> None:
        """A phase begins, with so many pages if that is known; the one before has ended."""

    def advance(self, done: int, of: int | None = None) -> None:
        """So many pages of this phase are done by now; ``of`` corrects how many there are."""

    def sent(self, chunks: int) -> None:
        """So many more chunks are in the store."""

    def close(self) -> None:
        """The last phase has ended. Idempotent."""


class Silent:
    """Shows nothing."""

    def phase(self, name: str, of: int | None = None) -> None:
        """Nothing."""

    def advance(self, done: int, of: int | None = None) -> None:
        """Nothing."""

    def sent(self, chunks: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Timed:
    """Passes progress on, and keeps the seconds of each phase; one that comes again adds up."""

    def __init__(
        self, shown: Progress, seconds: dict[str, float], clock: Callable[[], float]
    ) -> None:
        self._shown = shown
        self._seconds = seconds
        self._clock = clock
        self._name = ""
        self._began = 0.0

    def phase(self, name: str, of: int | None = None) -> None:
        """The one before has ended."""
        self._stop()
        self._name, self._began = name, self._clock()
        self._shown.phase(name, of)

    def advance(self, done: int, of: int | None = None) -> None:
        """Passed on."""
        self._shown.advance(done, of)

    def sent(self, chunks: int) -> None:
        """Passed on."""
        self._shown.sent(chunks)

    def close(self) -> None:
        """The last phase has ended. Idempotent."""
        self._stop()
        self._shown.close()

    def _stop(self) -> None:
        if self._name:
            self._seconds[self._name] = (
                self._seconds.get(self._name, 0.0) + self._clock() - self._began
            )
            self._name = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a run at one moment."""

    phase: Phase
    done: int
    """Pages of this phase."""
    total: int | None
    """None: not known yet."""
    chunks: int
    """Sent to the store so far, in all phases."""
    per_second: float | None
    """Pages, of late; None: too early to say."""
    eta_s: float | None
    """Seconds to the end of this phase, at that rate."""
    seconds: float
    """Since this phase began."""
    exit_code: int | None = None
    """None: the command has not ended."""


class Tracker:
    """Keeps what is known of a run (``Progress``). May be told and asked by several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._chunks = 0
        self._exit_code: int | None = None
        self._phase: Phase = "starting"
        self._done = 0
        self._total: int | None = None
        self._began = clock()
        self._samples = deque([(self._began, 0)])

    def phase(self, name: str, of: int | None = None) -> None:
        """A phase begins; one that has no name of its own counts as the one before."""
        with self._lock:
            self._begin(_PHASE_OF.get(name, self._phase), of)

    def advance(self, done: int, of: int | None = None) -> None:
        """Counts of a phase never go down."""
        with self._lock:
            self._done = max(self._done, done)
            self._total = self._total if of is None else of
            self._note_sample()

    def sent(self, chunks: int) -> None:
        """Chunks of all phases are counted together."""
        with self._lock:
            self._chunks += chunks

    def close(self) -> None:
        """The run's own phases have ended; what is left is to record and to print how."""
        self.phase("finishing")

    def end(self, exit_code: int) -> None:
        """The command has ended. The first code stands."""
        with self._lock:
            if self._exit_code is None:
                self._phase, self._exit_code = "done", exit_code

    def snapshot(self) -> Snapshot:
        """What is known now."""
        with self._lock:
            rate = None if self._phase == "done" else self._rate()
            left = None if self._total is None else max(self._total - self._done, 0)
            return Snapshot(
                self._phase,
                self._done,
                self._total,
                self._chunks,
                rate,
                left / rate if rate and left is not None else None,
                self._clock() - self._began,
                self._exit_code,
            )

    def _begin(self, phase: Phase, of: int | None) -> None:
        self._phase, self._done, self._total = phase, 0, of
        self._began = self._clock()
        self._samples = deque([(self._began, 0)])

    def _note_sample(self) -> None:
        """One per second at most, those of the last minute."""
        now = self._clock()
        if now - self._samples[-1][0] >= 1:
            self._samples.append((now, self._done))
        while len(self._samples) > 1 and now - self._samples[1][0] >= _RATE_OVER_S:
            self._samples.popleft()

    def _rate(self) -> float | None:
        since, done = self._samples[0]
        seconds = self._clock() - since
        grown = self._done - done
        return grown / seconds if grown and seconds >= _RATE_FROM_S else None
