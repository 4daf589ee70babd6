"""A real Chroma server for tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluence_sync.stores.chroma import HEARTBEAT
from confluence_sync.stores.http import Api


@contextmanager
def chroma(folder: Path) -> Iterator[str]:
    """Serves ``folder`` on loopback; gives the URL."""
    port = _free_port()
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--path", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
    )
    url = f"http://127.0.0.1:{port}"
    api = Api(url, attempts=40)
    try:
        assert api.get(HEARTBEAT).ok
        yield url
    finally:
        api.close()
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
