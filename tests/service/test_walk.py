"""From a connection to an answer, over HTTP, as a front end goes."""

from __future__ import annotations

import threading
import uuid

import pytest

from tests.service.running import Client, Service

pytestmark = [pytest.mark.service, pytest.mark.chroma]


def test_a_space_is_connected_imported_found_and_removed(service: Service) -> None:
    client = service.workspace()
    connection = service.connect(client)
    assert service.connect(client) == connection

    folder = str(uuid.uuid4())
    asked = {"space_key": "PLAT", "folder_id": folder, "include_attachments": False}
    status = client.post("/vectorize?wait=true", asked)

    assert (status["status"], status["folder_id"]) == ("done", folder)
    pages = {page.id for page in service.gateway.site.current("PLAT")}
    assert status["total_pages"] == status["processed_pages"] == len(pages)
    assert {each["page_id"] for each in _documents(client, status["import_id"])} == pages

    question = {"query": "certificate renewal", "folder_ids": [folder], "limit": 3}
    results = client.post("/api/v1/search", question)["results"]
    assert "Certificate renewal" in results[0]["title"]
    assert {each["folder_id"] for each in results} == {folder}

    again = client.post("/vectorize?wait=true", asked)
    assert again["import_id"] == status["import_id"]

    run = client.delete(f"/api/v1/confluence/import/{status['import_id']}")["run_id"]
    assert _ended(client, run)["status"] == "done"
    assert client.post("/api/v1/search", question)["results"] == []


def test_a_page_and_a_tree_in_one_folder_are_the_union_of_both(service: Service) -> None:
    client = service.workspace()
    service.connect(client)
    site = service.gateway.site
    by_parent = {page.parent_id for page in site.current("PLAT")}
    parent = next(page for page in site.current("PLAT") if page.id in by_parent and page.parent_id)
    alone = next(page for page in site.current() if page.space_id != parent.space_id)
    items = [
        {"source_type": "page_tree", "page_id": parent.id},
        {"source_type": "page", "page_id": alone.id},
    ]
    tree, page = client.post("/api/v1/confluence/import/batch", {"items": items}, 202)["imports"]

    assert tree["run_id"] == page["run_id"]
    assert _ended(client, tree["run_id"])["status"] == "done"
    assert [each["page_id"] for each in _documents(client, page["import_id"])] == [alone.id]
    below = {each["page_id"] for each in _documents(client, tree["import_id"])}
    assert parent.id in below
    assert alone.id not in below


def test_workspaces_see_nothing_of_each_other(service: Service) -> None:
    ours, theirs = service.workspace(), service.workspace()
    connection = service.connect(ours)
    assert service.connect(theirs) != connection
    folder = ours.post("/api/v1/folders", {"name": "ours"}, 201)["folder_id"]
    started = ours.post("/vectorize", {"space_key": "PLAT", "folder_id": folder}, 202)
    for path in (
        f"/api/v1/folders/{folder}",
        f"/api/v1/runs/{started['run_id']}",
        f"/api/v1/confluence/import/{started['import_id']}/status",
        f"/api/v1/confluence/imports?folder_id={folder}",
        f"/api/v1/confluence/sync/history?folder_id={folder}",
    ):
        assert theirs.get(path, 404)["type"].endswith("not-found")
    theirs.delete(f"/api/v1/folders/{folder}", 404)
    theirs.post(f"/api/v1/confluence/sync/{folder}", None, 404)
    theirs.post("/vectorize", {"space_key": "PLAT", "folder_id": folder}, 404)
    theirs.post("/vectorize", {"space_key": "PLAT", "connection_id": connection}, 404)
    theirs.post("/api/v1/search", {"query": "lighthouse", "folder_ids": [folder]}, 404)
    assert theirs.get("/api/v1/folders")["folders"] == []
    assert theirs.post("/api/v1/search", {"query": "lighthouse"})["results"] == []
    ours.post(f"/api/v1/confluence/import/{started['import_id']}/cancel", None, 202)


def test_what_does_not_fit_is_a_problem_that_repeats_no_value(service: Service) -> None:
    client = service.workspace()
    canary = "CANARY-0123456789-TOKEN"
    for body in (
        {"cloud_id": service.gateway.cloud_id, "email": "a@example.com", "token": canary},
        {"cloud_id": canary, "email": canary, "token": canary},
        {canary: canary, "token": [canary]},
        {"deployment": "datacenter", "site_url": "https://x.example.com", "token": canary},
        {"site_url": f"https://{canary}@127.0.0.1/", "email": "a@example.com", "token": canary},
    ):
        answer = client.call("POST", "/connect", body)
        assert answer.status_code in (401, 422)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert canary not in answer.text
    wrong = service.client("cm_wrong")
    refused = wrong.call("GET", "/api/v1/folders")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert client.call("GET", "/api/v1/folders/nothing").status_code == 404
    assert client.call("PUT", "/connect").headers["Allow"] == "POST"
    too_large = client.http.post("/connect", content=iter([b"x" * 600_000] * 2))
    assert too_large.status_code == 413
    assert canary not in service.process.log.read_text()


def test_a_reader_asks_and_changes_nothing(service: Service) -> None:
    reader = service.workspace("reader")
    assert reader.post("/api/v1/search", {"query": "lighthouse"})["results"] == []
    reader.post("/api/v1/folders", {"name": "mine"}, 403)
    reader.get("/api/v1/keys", 403)
    admin = service.admin("elsewhere")
    made = admin.post("/api/v1/keys", {"name": "one", "role": "reader"}, 201)
    one = service.client(made["key"])
    assert one.get("/api/v1/folders") == {"folders": [], "cursor": None}
    admin.delete(f"/api/v1/keys/{made['key_id']}", 204)
    one.get("/api/v1/folders", 401)


def _documents(client: Client, import_id: str) -> list[dict[str, object]]:
    """All of them, a page of the list at a time."""
    found: list[dict[str, object]] = []
    cursor = ""
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        part = client.get(f"/api/v1/confluence/import/{import_id}/status?limit=20{more}")
        found += part["created_documents"]
        if not (cursor := part["cursor"]):
            return found


def _ended(client: Client, run_id: str) -> dict[str, object]:
    """A run at its end."""
    waiting = threading.Event()
    for _ in range(600):
        run = client.get(f"/api/v1/runs/{run_id}")
        if run["status"] not in ("queued", "running"):
            return run
        waiting.wait(0.1)
    raise AssertionError(f"it does not end: {run}")
