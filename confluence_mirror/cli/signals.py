"""SIGTERM and SIGINT, from the first moment of the process to its last.

This module imports next to nothing, so that a signal is heard while the program is still being
imported.
"""

from __future__ import annotations

import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FrameType
from typing import NoReturn

from confluence_mirror import program
from confluence_mirror.errors import Interrupted, SyncError, Terminated
from confluence_mirror.mirror.stop import Stop

GRACE_S = 5.0
"""Seconds that the batch in hand has after a signal; then it is cut."""
LAST_S = 10.0
"""Seconds after a signal in which the run has to be over. What still sits in a call that nothing
can interrupt by then (a name that is looked up, a lock of SQLite, an index that Chroma rebuilds) is
left there, and the process ends."""
_TELLING_S = 3.0
"""Seconds for the report of such a run."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(module: str) -> NoReturn:
    """Import a program and run its ``main``: the whole life of a process. Arguments come from the
    command line."""
    leave_at_once()
    leave(program.ended(lambda: import_module(module).main()))


def sync() -> NoReturn:
    """The command ``confluence-mirror``."""
    run("confluence_mirror.cli.commands")


def leave(code: int) -> NoReturn:
    """End the process. After a signal it waits for nobody: no thread at work, no answer that is on
    its way."""
    if _watch.asked:
        _flush()
        os._exit(code)
    sys.exit(code)


def leave_at_once() -> None:
    """From now on SIGTERM and SIGINT end the process: nothing is done that has to be finished."""
    for number in _SIGNALS:
        signal.signal(number, _leave_at_once)


def on_signals(stop: Stop) -> None:
    """From now on SIGTERM and SIGINT end this run: after the batch in hand, or where that takes
    long without it."""
    _watch.begin(stop)

    def handle(number: int, _frame: FrameType | None) -> None:
        _watch.asked = True
        stop.request(*_errors(number))

    for number in _SIGNALS:
        signal.signal(number, handle)
    _begin_to_watch()


def _leave_at_once(number: int, _frame: FrameType | None) -> None:
    os.write(2, f"Stopped by {signal.Signals(number).name} before anything was done.\n".encode())
    os._exit(128 + number)


def _errors(number: int) -> tuple[SyncError, SyncError]:
    kind, name = (
        Terminated if number == signal.SIGTERM else Interrupted,
        signal.Signals(number).name,
    )
    return (
        kind(
            f"Stopped by {name}: the batch in hand was finished and committed; the next run goes on"
            " from here."
        ),
        kind(
            f"Stopped by {name} in the middle of a batch: the next run finds out what became of it,"
            " and goes on."
        ),
    )


class _Watch:
    """What happens some time after a signal. ``wait`` is for the watching thread, the rest for the
    main one."""

    def __init__(self) -> None:
        self.asked = False
        self.begin(None)

    def begin(self, stop: Stop | None) -> None:
        """Watch this run, or none."""
        self.stop, self._cut_at, self._last_at = stop, math.inf, math.inf

    def wait(self) -> float | None:
        """Seconds until something is to be done; None: nothing is."""
        due = min(self._cut_at, self._last_at)
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def heard(self) -> None:
        """The first signal starts the clocks."""
        if self.stop is not None and self._last_at == math.inf:
            now = time.monotonic()
            self._cut_at, self._last_at = now + GRACE_S, now + LAST_S

    def due(self, wake: Callable[[], None]) -> None:
        """Do what is to be done by now."""
        now, stop = time.monotonic(), self.stop
        if stop is None:
            return
        if now >= self._cut_at:
            self._cut_at = math.inf
            wake()
        if now >= self._last_at:
            _abandon(stop)

    def insist(self) -> None:
        """On the main thread, woken up: is it time to cut the batch in hand?"""
        if self.stop is not None and self._last_at != math.inf and self._cut_at == math.inf:
            self.stop.insist()


_watch = _Watch()


def _abandon(stop: Stop) -> NoReturn:
    error = stop.asked or Terminated("Stopped.")
    left = type(error)(
        "Stopped in the middle of a call that does not end: the next run finds out what became of"
        " it, and goes on."
    )
    if stop.abandoned is not None:
        teller = threading.Thread(target=stop.abandoned, args=(left,), daemon=True)
        teller.start()
        teller.join(_TELLING_S)
    else:
        os.write(2, f"{left}\n".encode())
    _flush()
    os._exit(int(left.exit))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, full, or not there at all
            continue


@cache
def _begin_to_watch() -> None:
    """Any thread may be given a signal, but handlers run on the main one, which may sit in a read:
    disturb it there."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGURG, lambda _number, _frame: _watch.insist())
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    main = threading.main_thread().ident
    assert main is not None

    def wake() -> None:
        signal.pthread_kill(main, signal.SIGURG)

    def watch() -> None:
        while True:
            if select.select([reading], [], [], _watch.wait())[0]:
                number = os.read(reading, 1)[0]
                if number != signal.SIGURG:
                    wake()
                if number in _SIGNALS:
                    _watch.heard()
            _watch.due(wake)

    threading.Thread(target=watch, daemon=True, name="signals").start()
