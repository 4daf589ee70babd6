"""SIGTERM and SIGINT, from the first moment of the process to its last.

This module imports next to nothing, so that a signal is heard while the program is still being
imported.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import sys
import threading
import time
from functools import cache
from importlib import import_module
from typing import NoReturn

from confluence_mirror import program, terminal
from confluence_mirror.cli import environment, progress
from confluence_mirror.errors import Interrupted, SyncError, Terminated
from confluence_mirror.mirror.stop import Stop

GRACE_S = 5.0
"""Seconds that the batch in hand has after a signal; then it is cut."""
LAST_S = 10.0
"""Seconds after a signal in which the run has to be over. What still sits in a call that nothing
can interrupt by then (a name that is looked up, a connection that is being made, a lock of SQLite,
an index that Chroma rebuilds) is left there, and the process ends."""
_TELLING_S = 3.0
"""Seconds for the report of such a run."""
AT_ONCE_S = 0.6
"""Seconds after a second signal in which the run has to be over, and in which its report is
written after that: together about one."""
_TELLING_AT_ONCE_S = 0.3

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(module: str) -> NoReturn:
    """Import a program and run its ``main``: the whole life of a process. Arguments come from the
    command line."""
    leave_at_once()
    leave(program.ended(lambda: _start(module)))


def _start(module: str) -> int:
    progress.begin_early(sys.argv[1:])
    environment.enter()
    return int(import_module(module).main() or 0)


def sync() -> NoReturn:
    """The command ``confluence-mirror``."""
    run("confluence_mirror.cli.commands")


def leave(code: int) -> NoReturn:
    """End the process. After a signal it waits for nobody: no thread at work, no answer that is on
    its way."""
    if _listener.heard:
        _flush()
        os._exit(code)
    sys.exit(code)


def leave_at_once(done: str = " before anything was done") -> None:
    """From now on SIGTERM and SIGINT end the process: nothing is done that has to be finished.
    ``done`` follows the signal's name in what is said."""
    _listen(None, done)


def on_signals(stop: Stop) -> None:
    """From now on SIGTERM and SIGINT ask this run to end: after the batch in hand, or where that
    takes long without it."""
    _listen(stop)


def _errors(number: int) -> tuple[SyncError, SyncError]:
    kind = Terminated if number == signal.SIGTERM else Interrupted
    name = _name(number)
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


def _name(number: int) -> str:
    return signal.Signals(number).name


class _Listener:
    """Hears signals on a thread of its own, since the main one may sit in a call that runs no
    handler."""

    def __init__(self) -> None:
        self.heard = False
        self.begin(None)

    def begin(self, stop: Stop | None, done: str = "") -> None:
        """Whom a signal is for from now on; None: it ends the process, which says what was
        ``done``."""
        self._done = done
        self._stop, self._insist_at, self._last_at = stop, math.inf, math.inf
        self._telling_s = _TELLING_S

    def run(self, signals: int) -> NoReturn:
        """``signals``: the descriptor that gives their numbers."""
        while True:
            if select.select([signals], [], [], self._seconds_left())[0]:
                self._hear(os.read(signals, 1)[0])
            self._do_what_is_due()

    def _seconds_left(self) -> float | None:
        due = min(self._insist_at, self._last_at)
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def _hear(self, number: int) -> None:
        if number not in _SIGNALS:
            return
        self.heard = True
        if self._stop is None:
            _tell_at_once(f"Stopped by {_name(number)}{self._done}.")
            os._exit(128 + number)
        now, first = time.monotonic(), self._last_at == math.inf
        self._stop.request(*_errors(number))
        if first:
            self._insist_at, self._last_at = now + GRACE_S, now + LAST_S
            _answer("Stopping: finishing the batch in hand; again to stop now.")
        else:
            self._last_at = min(self._last_at, now + AT_ONCE_S)
            self._telling_s = _TELLING_AT_ONCE_S

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if self._stop is not None and now >= self._insist_at:
            self._insist_at = math.inf
            self._stop.insist()
        if self._stop is not None and now >= self._last_at:
            _abandon(self._stop, self._telling_s)


_listener = _Listener()


def _listen(stop: Stop | None, done: str = "") -> None:
    """Handlers that do nothing: what the interpreter writes into the pipe is enough."""
    _listener.begin(stop, done)
    _begin_to_listen()
    for number in _SIGNALS:
        signal.signal(number, lambda _number, _frame: None)


@cache
def _begin_to_listen() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_listener.run, args=(reading,), daemon=True, name="signals").start()


def _abandon(stop: Stop, telling_s: float) -> NoReturn:
    error = stop.asked or Terminated("Stopped.")
    left = type(error)(
        "Stopped in the middle of a call that had not ended: the next run finds out what became of"
        " it, and goes on."
    )
    if stop.abandoned is not None:
        teller = threading.Thread(target=stop.abandoned, args=(left,), daemon=True)
        teller.start()
        teller.join(telling_s)
    else:
        _tell_at_once(str(left))
    _flush()
    os._exit(int(left.exit))


def _answer(text: str) -> None:
    """Say it while the run goes on, on a thread that may be kept by a terminal that is stopped."""
    threading.Thread(target=terminal.tell, args=(text, "info"), daemon=True).start()


def _tell_at_once(text: str) -> None:
    """Past the buffer, whose lock another thread may hold."""
    with contextlib.suppress(OSError):
        os.write(2, f"{terminal.told(text)}\n".encode())


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, full, or not there at all
            continue
