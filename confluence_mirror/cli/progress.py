"""How a run shows that it goes on: one line on a terminal, a few log lines in a pod, a file for
programs."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TextIO

from confluence_mirror.cli.progress_file import ProgressFile
from confluence_mirror.errors import Exit, SyncError
from confluence_mirror.progress import Progress, Silent, Tracker

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

    def sent(self, chunks: int) -> None:
        """Not shown."""

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

    def sent(self, chunks: int) -> None:
        """Not shown."""

    def close(self) -> None:
        """The phase is over; nothing more is said of it."""
        self._name = ""


def _pages(count: int) -> str:
    return "page" if count == 1 else "pages"


def progress_on(stream: TextIO, log_format: Literal["text", "json"] = "text") -> Line | LogLines:
    """A line where a person looks, else log lines."""
    return Line(stream) if log_format == "text" and stream.isatty() else LogLines()


class CommandProgress:
    """The progress of one command (``Progress``), from its first moment to its exit code."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._shown: Progress = Silent()
        self._file: ProgressFile | None = None

    def show(self, shown: Progress) -> None:
        """Where people see it from now on."""
        self._shown = shown

    def write_to(self, path: Path | None) -> None:
        """Where programs read it from now on. The first path stands."""
        if path is not None and self._file is None:
            self._file = ProgressFile(path, self._tracker)
            self._file.begin()

    def phase(self, name: str, of: int | None = None) -> None:
        """See ``Progress``."""
        self._tracker.phase(name, of)
        self._shown.phase(name, of)

    def advance(self, done: int, of: int | None = None) -> None:
        """See ``Progress``."""
        self._tracker.advance(done, of)
        self._shown.advance(done, of)

    def sent(self, chunks: int) -> None:
        """See ``Progress``."""
        self._tracker.sent(chunks)
        self._shown.sent(chunks)

    def close(self) -> None:
        """The run has ended; how is recorded and printed next."""
        self._tracker.close()
        self._shown.close()

    def end_with(self, error: SyncError) -> None:
        """The command ends with this, and its main thread cannot say so."""
        self.end(int(error.exit))

    def end(self, exit_code: int) -> None:
        """The command has ended. Idempotent."""
        self._tracker.end(exit_code)
        if self._file is not None:
            self._file.end()


def show_progress(command: Callable[[CommandProgress], int]) -> int:
    """Run a command with its progress; its exit code, which is the last that is told."""
    progress, code = CommandProgress(), int(Exit.BUG)
    try:
        code = command(progress)
    finally:
        progress.end(code)
    return code
