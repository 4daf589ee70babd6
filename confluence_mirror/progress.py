"""How a run goes on, phase by phase: what is known of it at any moment, and how long each phase
takes. Next to nothing is imported: it is there before anything else."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

from confluence_mirror.waits import WAITS, Wait, Waits

Phase: TypeAlias = Literal[
    "starting", "listing", "mirroring", "removing", "waiting", "finishing", "done"
]
_PHASE_OF: dict[str, Phase] = {
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
_TOLD_FROM_S = 1.0
"""Seconds from which a wait is worth telling."""
_LATE_FROM_S = 5.0
"""The same of an answer that is awaited."""


class Progress(Protocol):
    """Shows the phases of a run. Calls are cheap; none raises."""

    def phase(self, name: str, of: int | None = None) -> None:
        """A phase begins, with so many pages if that is known; the one before has ended."""

    def advance(self, done: int, of: int | None = None) -> None:
        """So many pages of this phase are done by now; ``of`` corrects how many there are."""

    def listed(self, pages: int) -> None:
        """So many more pages were listed, in whatever phase. Comes from any thread."""

    def sent(self, chunks: int) -> None:
        """So many more chunks are in the store."""

    def close(self) -> None:
        """The last phase has ended. Idempotent."""


class Silent:
    """Shows nothing. What shows a part of it inherits the rest."""

    def phase(self, name: str, of: int | None = None) -> None:
        """Nothing."""

    def advance(self, done: int, of: int | None = None) -> None:
        """Nothing."""

    def listed(self, pages: int) -> None:
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
        self.advance, self.listed, self.sent = shown.advance, shown.listed, shown.sent

    def phase(self, name: str, of: int | None = None) -> None:
        """The one before has ended."""
        self._stop()
        self._name, self._began = name, self._clock()
        self._shown.phase(name, of)

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
    """What is known of a run at one moment. Durations are seconds."""

    phase: Phase
    """``waiting`` takes the place of every other one but the last."""
    done: int
    """Pages of this phase."""
    total: int | None
    """None: not known yet."""
    chunks: int
    """Sent to the store so far, in all phases."""
    per_second: float | None
    """Pages, of late; None: too early to say."""
    eta_s: float | None
    """To the end of this phase, at that rate."""
    still_s: float
    """Since something moved."""
    since_start_s: float
    wait: Wait | None = None
    """What nothing goes on for; an answer that is late, too."""
    waited_s: float = 0.0
    """Of that wait."""
    exit_code: int | None = None
    """None: the command has not ended."""


class Tracker:
    """Keeps what is known of a run (``Progress``). May be told and asked by several threads."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, waits: Waits | None = None
    ) -> None:
        self._clock = clock
        self._waits = waits or WAITS
        self._lock = threading.Lock()
        self._started = self._moved = clock()
        self._phase: Phase = "starting"
        self._done = self._listed = self._chunks = 0
        self._total: int | None = None
        self._samples = deque([(self._started, 0)])
        self._exit_code: int | None = None

    def phase(self, name: str, of: int | None = None) -> None:
        """A phase begins; one that has no name of its own counts as the one before."""
        with self._lock:
            self._phase, self._done, self._total = _PHASE_OF.get(name, self._phase), 0, of
            self._moved = self._clock()
            self._samples = deque([(self._moved, 0)])
            if name == "listing":
                self._listed = 0

    def advance(self, done: int, of: int | None = None) -> None:
        """Counts of a phase never go down."""
        with self._lock:
            self._total = self._total if of is None else of
            if done > self._done:
                self._done, self._moved = done, self._clock()
                self._note_sample()

    def listed(self, pages: int) -> None:
        """While nothing else goes on they are what is done."""
        with self._lock:
            self._listed += pages
            self._moved = self._clock()

    def sent(self, chunks: int) -> None:
        """Chunks of all phases are counted together."""
        with self._lock:
            self._chunks += chunks
            self._moved = self._clock()

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
            now = self._clock()
            done = self._listed if self._phase == "listing" else self._done
            rate = self._rate(now) if self._phase in ("mirroring", "removing") else None
            left = None if self._total is None else max(self._total - self._done, 0)
            found = Snapshot(
                self._phase,
                done,
                self._total,
                self._chunks,
                rate,
                left / rate if rate and left is not None else None,
                now - self._moved,
                now - self._started,
                exit_code=self._exit_code,
            )
            return found if self._phase == "done" else self._with_wait(found, now)

    def _with_wait(self, found: Snapshot, now: float) -> Snapshot:
        """A wait is told while nothing moves."""
        for wait in self._waits.now():
            waited = now - wait.began
            least = _TOLD_FROM_S if wait.idle else _LATE_FROM_S
            expected = wait.seconds or 0.0 if wait.idle else 0.0
            if max(waited, expected) >= least and self._moved <= wait.began:
                phase: Phase = "waiting" if wait.idle else found.phase
                return replace(found, phase=phase, wait=wait, waited_s=waited)
        return found

    def _note_sample(self) -> None:
        """One per second at most, those of the last minute."""
        if self._moved - self._samples[-1][0] >= 1:
            self._samples.append((self._moved, self._done))
        while len(self._samples) > 1 and self._moved - self._samples[1][0] >= _RATE_OVER_S:
            self._samples.popleft()

    def _rate(self, now: float) -> float | None:
        since, done = self._samples[0]
        grown, seconds = self._done - done, now - since
        return grown / seconds if grown and seconds >= _RATE_FROM_S else None
