"""Events of every dialect: checked, put together, and seen in the next answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from confluence_mirror.service.auth import forge
from confluence_mirror.service.events import page_of_event
from tests.service.running import Client, Service

SECRET = "a-secret-of-the-hook-0123456789"


@pytest.mark.parametrize(
    ("event", "page"),
    [
        ({"event": "page_updated", "page": {"id": 12, "spaceKey": "X"}}, "12"),
        ({"event": "blog_created", "blog": {"id": "12"}}, "12"),
        ({"event": "comment_created", "comment": {"id": 9, "parent": {"id": 12}}}, "12"),
        ({"event": "attachment_created", "attachedTo": {"id": 12}, "attachments": []}, "12"),
        ({"event": "label_added", "labeled": {"id": 12}, "label": {}}, "12"),
        ({"eventType": "avi:confluence:updated:page", "content": {"id": "12"}}, "12"),
        (
            {"content": {"id": "9", "type": "comment", "container": {"id": "12", "type": "page"}}},
            "12",
        ),
        ({"content": {"id": "9", "type": "attachment"}}, None),
        ({"page_id": "12"}, "12"),
        ({"pageId": 12}, "12"),
        ({"page_id": True}, None),
        ({"page_id": "12; drop"}, None),
        ({"page": "12"}, None),
        ([1, 2], None),
        (None, None),
    ],
)
def test_the_page_of_an_event_is_found(event: Any, page: str | None) -> None:
    assert page_of_event(json.dumps(event).encode()) == page


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_names_no_page(body: bytes) -> None:
    assert page_of_event(body) is None


class _Jwks:
    """Where the keys are, counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, key: RSAKey) -> None:
        self.asked = 0
        self.keys = KeySet([key])

        def get(_url: str, **_more: Any) -> httpx2.Response:
            self.asked += 1
            request = httpx2.Request("GET", "https://keys.example.com")
            return httpx2.Response(200, json=self.keys.as_dict(), request=request)

        monkeypatch.setattr(forge.httpx2, "get", get)


def test_a_forge_token_is_taken_for_our_app_and_its_site_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, other = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("one", "two"))
    jwks = _Jwks(monkeypatch, key)
    steady = 0.0
    tokens = forge.ForgeTokens("app", "https://k", clock=lambda: steady, wall=lambda: 1000.0)
    right = {"iss": forge.ISSUER, "aud": "app", "exp": 1100, "context": {"cloudId": "site"}}

    def token(signed: RSAKey = key, alg: str = "RS256", **claims: Any) -> str:
        body = {name: value for name, value in (right | claims).items() if value is not None}
        return jwt.encode({"alg": alg, "kid": signed.kid}, body, signed, algorithms=[alg])

    assert tokens.belongs_to(token(), "site")
    for wrong in (
        token(aud="another"),
        token(aud=None),
        token(exp=999),
        token(exp=None),
        token(nbf=1001),
        token(iss="else"),
        token(context={"cloudId": "elsewhere"}),
        token(context=None),
        token(alg="RS512"),
        token(other),
        "",
        "a.b.c",
    ):
        assert not tokens.belongs_to(wrong, "site")
    assert jwks.asked == 1
    jwks.keys = KeySet([other])
    steady = 61.0
    assert tokens.belongs_to(token(other), "site")
    assert jwks.asked == 2


@pytest.mark.service
@pytest.mark.chroma
def test_an_event_changes_an_answer_within_seconds(service: Service) -> None:
    client = service.workspace()
    connection = service.connect(client)
    page = next(iter(service.gateway.site.current("PLAT")))
    client.post("/vectorize?wait=true", {"page_id": page.id, "include_attachments": False})
    hook = client.post(
        "/api/v1/hooks",
        {"connection_id": connection, "dialect": "datacenter", "secret": SECRET},
        201,
    )
    assert hook["url"] == f"{service.url}/webhook/confluence/{hook['hook_id']}"
    service.gateway.site.edit(page.id, page.body + "<p>The code word is quicksilver.</p>")
    body = json.dumps({"event": "page_updated", "page": {"id": int(page.id)}}).encode()

    assert _post(service, hook, body, "sha256=" + "0" * 64) == 401
    assert _post(service, hook, body, "") == 401
    assert client.get("/api/v1/confluence/sync/history")["runs"][0]["trigger"] == "import"
    assert _post(service, hook, body, _sign(body)) == 202
    _wait_for(client, "quicksilver")
    assert client.get("/api/v1/confluence/sync/history")["runs"][0]["trigger"] == "webhook"

    other = {"event": "page_updated", "page": {"id": 1}}
    assert (
        _post(service, hook, json.dumps(other).encode(), _sign(json.dumps(other).encode())) == 202
    )
    client.call("PATCH", f"/api/v1/hooks/{hook['hook_id']}", {"secret": "another" * 4})
    assert _post(service, hook, body, _sign(body)) == 202
    client.delete(f"/api/v1/hooks/{hook['hook_id']}", 204)
    assert _post(service, hook, body, _sign(body)) == 404


@pytest.mark.service
@pytest.mark.chroma
def test_a_thousand_events_are_answered_at_once_and_are_a_few_runs(service: Service) -> None:
    client = service.workspace()
    connection = service.connect(client)
    page = next(iter(service.gateway.site.current("PLAT")))
    client.post("/vectorize?wait=true", {"page_id": page.id, "include_attachments": False})
    asked = {"connection_id": connection, "dialect": "automation", "header": "X-Key"}
    hook = client.post("/api/v1/hooks", asked, 201)
    before = len(client.get("/api/v1/confluence/sync/history?limit=100")["runs"])
    body = json.dumps({"page_id": page.id}).encode()
    headers = {"X-Key": hook["secret"]}

    begun = time.monotonic()
    with (
        httpx2.Client(trust_env=False, timeout=60) as http,
        ThreadPoolExecutor(8) as threads,
    ):

        def timed(number: int) -> tuple[bool, float]:
            threading.Event().wait(max(0.0, begun + number / 110 - time.monotonic()))
            health = number % 11 == 10
            asked_at = time.monotonic()
            answer = (
                http.get(f"{service.url}/healthz")
                if health
                else http.post(hook["url"], content=body, headers=headers)
            )
            assert answer.status_code == (200 if health else 202)
            return health, time.monotonic() - asked_at

        took = list(threads.map(timed, range(1100)))
    events = quantiles([seconds for health, seconds in took if not health], n=100)[98]
    health = quantiles([seconds for health, seconds in took if health], n=100)[98]
    assert events < max(0.1, 3 * health)
    runs = client.get("/api/v1/confluence/sync/history?limit=100")["runs"]
    assert 1 <= len(runs) - before <= 8


def _sign(body: bytes) -> str:
    return "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()


def _post(service: Service, hook: dict[str, Any], body: bytes, signature: str) -> int:
    path = f"{service.url}/webhook/confluence/{hook['hook_id']}"
    answer = httpx2.post(path, content=body, headers={"X-Hub-Signature": signature}, timeout=30)
    return answer.status_code


def _wait_for(client: Client, word: str) -> None:
    waiting = threading.Event()
    for _ in range(300):
        found = client.post("/api/v1/search", {"query": word, "limit": 1})["results"]
        if found and word in found[0]["text"]:
            return
        waiting.wait(0.2)
    raise AssertionError("the answer does not change")
