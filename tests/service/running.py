"""The service as a process, with a sandbox, a stand-in that embeds, and what a client needs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from confluence_sandbox import SampleGateway

ADMIN = "admin-key-of-the-tests-0123456789"
_LISTENS = re.compile(r"listens on (http://\S+)")
LATEST_S = 60.0


def engine_variables(gateway: SampleGateway, embedder: str, folder: Path) -> dict[str, str]:
    """What the engine is told: the sandbox, and vectors that cost nothing."""
    return {
        "CONF_GATEWAY_URL": gateway.url,
        "EMBEDDING_BASE_URL": embedder,
        "EMBEDDING_MODEL_ID": "small",
        "STATE_DIR": str(folder),
        "LOG_LEVEL": "DEBUG",
    }


class Process:
    """A process of the service, and its log."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "log.txt"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "confluence_mirror", *arguments],
                env={**_ground(), **environ},
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.said: list[str] = []

    def wait_for_address(self) -> str:
        """The address that it prints."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if found := _LISTENS.search(line):
                return found[1]
        raise AssertionError(f"it did not start: {self.log.read_text()[-3000:]}")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=LATEST_S)
        return self.process.returncode

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()


class Client:
    """Calls of one key in one workspace."""

    def __init__(self, url: str, key: str, workspace: str = "") -> None:
        headers = {"X-API-KEY": key} | ({"X-Workspace": workspace} if workspace else {})
        self.http = httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=90)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        return self.http.request(method, path, json=body, **more)

    def get(self, path: str, status: int = 200) -> Any:
        return self._checked(self.call("GET", path), status)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self._checked(self.call("POST", path, body), status)

    def delete(self, path: str, status: int = 202) -> Any:
        return self._checked(self.call("DELETE", path), status)

    def _checked(self, answer: httpx2.Response, status: int) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


class Service:
    """A running service over a sandbox."""

    def __init__(self, url: str, process: Process, gateway: SampleGateway) -> None:
        self.url, self.process, self.gateway = url, process, gateway
        self._workspaces = 0
        self._clients: list[Client] = []

    def close(self) -> None:
        for client in self._clients:
            client.http.close()

    def client(self, key: str, workspace: str = "") -> Client:
        """What calls with this key."""
        made = Client(self.url, key, workspace)
        self._clients.append(made)
        return made

    def workspace(self, role: str = "editor") -> Client:
        """A client in a workspace that is new, with a key of this role."""
        self._workspaces += 1
        name = f"w{self._workspaces}"
        return self.client(self.key(name, role))

    def admin(self, workspace: str = "") -> Client:
        return self.client(ADMIN, workspace)

    def key(self, workspace: str, role: str, **more: Any) -> str:
        body = {"name": "test", "role": role, "workspace": workspace, **more}
        made: str = self.admin().post("/api/v1/keys", body, 201)["key"]
        return made

    def connect(self, client: Client) -> str:
        """The id of a connection to the sandbox."""
        credential = {"email": self.gateway.user, "token": self.gateway.token}
        body = {"cloud_id": self.gateway.cloud_id, **credential}
        made: str = client.post("/connect", body)["connection_id"]
        return made


@contextmanager
def serving(
    gateway: SampleGateway, embedder: str, folder: Path, **variables: str
) -> Iterator[Service]:
    """``serve`` until the end."""
    given = {
        **engine_variables(gateway, embedder, folder / "state"),
        "SERVICE_PORT": "0",
        "SERVICE_ADMIN_KEY": ADMIN,
        "SERVICE_LEASE_SECONDS": "5",
        "CONFLUENCE_SYNC_INTERVAL": "0",
        **variables,
    }
    process = Process(["serve"], given, folder)
    try:
        url = process.wait_for_address()
        wait_until_ready(url)
        running = Service(url, process, gateway)
        yield running
        running.close()
    finally:
        if process.process.poll() is None:
            process.stop()


def wait_until_ready(url: str) -> None:
    """Until database and store answer."""
    waiting = threading.Event()
    for _ in range(int(LATEST_S / 0.1)):
        if httpx2.get(f"{url}/readyz", trust_env=False, timeout=10).status_code == 200:
            return
        waiting.wait(0.1)
    raise AssertionError("it is not ready")


def _ground() -> dict[str, str]:
    names = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
    root = str(Path(__file__).resolve().parents[2])
    return {name: os.environ[name] for name in names if name in os.environ} | {"PYTHONPATH": root}
