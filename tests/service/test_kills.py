"""Processes killed at any step of a run's life, on both databases: every run ends, the store is
exact, nothing is left running."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from confluence_sandbox import SampleGateway, demo_site
from tests.service.running import (
    ADMIN,
    Client,
    Process,
    Service,
    engine_variables,
    serving,
    wait_until_ready,
)

pytestmark = [pytest.mark.service, pytest.mark.chroma]

SLOW_S = 0.3
"""Of each answer of Confluence: a run lasts long enough to be killed in it."""


@pytest.fixture
def slow_site() -> Iterator[SampleGateway]:
    with SampleGateway(demo_site(), latency=SLOW_S) as gateway:
        yield gateway


@pytest.mark.parametrize("phase", ["listing", "mirroring"])
def test_a_killed_child_is_started_again(
    slow_site: SampleGateway, embedder: str, tmp_path: Path, phase: str
) -> None:
    with serving(slow_site, embedder, tmp_path, SERVICE_LEASE_SECONDS="4") as service:
        client, run_id = _begin(service)
        os.kill(_child_in(service.process, phase), signal.SIGKILL)
        _check_end(client, service, run_id, attempts=2)


def test_a_killed_service_goes_on_after_its_start(
    slow_site: SampleGateway, embedder: str, tmp_path: Path
) -> None:
    with serving(slow_site, embedder, tmp_path, SERVICE_LEASE_SECONDS="4") as service:
        client, run_id = _begin(service)
        child = _child_in(service.process, "mirroring")
        service.process.kill()
        _wait_until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))
        tokens = [path for path in tmp_path.rglob("token") if path.is_file()]
        assert len(tokens) == 1
    with serving(slow_site, embedder, tmp_path, SERVICE_LEASE_SECONDS="4") as again:
        _check_end(again.client(ADMIN, "killed"), again, run_id, attempts=2)
        assert not list(tmp_path.rglob("token"))
    assert client


def test_a_service_that_is_told_to_end_gives_its_run_back(
    slow_site: SampleGateway, embedder: str, tmp_path: Path
) -> None:
    with serving(slow_site, embedder, tmp_path, SERVICE_LEASE_SECONDS="30") as service:
        _, run_id = _begin(service)
        _child_in(service.process, "mirroring")
        assert service.process.stop() == 0
    with serving(slow_site, embedder, tmp_path, SERVICE_LEASE_SECONDS="30") as again:
        _check_end(again.client(ADMIN, "killed"), again, run_id, attempts=1)


@pytest.mark.postgres
def test_two_services_and_two_workers_share_postgresql_and_survive_a_frozen_worker(
    slow_site: SampleGateway, embedder: str, tmp_path: Path, database: Callable[[], str]
) -> None:
    url = database()
    given = {
        **engine_variables(slow_site, embedder, tmp_path / "state"),
        "SERVICE_PORT": "0",
        "SERVICE_ADMIN_KEY": ADMIN,
        "SERVICE_DATABASE_URL": url,
        "SERVICE_SECRET_KEYS": f"1:{base64.b64encode(b'k' * 32).decode()}",
        "SERVICE_LEASE_SECONDS": "4",
        "STORE": "pgvector",
        "PGVECTOR_URL": url,
    }
    refused = Process(["serve"], given, tmp_path / "refused")
    assert refused.process.wait(60) == 78
    refused.process.communicate()
    assert "serve migrate" in refused.log.read_text()
    migrated = Process(["serve", "migrate"], given, tmp_path / "migrated")
    assert migrated.process.wait(60) == 0
    migrated.process.communicate()
    services = [
        Process(["serve"], given | {"SERVICE_WORKERS": "0"}, tmp_path / f"serve{number}")
        for number in range(2)
    ]
    workers = [Process(["worker"], given, tmp_path / f"worker{number}") for number in range(2)]
    clients: list[Client] = []
    try:
        for process in services:
            address = process.wait_for_address()
            wait_until_ready(address)
            clients.append(Client(address, ADMIN, "killed"))
        credential = {"email": slow_site.user, "token": slow_site.token}
        clients[0].post("/connect", {"cloud_id": slow_site.cloud_id, **credential})
        body = {"space_key": "PLAT", "include_attachments": False}
        started = clients[1].post("/vectorize", body, 202)
        frozen, child = _holder_of(workers)
        frozen.process.send_signal(signal.SIGSTOP)
        run = _ended(clients[0], started["run_id"])
        frozen.process.send_signal(signal.SIGCONT)
        assert (run["status"], run["attempts"] >= 2) == ("done", True)
        assert child
        status = clients[1].get(f"/api/v1/confluence/import/{started['import_id']}/status")
        pages = slow_site.site.current("PLAT")
        assert status["total_pages"] == status["processed_pages"] == len(pages)
        found = clients[1].post("/api/v1/search", {"query": "certificate renewal", "limit": 1})
        assert len(found["results"]) == 1
    finally:
        for client in clients:
            client.http.close()
        for process in (*services, *workers):
            if process.process.poll() is None:
                assert process.stop() == 0


def _begin(service: Service) -> tuple[Client, str]:
    client = service.client(ADMIN, "killed")
    service.connect(client)
    body = {"space_key": "PLAT", "include_attachments": False}
    return client, client.post("/vectorize", body, 202)["run_id"]


def _check_end(client: Client, service: Service, run_id: str, *, attempts: int) -> None:
    run = _ended(client, run_id)
    assert (run["status"], run["attempts"]) == ("done", attempts)
    (item,) = client.get("/api/v1/confluence/imports")["imports"]
    pages = service.gateway.site.current("PLAT")
    assert item["total_pages"] == item["processed_pages"] == len(pages)
    again = client.post(f"/api/v1/confluence/sync/{item['folder_id']}", None, 202)["run_id"]
    report = _ended(client, again)
    assert report["pages"]["unchanged"] == len(pages)
    assert report["chunks"]["sent"] == 0


def _ended(client: Client, run_id: str) -> dict[str, Any]:
    waiting = threading.Event()
    for _ in range(1200):
        run: dict[str, Any] = client.get(f"/api/v1/runs/{run_id}")
        if run["status"] not in ("queued", "running"):
            return run
        waiting.wait(0.1)
    raise AssertionError(f"it does not end: {run}")


def _child_in(process: Process, phase: str) -> int:
    """The process id of a run that has come to this phase."""
    state = process.folder / "state" / "runs"

    def told() -> bool:
        files = list(state.rglob("progress.json"))
        return any(json.loads(path.read_text() or "{}").get("phase") == phase for path in files)

    _wait_until(told)
    (child,) = _children(process.process.pid)
    return child


def _holder_of(workers: list[Process]) -> tuple[Process, int]:
    """The worker that has a run, and its child."""
    found: list[tuple[Process, int]] = []

    def holds() -> bool:
        for worker in workers:
            found.extend((worker, child) for child in _children(worker.process.pid))
        return bool(found)

    _wait_until(holds)
    return found[0]


def _children(parent: int) -> list[int]:
    """Runs among the children of a process."""
    shown = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True
    )
    rows = [line.split(None, 1) for line in shown.stdout.splitlines()]
    return [int(pid) for pid, command in rows if "confluence_mirror sync" in command]


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def _wait_until(what: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(1200):
        if what():
            return
        waiting.wait(0.05)
    raise AssertionError("it does not happen")
