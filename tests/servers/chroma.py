"""A real Chroma server for tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from confluence_mirror.stores.chroma.store import HEARTBEAT


class RunningChroma:
    """Serves ``folder`` on loopback. Stopped and started again it has the same address and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """Returns when it answers. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            return
        command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1"]
        self._process = subprocess.Popen(
            [*command, "--port", str(self._port), "--path", str(self._folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
        )
        for _ in range(600):
            with suppress(OSError):
                if requests.get(self.url + HEARTBEAT, timeout=30).ok:
                    return
            time.sleep(0.1)
        self.stop()
        raise AssertionError("chroma run does not answer")

    def stop(self) -> None:
        """As a restart of the server does. Idempotent."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def make(self, tenant: str, database: str) -> None:
        """A tenant with a database of its own."""
        tenants = f"{self.url}/api/v2/tenants"
        requests.post(tenants, json={"name": tenant}, timeout=30).raise_for_status()
        requests.post(
            f"{tenants}/{tenant}/databases", json={"name": database}, timeout=30
        ).raise_for_status()


@contextmanager
def running_chroma(folder: Path) -> Iterator[RunningChroma]:
    """A server that can be stopped and started again."""
    server = RunningChroma(folder)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def chroma(folder: Path) -> Iterator[str]:
    """The URL of one."""
    with running_chroma(folder) as server:
        yield server.url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
