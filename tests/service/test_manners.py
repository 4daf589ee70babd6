"""What every route has in common, and what other programs expect of some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from confluence_mirror.service.rates import Rate, RateLimiter, parse_rate
from confluence_sandbox import SampleGateway, Site
from tests.service.running import Service, serving


def test_calls_beyond_the_rate_wait_for_the_next_window() -> None:
    now = 0.0
    limiter = RateLimiter(parse_rate("2/minute"), clock=lambda: now)
    assert [limiter.seconds_to_wait("a") for _ in range(3)] == [0, 0, 60]
    assert limiter.seconds_to_wait("b") == 0
    now = 60.0
    assert limiter.seconds_to_wait("a") == 0


@pytest.mark.parametrize("text", ["", "0/minute", "5", "5/day", "-1/second", "5/minute/hour"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="calls per"):
        parse_rate(text)
    assert parse_rate("5/HOUR") == Rate(5, 3600)


@pytest.mark.service
@pytest.mark.chroma
def test_an_answer_that_is_known_is_not_sent_again(service: Service) -> None:
    client = service.workspace()
    first = client.call("GET", "/api/v1/folders")
    tag = first.headers["ETag"]
    again = client.call("GET", "/api/v1/folders", headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    client.post("/api/v1/folders", {"name": "new"}, 201)
    changed = client.call("GET", "/api/v1/folders", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
    named = client.call("GET", "/healthz", headers={"X-Request-Id": "mine-1"})
    assert named.headers["X-Request-Id"] == "mine-1"


@pytest.mark.service
@pytest.mark.chroma
def test_origins_and_rates_are_bounded(embedder: str, tmp_path: Path) -> None:
    origin = "https://app.example.com"
    bounds = {"SERVICE_CORS_ORIGINS": origin, "SERVICE_RATE_LIMIT": "5/hour"}
    with (
        SampleGateway(Site()) as gateway,
        serving(gateway, embedder, tmp_path, **bounds) as running,
    ):
        client = running.client("cm_wrong")
        for _ in range(5):
            refused = client.call("GET", "/api/v1/folders", headers={"Origin": origin})
            assert refused.status_code == 401
            assert refused.headers["Access-Control-Allow-Origin"] == origin
        limited = client.call("GET", "/api/v1/folders", headers={"Origin": origin})
        assert limited.status_code == 429
        assert 0 < int(limited.headers["Retry-After"]) <= 3600
        assert "Retry-After" in limited.headers["Access-Control-Expose-Headers"]
        assert client.call("GET", "/healthz").status_code == 200
        assert running.admin().call("GET", "/api/v1/folders").status_code == 200
        foreign = client.call("GET", "/healthz", headers={"Origin": "https://evil.example.com"})
        assert "Access-Control-Allow-Origin" not in foreign.headers
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "X-API-KEY",
        }
        assert client.call("OPTIONS", "/connect", headers=asked).status_code == 200


@pytest.mark.service
@pytest.mark.chroma
def test_dify_finds_a_folder_s_passages_and_its_errors_are_dify_s(service: Service) -> None:
    client = service.workspace()
    service.connect(client)
    page = next(iter(service.gateway.site.current("PLAT")))
    folder = client.post("/vectorize?wait=true", {"page_id": page.id})["folder_id"]
    asked: dict[str, Any] = {
        "knowledge_id": folder,
        "query": page.title,
        "retrieval_setting": {"top_k": 2, "score_threshold": 0.0},
    }

    def retrieve(body: Any, **headers: str) -> httpx2.Response:
        return httpx2.post(f"{service.url}/retrieval", json=body, headers=headers, timeout=60)

    key = {"Authorization": f"Bearer {client.http.headers['X-API-KEY']}"}
    records = retrieve(asked, **key).json()["records"]
    assert records[0]["title"] == page.title
    assert records[0]["metadata"]["page_id"] == page.id
    assert 0 <= records[-1]["score"] <= records[0]["score"] <= 1

    def conditions(name: str, operator: str, value: str) -> dict[str, Any]:
        one = {"name": [name], "comparison_operator": operator, "value": value}
        return asked | {"metadata_condition": {"logical_operator": "and", "conditions": [one]}}

    assert retrieve(conditions("space_key", "is", "PLAT"), **key).json()["records"]
    assert not retrieve(conditions("space_key", "is", "HR"), **key).json()["records"]
    assert not retrieve(conditions("labels", "is", "none-has-this"), **key).json()["records"]
    for body, headers, status, code in (
        (asked, {}, 403, 1001),
        (asked, {"Authorization": "Bearer wrong"}, 403, 1002),
        (asked | {"knowledge_id": "nothing"}, key, 404, 2001),
        (asked | {"knowledge_id": "00000000-0000-4000-8000-000000000000"}, key, 404, 2001),
        (conditions("author", "is", "x"), key, 400, 400),
        ({"query": "x"}, key, 400, 400),
    ):
        answer = retrieve(body, **headers)
        assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.service
@pytest.mark.chroma
def test_an_administrator_brings_all_folders_up_to_date(service: Service) -> None:
    admin = service.admin("ingested")
    service.connect(admin)
    page = next(iter(service.gateway.site.current("PLAT")))
    admin.post("/vectorize?wait=true", {"page_id": page.id})
    assert len(admin.post("/api/v1/admin/ingest", None, 202)["run_ids"]) == 1
    service.client(service.key("ingested", "editor")).post("/api/v1/admin/ingest", None, 403)
