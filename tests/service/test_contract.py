"""The API as it describes itself: every route, with what is foreign and with what is nonsense."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.running import Client, Service

pytestmark = [pytest.mark.service, pytest.mark.chroma]

BODIES: dict[str, Any] = {
    "PUT /api/v1/confluence/auth/{connection_id}": {"token": "a-token-that-is-none"},
    "PATCH /api/v1/folders/{folder_id}": {"name": "taken"},
    "PATCH /api/v1/hooks/{hook_id}": {"secret": "a-secret-that-is-none"},
    "POST /api/v1/runs/{run_id}/approve": {"hash": "0"},
}
OPEN = ("/webhook/confluence/{hook_id}", "/healthz", "/readyz")


def _owned(service: Service, client: Client) -> dict[str, str]:
    """One thing of each kind, by the name of its parameter."""
    connection = service.connect(client)
    page = next(iter(service.gateway.site.current("PLAT")))
    status = client.post("/vectorize?wait=true", {"page_id": page.id})
    hook = client.post("/api/v1/hooks", {"connection_id": connection, "dialect": "automation"}, 201)
    return {
        "connection_id": connection,
        "import_id": status["import_id"],
        "folder_id": status["folder_id"],
        "run_id": status["run_id"],
        "hook_id": hook["hook_id"],
    }


def test_every_route_answers_a_foreign_id_as_one_that_nobody_has(service: Service) -> None:
    ours, theirs = service.admin("contract-a"), service.admin("contract-b")
    owned = _owned(service, ours)
    made = ours.post("/api/v1/keys", {"name": "one", "role": "reader"}, 201)
    owned["key_id"] = made["key_id"]
    nobody = dict.fromkeys(owned, "00000000-0000-4000-8000-000000000000")
    before = _shown(ours, owned)
    tried = 0
    for path, methods in theirs.get("/openapi.json")["paths"].items():
        named = [name for name in owned if f"{{{name}}}" in path]
        if not named or path in OPEN:
            continue
        for method in methods:
            body = BODIES.get(f"{method.upper()} {path}")
            answers = []
            for ids in (owned, nobody):
                filled = path
                for name in named:
                    filled = filled.replace(f"{{{name}}}", ids[name])
                answer = theirs.call(method.upper(), filled, body)
                answers.append((answer.status_code, answer.json()))
            assert answers[0] == answers[1], f"{method} {path}"
            assert answers[0][0] == 404, f"{method} {path}"
            tried += 1
    assert tried >= 14
    for name in ("connection_id", "folder_id"):
        for path in ("/confluence/imports", "/confluence/sync/history", "/confluence/spaces"):
            if (name == "connection_id") == path.endswith("spaces"):
                theirs.get(f"/api/v1{path}?{name}={owned[name]}", 404)
    assert _shown(ours, owned) == before


def test_nothing_that_is_sent_gives_a_500_or_an_answer_that_is_not_described(
    service: Service, tmp_path: Path
) -> None:
    key = service.key("schema", "editor")
    checks = (
        "not_a_server_error,status_code_conformance,content_type_conformance,"
        "response_schema_conformance"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json"),
            *("-H", f"X-API-KEY: {key}", "-c", checks, "--phases", "examples,coverage"),
            *("--exclude-path-regex", "events$|^/vectorize$"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def _shown(client: Client, owned: dict[str, str]) -> list[Any]:
    paths = (
        f"/api/v1/folders/{owned['folder_id']}",
        f"/api/v1/runs/{owned['run_id']}",
        f"/api/v1/confluence/import/{owned['import_id']}/status",
        "/api/v1/hooks",
        "/api/v1/keys",
        "/api/v1/confluence/auth/status",
        "/api/v1/confluence/sync/history",
    )
    return [client.get(path) for path in paths]
