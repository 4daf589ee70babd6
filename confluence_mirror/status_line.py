"""The one line at the bottom of a terminal that says how a run goes on.

Whatever else is written goes above it. It holds no escape sequence, so every terminal can show it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_COLUMNS = 80
"""Where the terminal does not say how wide it is."""


class StatusLine:
    """Writes to the standard error. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._text = ""
        self._drawn = 0
        """Characters that are on the screen."""
        self._held = 0

    def show(self, text: str) -> None:
        """Put this text into the line; an empty one wipes it. A terminal that hung up is passed
        over."""
        with self._lock:
            self._text = text
            if not self._held:
                self._draw(text)

    @contextlib.contextmanager
    def lifted(self) -> Iterator[None]:
        """The line is away while something else is written, or a person types."""
        with self._lock:
            self._draw("")
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                if not self._held:
                    self._draw(self._text)

    def _draw(self, text: str) -> None:
        if not (text or self._drawn):
            return
        shown = text[: _columns() - 1]
        blanks = " " * max(self._drawn - len(shown), 0)
        back = "\r" if blanks and not shown else ""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"\r{shown}{blanks}{back}")
            sys.stderr.flush()
        self._drawn = len(shown)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


STATUS = StatusLine()
"""Of this process."""
