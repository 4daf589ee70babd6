"""What a front end shows before something is imported."""

from __future__ import annotations

import pytest

from confluence_mirror.service.caching import MinuteCache
from tests.service.running import Service


def test_an_answer_is_kept_for_a_minute_and_a_failure_is_not() -> None:
    now, asked = 0.0, 0
    cache = MinuteCache(clock=lambda: now)

    def count() -> int:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise ValueError("not today")
        return asked

    with pytest.raises(ValueError, match="not today"):
        cache.read("a", count)
    assert [cache.read("a", count) for _ in range(3)] == [2, 2, 2]
    assert cache.read("b", count) == 3
    now = 60.0
    assert cache.read("a", count) == 4


@pytest.mark.service
@pytest.mark.chroma
def test_spaces_and_their_pages_are_walked_from_the_root(service: Service) -> None:
    client = service.workspace()
    connection = service.connect(client)
    spaces = client.get(f"/api/v1/confluence/spaces?connection_id={connection}&limit=1")
    assert spaces["cursor"]
    rest = client.get(f"/api/v1/confluence/spaces?cursor={spaces['cursor']}")
    keys = {each["key"] for each in spaces["spaces"] + rest["spaces"]}
    assert "PLAT" in keys

    seen: set[str] = set()
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        query = f"&parent_id={parent}" if parent else ""
        path = f"/api/v1/confluence/spaces/PLAT/pages?limit=100{query}"
        shown = client.get(path)
        assert shown["cursor"] is None
        for page in shown["pages"]:
            assert page["id"] not in seen
            seen.add(page["id"])
            if page["has_children"]:
                waiting.append(page["id"])
    assert seen >= {page.id for page in service.gateway.site.current("PLAT")}
    client.get("/api/v1/confluence/spaces/NOWHERE/pages", 404)
    client.get("/api/v1/confluence/spaces/PLAT/pages?parent_id=1", 404)
    client.get("/api/v1/confluence/spaces?cursor=nonsense", 422)

    before = len(service.gateway.log)
    assert client.get("/api/v1/confluence/spaces/PLAT/pages")["pages"]
    assert len(service.gateway.log) == before


@pytest.mark.service
@pytest.mark.chroma
def test_pages_are_found_by_words_and_never_by_cql(service: Service) -> None:
    client = service.workspace()
    service.connect(client)
    found = client.get("/api/v1/confluence/search?q=certificate+renewal")["results"]
    assert any("Certificate renewal" in page["title"] for page in found)
    assert all(page["url"].startswith("https://") for page in found)
    injected = 'x") or type = page or (title ~ "y'
    before = len(service.gateway.log)
    client.call("GET", "/api/v1/confluence/search", params={"q": injected})
    asked = [entry.query["cql"] for entry in service.gateway.log[before:] if "cql" in entry.query]
    words = '"x or type page or title y"'
    assert asked == [[f"type in (page, blogpost) and (title ~ {words} or text ~ {words})"]]
    assert client.call("GET", "/api/v1/confluence/search", params={"q": '"()'}).status_code == 422
    foreign = service.workspace()
    foreign.get("/api/v1/confluence/search?q=certificate", 422)
