"""Converting beside reading and writing: on a thread, or in processes where there is enough to do.

A worker process is an interpreter of its own that is given drafts and gives documents back over a pipe. It imports
nothing but the converter, holds no connection, and ends when its pipe does, even where this process is killed.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from confluence_sync.errors import PageFailed
from confluence_sync.mirror.documents import Document, Draft, Recipe, document

log = logging.getLogger(__name__)

ENOUGH_PAGES = 500
"""Below this a process costs more CPU to start than it takes over (measured: ``bench/full_load.py``)."""
MOST_PROCESSES = 2
"""Two convert more pages a second than any site gives at the usual ``CONCURRENCY``."""

DIED = "the process that converts it died, as it does when it needs too much memory"

_BEGIN = (
    "import sys; sys.path[:] = sys.argv[2:]; from confluence_sync.mirror.workers import serve; serve(int(sys.argv[1]))"
)

Outcome = Document | str
"""The document, or why there is none."""


class Workers:
    """Converts groups of drafts in the background; ``submit`` from one thread."""

    def __init__(self, recipe: Recipe, pages: int) -> None:
        """``pages``: how many are to come."""
        processes = min(MOST_PROCESSES, cores()) if pages >= ENOUGH_PAGES and cores() > 1 else 0
        self._recipe = recipe
        self._all: list[_Process] = []
        try:
            self._all += (_Process(recipe) for _ in range(processes))
        except OSError as error:
            log.warning("a process that converts could not be started (%s): going on with %d", error, len(self._all))
        self._idle = list(self._all)
        self._pool = ThreadPoolExecutor(max(1, len(self._all)), thread_name_prefix="convert")
        self.ahead = max(1, len(self._all)) + 2
        """Groups to keep in hand, so that no worker waits while one is written."""

    @property
    def pids(self) -> list[int]:
        """Of the worker processes; none where a thread does it."""
        return [process.pid for process in self._all]

    def submit(self, drafts: Sequence[Draft]) -> Future[list[Outcome]]:
        """The outcome of each draft, in order."""
        return self._pool.submit(self._separately if self._all else self._here, drafts)

    def close(self) -> None:
        """End the processes, whatever they are at."""
        for process in self._all:
            process.end()
        self._pool.shutdown(cancel_futures=True)

    def _here(self, drafts: Sequence[Draft]) -> list[Outcome]:
        return [outcome(draft, self._recipe) for draft in drafts]

    def _separately(self, drafts: Sequence[Draft]) -> list[Outcome]:
        """By a process that is free: there are as many as threads."""
        process = self._idle.pop()
        try:
            return process.convert(drafts)
        finally:
            self._idle.append(process)


class _Process:
    """A worker process, begun anew where it died."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._ended = False
        self._lock = threading.Lock()
        self._process, self._pipe = self._begin()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _begin(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        try:
            command = [sys.executable, "-c", _BEGIN, str(theirs.fileno()), *sys.path]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        finally:
            theirs.close()
        self._knows_recipe = False
        return process, ours

    def convert(self, drafts: Sequence[Draft]) -> list[Outcome]:
        """Where the process dies over a group, each page is tried on its own."""
        found = self._ask(drafts)
        return found if found is not None else [(self._ask([draft]) or [DIED])[0] for draft in drafts]

    def _ask(self, drafts: Sequence[Draft]) -> list[Outcome] | None:
        """None where the process died over it; another one is there then."""
        try:
            if not self._knows_recipe:  # only now: it is larger than the pipe, and waits until the process reads
                self._pipe.send(self._recipe)
                self._knows_recipe = True
            self._pipe.send(drafts)
            found: list[Outcome] | str = self._pipe.recv()
        except (EOFError, OSError):
            with self._lock:
                if self._ended:
                    raise
                self._kill()
                with suppress(OSError):
                    self._process, self._pipe = self._begin()
            return None
        if isinstance(found, str):
            raise RuntimeError(found)  # noqa: TRY004 - what is wrong is not its type
        return found

    def end(self) -> None:
        with self._lock:
            self._ended = True
            self._kill()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()


def outcome(draft: Draft, recipe: Recipe) -> Outcome:
    """A page's failure to be converted is its own."""
    try:
        return document(draft, recipe)
    except (PageFailed, ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__


def serve(descriptor: int) -> None:
    """The life of a worker process: a recipe, then drafts for outcomes until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process; who asked us decides
    pipe = Connection(descriptor)
    try:
        recipe: Recipe = pipe.recv()
        while True:
            pipe.send(_outcomes(pipe.recv(), recipe))
    except (EOFError, OSError):
        return


def _outcomes(drafts: Sequence[Draft], recipe: Recipe) -> list[Outcome] | str:
    """A string where there is a fault of ours: it ends the run, as it would on a thread."""
    try:
        return [outcome(draft, recipe) for draft in drafts]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def cores(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Those that this process may use: by affinity, and by the quota of its container (cgroup v2)."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        return usable if quota == "max" else max(1, min(usable, int(quota) // int(period)))
    except (OSError, ValueError):
        return usable
