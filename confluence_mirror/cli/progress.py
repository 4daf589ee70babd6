"""How a run shows that it goes on: one line on a terminal, a few log lines in a pod."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any, Literal, TextIO

_LOG = logging.getLogger("confluence_mirror.progress")
_EVERY = 100
"""Pages per log line."""


class Line:
    """One line on a terminal, with counts and rate; one that hung up is passed over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None

    def phase(self, name: str, of: int | None = None) -> None:
        """A new line takes the old one's place."""
        from tqdm import tqdm  # not before there is something to show

        self.close()
        with contextlib.suppress(OSError):
            self._bar = tqdm(
                total=of,
                desc=name,
                unit=" pages",
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
            )

    def advance(self, done: int, of: int | None = None) -> None:
        """Counts go up."""
        if self._bar is None:
            return
        if of is not None:
            self._bar.total = of
        with contextlib.suppress(OSError):
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """The line is wiped."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()
            self._bar = None


class LogLines:
    """One log line at each phase's beginning and end, and one per hundred pages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._name = ""
        self._done = 0
        self._of: int | None = None
        self._began = 0.0

    def phase(self, name: str, of: int | None = None) -> None:
        """A log line."""
        self.close()
        self._name, self._done, self._of, self._began = name, 0, of, self._clock()
        _LOG.info("%s%s", name, "" if of is None else f": {of:,} {_pages(of)}")

    def advance(self, done: int, of: int | None = None) -> None:
        """A log line where a hundred is full."""
        before, self._done = self._done, done
        self._of = self._of if of is None else of
        if before // _EVERY != self._done // _EVERY:
            seconds = max(self._clock() - self._began, 0.001)
            total = "" if self._of is None else f" of {self._of:,}"
            _LOG.info(
                "%s: %s%s %s, %.1f per second",
                self._name,
                f"{self._done:,}",
                total,
                _pages(self._done if self._of is None else self._of),
                self._done / seconds,
            )

    def close(self) -> None:
        """The phase is over; nothing more is said of it."""
        self._name = ""


def _pages(count: int) -> str:
    return "page" if count == 1 else "pages"


def progress_on(stream: TextIO, log_format: Literal["text", "json"] = "text") -> Line | LogLines:
    """A line where a person looks, else log lines."""
    return Line(stream) if log_format == "text" and stream.isatty() else LogLines()
