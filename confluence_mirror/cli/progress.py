"""How a command shows that it goes on: one line on a terminal, log lines in a pod, a file for
programs. Next to nothing is imported, so that the line is there at once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from confluence_mirror.cli.progress_text import describe_progress, describe_status
from confluence_mirror.cli.ticker import Ticker
from confluence_mirror.errors import Exit, SyncError
from confluence_mirror.progress import Silent, Tracker
from confluence_mirror.status_line import STATUS
from confluence_mirror.wording import counted

if TYPE_CHECKING:
    from confluence_mirror.cli.progress_file import ProgressFile

HEARTBEAT_S = 30.0
"""Seconds after which a log has another line, whatever happens."""
_LOOK_S = 1.0
_REDRAW_S = 0.5
_NO_RUNS = frozenset(("query", "mcp", "check", "demo", "--demo", "-h", "--help", "--version"))


class TerminalLine(Silent):
    """The line of a terminal, redrawn while the command works."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._closed = False
        self._ticker = Ticker(self._draw, _REDRAW_S, "progress line")

    def close(self) -> None:
        """The line is wiped."""
        self._closed = True
        self._ticker.end()

    def _draw(self) -> None:
        STATUS.show("" if self._closed else describe_status(self._tracker.snapshot()))


class LogLines(Silent):
    """A log line where a phase begins, and one every half minute in which there was none."""

    def __init__(self, tracker: Tracker, clock: Callable[[], float] = time.monotonic) -> None:
        import logging  # not before there is a log

        self._log = logging.getLogger("confluence_mirror.progress")
        self._tracker = tracker
        self._clock = clock
        self._told = clock()

    def phase(self, name: str, of: int | None = None) -> None:
        """A log line, where there is something to do."""
        self._told = self._clock()
        if of == 0 or name == "finishing":
            return
        self._log.info("%s%s", name, "" if of is None else f": {counted(of, 'page')}")

    def look(self) -> None:
        """A log line if it is time for one. Called from another thread, every second or so."""
        now = self._clock()
        if now - self._told >= HEARTBEAT_S:
            self._told = now
            self._log.info("%s", describe_progress(self._tracker.snapshot()))


class CommandProgress:
    """The progress of one command (``Progress``), from its first moment to its exit code."""

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._shown: TerminalLine | LogLines | None = None
        self._tickers: list[Ticker] = []
        self._file: ProgressFile | None = None
        self.listed, self.sent = self._tracker.listed, self._tracker.sent

    def show_line(self) -> None:
        """A person sees it from now on."""
        self._shown = TerminalLine(self._tracker)

    def show(self, log_format: Literal["text", "json"]) -> None:
        """It is seen from now on: in a line where a person looks, else in the log, which is set
        up by now."""
        if self._file is not None:
            self._file.warns = True
        if log_format == "text" and sys.stderr.isatty():
            if self._shown is None:
                self.show_line()
            return
        if self._shown is not None:
            self._shown.close()
        lines = self._shown = LogLines(self._tracker)
        self._tickers.append(Ticker(lines.look, _LOOK_S, "progress log"))

    def write_to(self, path: Path | None) -> None:
        """Where programs read it from now on. The first path stands."""
        if path is not None and self._file is None:
            from confluence_mirror.cli.progress_file import ProgressFile

            self._file = ProgressFile(path, self._tracker)
            self._tickers.append(Ticker(self._file.write, _LOOK_S, "progress file"))

    def phase(self, name: str, of: int | None = None) -> None:
        """See ``Progress``."""
        self._tracker.phase(name, of)
        for ticker in self._tickers:
            ticker.wake()
        if self._shown is not None:
            self._shown.phase(name, of)

    def advance(self, done: int, of: int | None = None) -> None:
        """See ``Progress``."""
        self._tracker.advance(done, of)

    def close(self) -> None:
        """The run has ended; how is recorded and printed next."""
        self._tracker.close()
        if self._shown is not None:
            self._shown.close()

    def end_with(self, error: SyncError) -> None:
        """The command ends with this, and its main thread cannot say so."""
        self.end(int(error.exit))

    def end(self, exit_code: int) -> None:
        """The command has ended. Idempotent."""
        self._tracker.end(exit_code)
        if self._shown is not None:
            self._shown.close()
        for ticker in self._tickers:
            ticker.end()


_early: list[CommandProgress] = []


def begin_early(arguments: Sequence[str]) -> None:
    """At a terminal the line is there before what a run needs is imported."""
    asked = any(each in _NO_RUNS or each.startswith("--query") for each in arguments)
    wants_json = os.environ.get("LOG_FORMAT", "").strip() == "json"
    if not asked and not wants_json and sys.stderr.isatty():
        _early.append(CommandProgress())
        _early[0].show_line()


def show_progress(command: Callable[[CommandProgress], int]) -> int:
    """Run a command with its progress; its exit code, which is the last that is told."""
    progress, code = _early.pop() if _early else CommandProgress(), int(Exit.BUG)
    try:
        code = command(progress)
    finally:
        progress.end(code)
    return code
