"""What a person does about runs: watch, approve, cancel, remove for good."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.service.running import Client, Service

pytestmark = [pytest.mark.service, pytest.mark.chroma]


def test_a_removed_connection_leaves_nothing_and_its_run_proves_it(service: Service) -> None:
    client = service.workspace()
    connection = service.connect(client)
    body = {"space_key": "PLAT", "include_attachments": False}
    status = client.post("/vectorize?wait=true", body)
    assert status["status"] == "done"

    started = client.delete(f"/api/v1/confluence/auth/{connection}?purge=true")
    run = ended(client, started["run_id"])

    assert run["status"] == "done"
    report = run["report"]
    assert report["left"] == {"chunks": 0, "files": 0, "secrets": 0}
    assert report["purged"]["pages"] == status["total_pages"]
    assert report["purged"]["chunks"] >= status["total_pages"]
    assert client.post("/api/v1/search", {"query": "certificate"})["results"] == []
    assert client.get("/api/v1/confluence/auth/status")["connections"] == []
    assert client.get("/api/v1/confluence/imports")["imports"] == []
    client.post("/vectorize", {"space_key": "PLAT", "connection_id": connection}, 404)
    state = service.process.folder / "state"
    token = service.gateway.token.encode()
    assert not [path for path in state.rglob("*") if path.is_file() and token in path.read_bytes()]


def test_a_removed_connection_stays_readable_without_a_purge(service: Service) -> None:
    client = service.workspace()
    connection = service.connect(client)
    page = next(iter(service.gateway.site.current("PLAT")))
    status = client.post("/vectorize?wait=true", {"page_id": page.id})
    client.delete(f"/api/v1/confluence/auth/{connection}", 204)
    found = client.post("/api/v1/search", {"query": page.title, "limit": 1})["results"]
    assert [each["page_id"] for each in found] == [page.id]
    client.post(f"/api/v1/confluence/sync/{status['folder_id']}", None, 409)


def test_removals_that_the_guard_stopped_are_approved_as_this_very_set(service: Service) -> None:
    client = service.workspace()
    service.connect(client)
    body = {"space_key": "PLAT", "include_attachments": False}
    status = client.post("/vectorize?wait=true", body)
    client.get(f"/api/v1/runs/{status['run_id']}/plan", 409)
    site = service.gateway.site
    leaves = _leaves(service)[:25]
    for page in leaves:
        site.trash(page)
    try:
        path = f"/api/v1/confluence/sync/{status['folder_id']}"
        stopped = ended(client, client.post(path, None, 202)["run_id"])
        assert (stopped["status"], stopped["needs"], stopped["exit_code"]) == (
            "failed",
            "approval",
            65,
        )
        plan = client.get(f"/api/v1/runs/{stopped['run_id']}/plan?limit=10")
        assert len(plan["removals"]) == 10
        assert plan["cursor"]
        assert {each["page_id"] for each in plan["removals"]} <= set(leaves)
        approve = f"/api/v1/runs/{stopped['run_id']}/approve"
        client.post(approve, {"hash": "0" * 12}, 409)
        run = ended(client, client.post(approve, {"hash": plan["hash"]}, 202)["run_id"])
        assert (run["status"], run["pages"]["removed"]) == ("done", len(leaves))
    finally:
        for page in leaves:
            site.restore(page)


def test_progress_is_streamed_until_the_end(service: Service) -> None:
    client = service.workspace()
    service.connect(client)
    page = next(iter(service.gateway.site.current("PLAT")))
    status = client.post("/vectorize", {"page_id": page.id}, 202)
    path = f"/api/v1/confluence/import/{status['import_id']}/events"
    with client.http.stream("GET", path) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        events = [event for event in answer.read().decode().split("\n\n") if event]
    names = [event.splitlines()[0].removeprefix("event: ") for event in events]
    assert names[0] == "progress"
    assert names[-1] == "done"
    last: dict[str, Any] = json.loads(events[-1].splitlines()[1].removeprefix("data: "))
    assert (last["status"], last["total_pages"], last["run_id"]) == ("done", 1, status["run_id"])


def ended(client: Client, run_id: str) -> dict[str, Any]:
    """A run at its end."""
    waiting = threading.Event()
    for _ in range(900):
        run: dict[str, Any] = client.get(f"/api/v1/runs/{run_id}")
        if run["status"] not in ("queued", "running"):
            return run
        waiting.wait(0.1)
    raise AssertionError(f"it does not end: {run}")


def _leaves(service: Service) -> list[str]:
    """Pages without children."""
    pages = service.gateway.site.current("PLAT")
    parents = {page.parent_id for page in pages}
    return [page.id for page in pages if page.id not in parents]
