"""How a run goes on, phase by phase: where it is shown, and how long each takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Shows the phases of a run. Calls are cheap; none raises."""

    def phase(self, name: str, of: int | None = None) -> None:
        """A phase begins, with so many pages if that is known; the one before has ended."""

    def advance(self, done: int, of: int | None = None) -> None:
        """So many pages of this phase are done by now; ``of`` corrects how many there are."""

    def close(self) -> None:
        """The last phase has ended. Idempotent."""


class Silent:
    """Shows nothing."""

    def phase(self, name: str, of: int | None = None) -> None:
        """Nothing."""

    def advance(self, done: int, of: int | None = None) -> None:
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
