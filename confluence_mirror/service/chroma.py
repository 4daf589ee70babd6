"""``chroma run`` over the embedded store: a second process must not read its folder while a run
writes, so the service and its runs ask a server on loopback."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2

from confluence_mirror.errors import StoreUnavailable, WrongSettings, extra_hint
from confluence_mirror.service.runs.child import start_program
from confluence_mirror.service.runs.environment import base_environment

log = logging.getLogger(__name__)

START_S = 60.0
_HEARTBEAT = "/api/v2/heartbeat"
_END_S = 1.0


class ChromaServer:
    """The server, started anew where it ends. Its port is kept from start to start: a store's
    address is part of what the manifest knows it by."""

    def __init__(self, store: Path, state_dir: Path) -> None:
        self._store, self._state_dir = store, state_dir
        self._port = _kept_port(state_dir / "chroma.port")
        self.url = f"http://127.0.0.1:{self._port}"
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_alive, name="chroma", daemon=True)

    def start(self) -> None:
        """Begin to start it; does not wait for it. Raises ``WrongSettings`` where Chroma is not
        installed."""
        _program()
        self._store.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def wait(self) -> None:
        """Until it answers. Raises ``StoreUnavailable``."""
        until = time.monotonic() + START_S
        while not self.answers():
            if time.monotonic() > until or self._stopping.wait(0.05):
                raise StoreUnavailable(f"Chroma does not start over {self._store}.")

    def answers(self) -> bool:
        """Whether it takes questions."""
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(self.url + _HEARTBEAT, timeout=2, trust_env=False).is_success
        return False

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self._thread.join()

    def _keep_alive(self) -> None:
        """Start it, watch it, end it: by one thread, since the kernel ends it with that thread."""
        while not self._stopping.is_set():
            process = self._process = self._start()
            while process.poll() is None and not self._stopping.wait(0.2):
                pass
            if self._stopping.is_set():
                break
            log.warning("the store's server ended with %s: it is started anew", process.returncode)
            self._stopping.wait(1)
        if self._process is not None:
            _end(self._process)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [_program(), "run", "--path", str(self._store)]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        environment = {**base_environment(), "ANONYMIZED_TELEMETRY": "False"}
        with (self._state_dir / "chroma.log").open("ab") as stream:
            return start_program(
                command, environment, self._state_dir, stdout=stream, stderr=stream
            )


def _program() -> str:
    beside = Path(sys.executable).with_name("chroma")
    found = str(beside) if beside.exists() else shutil.which("chroma")
    if found is None:
        raise WrongSettings("The embedded store needs Chroma.", hint=extra_hint("chroma"))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
            return


def _kept_port(file: Path) -> int:
    """The port of the last start, where it is free; else a free one, which is kept."""
    with contextlib.suppress(OSError, ValueError):
        kept = int(file.read_text(encoding="ascii"))
        if _is_free(kept):
            return kept
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(str(port), encoding="ascii")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError, OverflowError):
            probe.bind(("127.0.0.1", port))
            return True
    return False
