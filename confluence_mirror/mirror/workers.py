"""Converting beside reading and writing: on a thread, or in processes where there is enough to do.

A worker process is an interpreter of its own that is given drafts and gives documents back over a
pipe. It imports nothing but the converter, holds no connection, and ends when its pipe does, even
where this process is killed.

A long body always goes to a process, whose time and memory are bounded: a library that is stuck in
C holds up every thread of its own process, signals included, and cannot be stopped but by ending
that process.
"""

from __future__ import annotations

import logging
import math
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, TypeVar

from confluence_mirror.errors import PageFailed
from confluence_mirror.mirror.documents import Document, Draft, Recipe, make_document

log = logging.getLogger(__name__)

ENOUGH_PAGES = 500
"""Below this a process costs more CPU to start than it takes over (measured:
``bench/full_load.py``)."""
MOST_PROCESSES = 2
"""Two convert more pages a second than any site gives at the usual ``CONCURRENCY``."""

LONG_BODY = 50_000
"""Characters from which on a body is long. What is shorter cannot take long, or much memory."""
PAGE_SECONDS = 180
"""CPU time that one page may take. The largest body that is read takes a third of it on a slow
core."""
LEAST_MEMORY = 256 * 1024 * 1024
"""Bytes that a worker process may use, however few are left."""

DIED = "the process that converts it died, as it does when it needs too much memory"
TOO_LONG = "converting it takes more than {} seconds of CPU time"
NO_MEMORY = "converting it needs more memory than there is"

_BEGIN = (
    "import sys; sys.path[:] = sys.argv[2:]; from confluence_mirror.mirror.workers import serve;"
    " serve(int(sys.argv[1]))"
)

Made = TypeVar("Made")
Make = Callable[[Draft, Recipe], Made]
"""What is done with a draft: a function of a module, which a worker process imports by its name."""


