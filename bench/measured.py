"""Running a program and saying what it cost: seconds, CPU seconds and the most memory of all its
processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).parent
EVERY_S = 0.05


@dataclass(frozen=True)
class Measured:
    """What one program cost, its children included."""

    seconds: float
    cpu_s: float
    peak_mb: float
    """The most proportional set size (what is shared counts once) that was seen at one time;
    sampled."""
    output: dict[str, Any]
    """The JSON object that it printed last."""


def run(command: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> Measured:
    """Run to the end. Its last line on standard output is a JSON object; a failure is told with its
    last words."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(each) for each in command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    watch = _Watch(process.pid)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.stop()
    if process.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))}: exit {process.returncode}\n{printed[-2000:]}"
        )
    output = json.loads(printed.strip().rpartition("\n")[2])
    return Measured(seconds, used.ru_utime + used.ru_stime, watch.most / 1e6, output)


class _Watch:
    """Samples the memory of a process and of those below it."""

    def __init__(self, pid: int) -> None:
        self.most = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(EVERY_S):
            self.most = max(self.most, sum(map(_memory, _tree(self._pid))))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))


def _memory(pid: int) -> int:
    """Bytes, shared pages in proportion; 0 for a process that has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Site:
    """The test gateway in a process of its own."""

    def __init__(self, about: dict[str, str], pid: int) -> None:
        self.about = about
        self._pid = pid

    def control(self, verb: str, **values: object) -> Any:
        """A command of the gateway's (``confluence_sandbox.control``)."""
        answer = requests.post(f"{self.about['url']}/control/{verb}", json=values, timeout=600)
        answer.raise_for_status()
        return answer.json()

    def cpu_s(self) -> float:
        """CPU seconds that it has used so far."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def latency(self, milliseconds: float) -> None:
        """Before every answer from now on."""
        self.control("switch", latency=milliseconds / 1000)


@contextmanager
def site(*arguments: str) -> Iterator[Site]:
    """``bench/gateway.py`` with these arguments, until the block ends."""
    command = [sys.executable, str(HERE / "gateway.py"), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(command)} did not start")
        yield Site(json.loads(line), process.pid)
    finally:
        process.terminate()
        process.wait()
