"""A run as a process: ``python -m confluence_mirror sync …`` in a folder of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from confluence_mirror.service.runs.environment import base_environment
from confluence_mirror.service.runs.ledger import Progress

log = logging.getLogger(__name__)

LAUNCHER = Path(__file__).with_name("launch.py")
KILL_AFTER_S = 7.0
"""Seconds between SIGTERM and SIGKILL: the engine finishes the batch in hand in five."""
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_OURS = {"ts", "level", "event"}
_LOCK = ".lock"


def start_program(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, **pipes: Any
) -> subprocess.Popen[bytes]:
    """A program that dies with this process, in a process group of its own. The thread that starts
    it has to live as long: the kernel counts by it."""
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
    return subprocess.Popen(
        [*launcher, *command],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **pipes,
    )


class Child:
    """The process of one run. Its folder holds the token, progress and report, and goes with
    ``close``."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        token: str,
        run_id: str,
    ) -> None:
        self._folder = folder
        self._run_id = run_id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        self.write_token(token)
        given = {
            **base_environment(),
            **variables,
            "CONF_API_TOKEN_FILE": str(folder / "token"),
            "RUN_REPORT": str(folder / "report.json"),
            "PROGRESS_FILE": str(folder / "progress.json"),
            "LOG_FORMAT": "json",
        }
        command = [sys.executable, "-m", "confluence_mirror", *arguments]
        self._process = start_program(
            command, given, folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert self._process.stderr is not None
        self._reader = threading.Thread(
            target=self._pass_log_on, args=(self._process.stderr,), daemon=True
        )
        self._reader.start()
        self._killed_at: float | None = None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def write_token(self, token: str) -> None:
        """The token that it reads from now on; replaced as a whole."""
        path = self._folder / "token"
        made = path.with_suffix(".new")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(token)
        made.replace(path)

    def wait(self, seconds: float) -> int | None:
        """The exit code, waited for so long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.exit_code

    def end(self) -> int:
        """SIGTERM, then SIGKILL where that takes long; the exit code."""
        self._signal(signal.SIGTERM)
        if self.wait(KILL_AFTER_S) is None:
            return self.kill()
        return self._process.returncode

    def kill(self) -> int:
        """SIGKILL, for it and all that it has started."""
        self._signal(signal.SIGKILL)
        return self._process.wait()

    def progress(self) -> Progress | None:
        """How far it has come; None where it has not told yet."""
        found = _read_json(self._folder / "progress.json")
        if found is None:
            return None
        eta = found.get("eta_seconds")
        return Progress(
            str(found.get("phase", ""))[:16],
            float(eta) if isinstance(eta, int | float) else None,
        )

    def report(self) -> dict[str, Any] | None:
        """Its report; None where it wrote none."""
        return _read_json(self._folder / "report.json")

    def close(self) -> None:
        """Remove the folder, the token with it, and whatever the process left running."""
        self._signal(signal.SIGKILL)
        self._reader.join(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _pass_log_on(self, lines: IO[bytes]) -> None:
        """Its log lines become ours, with the run's id."""
        for line in lines:
            try:
                found = json.loads(line)
                event, level = str(found["event"]), _LEVELS.get(str(found["level"]), 20)
                fields = {k: v for k, v in found.items() if k not in _OURS and k != "message"}
            except (ValueError, KeyError, TypeError, AttributeError):
                event, level, fields = line.decode("utf-8", "replace").rstrip(), 20, {}
            with contextlib.suppress(KeyError):  # a field that logging has itself
                log.log(level, "%s", event, extra={**fields, "run_id": self._run_id})


class WorkFolder:
    """Where one worker's runs have their folders, for as long as the worker lives. What dead
    workers left, tokens among it, is removed by whoever looks next."""

    def __init__(self, runs: Path, worker: str) -> None:
        self._runs = runs
        self.path = runs / worker
        self.path.mkdir(parents=True, mode=0o700)
        self._lock = (self.path / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def sweep(self) -> None:
        """Remove the folders of workers that are dead."""
        for folder in self._runs.iterdir():
            if folder != self.path and _is_free(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove our own."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _is_free(lock: Path) -> bool:
    """Whether nobody holds it; one that is not made yet is somebody's."""
    try:
        with lock.open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