class Workers:
    """Converts groups of drafts in the background; ``submit`` from one thread."""

    def __init__(self, recipe: Recipe, pages: int) -> None:
        """``pages``: how many are to come."""
        processes = min(MOST_PROCESSES, cores()) if pages >= ENOUGH_PAGES and cores() > 1 else 0
        self._recipe = recipe
        self._closed = False
        self._lock = threading.Lock()
        self._all: list[_Process] = []
        self._bounds = Bounds(PAGE_SECONDS, memory_left() // max(1, processes))
        try:
            self._all += (_Process(recipe, self._bounds) for _ in range(processes))
        except OSError as error:
            log.warning(
                "a process that converts could not be started (%s): going on with %d",
                error,
                len(self._all),
            )
        self._idle = list(self._all)
        self._here_only = not self._all
        self._aside: _Process | None = None
        self._pool = ThreadPoolExecutor(max(1, len(self._all)), thread_name_prefix="convert")
        self.ahead = max(1, len(self._all)) + 2
        """Groups to keep in hand, so that no worker waits while one is written."""

    @property
    def pids(self) -> list[int]:
        """Of the worker processes; none where a thread does it."""
        return [process.pid for process in self._all]

    def submit(self, drafts: Sequence[Draft]) -> Future[list[Document | str]]:
        """The document of each draft, or why there is none, in order."""
        return self.submit_each(make_document, drafts)

    def submit_each(self, make: Make[Made], drafts: Sequence[Draft]) -> Future[list[Made | str]]:
        """What ``make`` gives for each draft, or why it gives nothing, in order."""
        convert = self._convert_here if self._here_only else self._convert_apart
        return self._pool.submit(convert, make, drafts)

    def close(self) -> None:
        """End the processes, whatever they are at, and the thread after the page in hand."""
        with self._lock:
            self._closed = True
        for process in self._all:
            process.end()
        self._pool.shutdown(cancel_futures=True)

    def _convert_here(self, make: Make[Made], drafts: Sequence[Draft]) -> list[Made | str]:
        """On this thread, but for long bodies."""
        found: list[Made | str] = []
        for draft in drafts:
            if self._closed:
                raise CancelledError
            process = self._process_aside() if draft.body.size >= LONG_BODY else None
            found += (
                process.convert(make, [draft]) if process else [outcome(draft, self._recipe, make)]
            )
        return found

    def _process_aside(self) -> _Process | None:
        """The process for long bodies, from the first one on; None where none can be started."""
        with self._lock:
            if self._closed:
                raise CancelledError
            if self._aside is None:
                try:
                    self._aside = _Process(self._recipe, self._bounds)
                    self._all.append(self._aside)
                except OSError as error:
                    log.warning(
                        "a process for long bodies could not be started (%s): they are converted"
                        " here",
                        error,
                    )
            return self._aside

    def _convert_apart(self, make: Make[Made], drafts: Sequence[Draft]) -> list[Made | str]:
        """By a process that is free: there are as many as threads."""
        process = self._idle.pop()
        try:
            return process.convert(make, drafts)
        finally:
            self._idle.append(process)


class Bounds(NamedTuple):
    """What a worker process may use."""

    seconds: int
    """CPU time for one page."""
    memory: int
    """Bytes in all."""


class _Died(Exception):
    """A worker process ended over what it was given: for its time (``overdue``), or for whatever
    else."""

    def __init__(self, overdue: bool, seconds: int) -> None:
        super().__init__(TOO_LONG.format(seconds) if overdue else DIED)
        self.overdue = overdue


class _Process:
    """A worker process, begun anew where it died."""

    def __init__(self, recipe: Recipe, bounds: Bounds) -> None:
        self._recipe = recipe
        self._bounds = bounds
        self._ended = False
        self._lock = threading.Lock()
        self._process, self._pipe = self._start_process()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _start_process(self) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        try:
            command = [sys.executable, "-c", _BEGIN, str(theirs.fileno()), *sys.path]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        finally:
            theirs.close()
        self._knows_recipe = False
        return process, ours

    def convert(self, make: Make[Made], drafts: Sequence[Draft]) -> list[Made | str]:
        """Where the process dies over a group, each page is tried once more, on its own."""
        try:
            return self._ask_process(make, drafts)
        except _Died as died:
            if len(drafts) == 1 and died.overdue:
                return [str(died)]
        return [self._convert_alone(make, draft) for draft in drafts]

    def _convert_alone(self, make: Make[Made], draft: Draft) -> Made | str:
        try:
            return self._ask_process(make, [draft])[0]
        except _Died as died:
            return str(died)

    def _ask_process(self, make: Make[Made], drafts: Sequence[Draft]) -> list[Made | str]:
        """Raises ``_Died`` where the process died over it; another one is there then."""
        try:
            if (
                not self._knows_recipe
            ):  # only now: it is larger than the pipe, and waits until the process reads
                self._pipe.send((self._recipe, self._bounds))
                self._knows_recipe = True
            self._pipe.send((make, drafts))
            found: list[Made | str] | str = self._pipe.recv()
        except (EOFError, OSError):
            with self._lock:
                if self._ended:
                    raise
                self._kill_process()
                overdue = self._process.returncode == -signal.SIGXCPU
                with suppress(OSError):
                    self._process, self._pipe = self._start_process()
            raise _Died(overdue, self._bounds.seconds) from None
        if isinstance(found, str):
            raise RuntimeError(found)  # noqa: TRY004 - what is wrong is not its type
        return found

    def end(self) -> None:
        with self._lock:
            self._ended = True
            self._kill_process()

    def _kill_process(self) -> None:
        self._process.kill()
        self._process.wait()


def outcome(draft: Draft, recipe: Recipe, make: Make[Made]) -> Made | str:
    """A page's failure to be converted is its own; so is a library's panic over it."""
    try:
        return make(draft, recipe)
    except MemoryError:
        return NO_MEMORY
    except (PageFailed, ValueError, RecursionError) as error:
        return str(error) or type(error).__name__
    except BaseException as error:
        if (
            type(error) is Exception or type(error).__name__ == "PanicException"
        ):  # tokenizers raises the one bare,
            return f"{type(error).__name__}: {error}"[
                :300
            ]  # and code in Rust the other, which is no Exception
        raise


def serve(descriptor: int) -> None:
    """The life of a worker process: a recipe, then drafts for outcomes until the other end is
    gone."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal sends it to every process; who asked us decides
    # While the first bodies are read.
    import confluence_mirror.chunking.chunker
    import confluence_mirror.markdown.conversion  # noqa: F401

    pipe = Connection(descriptor)
    try:
        recipe, bounds = pipe.recv()
        _bound_memory(bounds.memory)
        while True:
            make, drafts = pipe.recv()
            pipe.send(_convert_all(make, drafts, recipe, bounds.seconds))
    except (EOFError, OSError):
        return


def _convert_all(
    make: Make[Made], drafts: Sequence[Draft], recipe: Recipe, seconds: int
) -> list[Made | str] | str:
    """A string where there is a fault of ours: it ends the run, as it would on a thread."""
    found: list[Made | str] = []
    try:
        for draft in drafts:
            _bound_time(seconds)
            found.append(outcome(draft, recipe, make))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return found


def _bound_time(seconds: int) -> None:
    """From here on this process may use so much CPU time; then the kernel ends it (SIGXCPU)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = math.ceil(usage.ru_utime + usage.ru_stime) + seconds
    resource.setrlimit(
        resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )


def _bound_memory(most: int) -> None:
    """What is beyond is a ``MemoryError``; no core is dumped; and where memory ends, this process
    goes first."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(
            resource.RLIMIT_DATA,
            (most if hard == resource.RLIM_INFINITY else min(most, hard), hard),
        )
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def memory_left(folder: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that may still be used here: of this container (cgroup v2), else half of the
    machine's."""
    try:
        left = int((folder / "memory.max").read_text()) - int(
            (folder / "memory.current").read_text()
        )
    except (OSError, ValueError):  # no such file, or no limit: the word max
        left = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return max(left * 4 // 5, LEAST_MEMORY)


def cores(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Those that this process may use: by affinity, and by the quota of its container (cgroup
    v2)."""
    usable = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = quota_file.read_text().split()
        return usable if quota == "max" else max(1, min(usable, int(quota) // int(period)))
    except (OSError, ValueError):
        return usable
