"""Credentials, scopes, removed routes, faults, the log and the other hosts."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sample_client import SEARCH, V2, Client, basic

from confluence_sandbox import SampleGateway, Site

PROBE = "cql=type%3Dpage"


@pytest.fixture
def elsewhere(gateway: SampleGateway) -> Iterator[Client]:
    client = Client(gateway, origin=gateway.elsewhere, prefix="")
    yield client
    client.connection.close()


def credentials(gateway: SampleGateway) -> list[str]:
    return [
        "",
        "Basic !!!",
        basic(gateway.user, "wrong"),
        basic("other@example.org", gateway.token),
        "Bearer wrong",
    ]


def test_a_wrong_credential_is_403_on_v1_and_a_bare_404_on_v2(
    gateway: SampleGateway, client: Client
) -> None:
    for value in credentials(gateway):
        client.headers["Authorization"] = value
        refused = client.search("type = page")
        assert (refused.status, refused.json["message"]) == (
            403,
            "Current user not permitted to use Confluence",
        )
        refused = client.get(f"{V2}/pages")
        error = {"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}
        assert (refused.status, refused.json) == (404, {"errors": [error]})


def test_a_bearer_token_is_taken_too(gateway: SampleGateway, client: Client) -> None:
    client.headers["Authorization"] = f"Bearer {gateway.token}"
    assert client.get(f"{V2}/spaces").status == 200


def test_a_credential_can_be_revoked_in_the_middle_of_a_walk(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    for number in range(4):
        site.add("OPS", f"Page {number}")
    gateway.fault("/pages$", nth=2, do=[("revoke", {})])
    first = client.get(f"{V2}/pages", limit=2)
    assert first.next is not None
    assert client.get(first.next).status == 404
    gateway.run("grant")
    assert client.get(first.next).status == 200


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("search:confluence", f"{SEARCH}?{PROBE}"),
        ("read:confluence-user", "/wiki/rest/api/user/current"),
        ("read:page:confluence", f"{V2}/pages/1"),
        ("read:space:confluence", f"{V2}/spaces"),
        ("read:folder:confluence", f"{V2}/folders/abc"),
    ],
)
def test_a_missing_scope_is_401_before_anything_is_looked_at(
    scope: str, path: str, gateway: SampleGateway, client: Client
) -> None:
    gateway.switches.scopes.discard(scope)
    reply = client.get(path)
    assert (reply.status, reply.json) == (
        401,
        {"code": 401, "message": "Unauthorized; scope does not match"},
    )
    assert reply.headers["X-Failure-Category"] == "FAILURE_CLIENT_SCOPE_CHECK"


def test_another_cloud_id_is_unknown_to_the_gateway(gateway: SampleGateway, client: Client) -> None:
    client.prefix = "/ex/confluence/00000000-0000-0000-0000-000000000000"
    reply = client.get(f"{V2}/spaces")
    assert (reply.status, reply.json["code"]) == (404, 404)


def test_paths_without_the_gateway_prefix_lead_nowhere(client: Client) -> None:
    client.prefix = ""
    assert client.get(f"{V2}/spaces").status == 404


def test_the_context_may_be_left_out_and_must_not_be_doubled(client: Client) -> None:
    assert client.get("/api/v2/spaces").status == 200
    assert client.get(f"/rest/api/content/search?{PROBE}").status == 200
    assert client.get(f"/wiki{V2}/spaces").status == 404


def test_an_unknown_route_is_json_only_for_those_who_ask_for_it(client: Client) -> None:
    assert client.get(f"{V2}/nothing").json["status-code"] == 404
    del client.headers["Accept"]
    assert client.get(f"{V2}/nothing").headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "path",
    ["content", "content/1", "content/1/child/page", "content/1/label", "space", "space/OPS"],
)
def test_removed_routes_are_gone(path: str, client: Client) -> None:
    reply = client.get(f"/wiki/rest/api/{path}")
    assert (reply.status, reply.json["statusCode"]) == (410, 410)
    assert "GoneException" in reply.json["message"]


def test_old_clients_find_the_removed_routes_in_legacy_mode(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    gateway.switches.legacy = True
    pages = [
        site.add("OPS", f"Page {number}", f"<p>{number}</p>", labels=["old"]) for number in range(5)
    ]
    site.add("OPS", "Child", parent=pages[0])
    walked = client.walk(
        "/wiki/rest/api/content",
        context="/wiki",
        spaceKey="OPS",
        limit=4,
        expand="body.storage,version",
    )
    assert [row["title"] for page in walked for row in page.results][-2:] == ["Page 4", "Child"]
    assert walked[0].results[1]["body"]["storage"]["value"] == "<p>1</p>"
    assert walked[0].headers["Warning"].startswith("299")
    assert client.get(f"/wiki/rest/api/content/{pages[1].id}").json["title"] == "Page 1"
    assert (
        client.get(f"/wiki/rest/api/content/{pages[0].id}/child/page").results[0]["title"]
        == "Child"
    )
    assert client.get(f"/wiki/rest/api/content/{pages[0].id}/label").results[0]["name"] == "old"
    assert client.get("/wiki/rest/api/space/ops").json["id"] == site.space("OPS").id
    assert client.get("/wiki/rest/api/space").results[0]["key"] == "OPS"
    assert client.get("/wiki/rest/api/content?start=100001").status == 400
    assert client.get("/wiki/rest/api/content/99").status == 404


def test_the_date_is_that_of_the_site(client: Client) -> None:
    assert client.get(f"{V2}/spaces").headers["Date"] == "Tue, 10 Mar 2026 12:00:00 GMT"


def test_the_log_knows_header_names_and_never_their_values(
    gateway: SampleGateway, client: Client
) -> None:
    client.get(f"{V2}/pages/123", body_format="storage")
    (entry,) = gateway.log
    assert (entry.method, entry.path, entry.status) == ("GET", "/wiki/api/v2/pages/123", 404)
    assert entry.query == {"body-format": ["storage"]}
    assert "authorization" in entry.headers
    assert gateway.token not in repr(gateway.log)
    assert gateway.counts() == {"GET /wiki/api/v2/pages/{}": 1}


# -- faults


@pytest.mark.parametrize("after", [None, "0", "3600", "Tue, 10 Mar 2026 12:00:05 GMT"])
def test_a_rate_limit_with_every_form_of_retry_after(
    after: str | None, gateway: SampleGateway, client: Client
) -> None:
    gateway.fault(status=429, headers={"Retry-After": after} if after is not None else {}, times=1)
    limited = client.get(f"{V2}/spaces")
    assert (limited.status, limited.headers.get("Retry-After")) == (429, after)
    assert client.get(f"{V2}/spaces").status == 200


def test_a_fault_strikes_by_method_path_query_and_number(
    gateway: SampleGateway, client: Client
) -> None:
    fault = gateway.fault("/api/v2/spaces$", method="GET", query="keys=OPS", nth=[2, 3], status=503)
    for path in ("/spaces", "/pages", "/spaces?keys=NO"):
        assert client.get(V2 + path).status == 200
    assert [client.get(f"{V2}/spaces", keys="OPS").status for _ in range(4)] == [200, 503, 503, 200]
    assert (fault.seen, fault.hits) == (4, 2)


def test_a_login_page_in_place_of_json(gateway: SampleGateway, client: Client) -> None:
    gateway.fault(html=True)
    reply = client.get(f"{V2}/spaces")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
    assert b"Log in" in reply.body


def test_a_transient_refusal_of_the_edge(gateway: SampleGateway, client: Client) -> None:
    gateway.fault(status=404, headers={"x-cache": "Error from cloudfront"}, payload={"errors": []})
    assert client.get(f"{V2}/spaces").headers["x-cache"] == "Error from cloudfront"


def test_a_body_that_is_cut_to_half_with_a_fitting_length(
    gateway: SampleGateway, client: Client
) -> None:
    gateway.fault(truncate=True)
    with pytest.raises(json.JSONDecodeError):
        _ = client.get(f"{V2}/spaces").json


@pytest.mark.parametrize(
    ("cut", "error"),
    [
        ("before", http.client.RemoteDisconnected),
        ("middle", http.client.IncompleteRead),
        ("reset", ConnectionResetError),
    ],
)
def test_a_connection_that_is_cut(
    cut: str, error: type[Exception], gateway: SampleGateway, client: Client
) -> None:
    gateway.fault(cut=cut, times=1)
    with pytest.raises(error):
        client.get(f"{V2}/spaces")
    assert gateway.log[0].status == 0
    client.connection.close()
    assert client.get(f"{V2}/spaces").status == 200


def test_another_json_and_a_changed_one(site: Site, gateway: SampleGateway, client: Client) -> None:
    site.add("OPS", "Page")

    def without_ids(payload: dict[str, Any]) -> dict[str, Any]:
        return payload | {"results": [{**row, "id": None} for row in payload["results"]]}

    gateway.fault("/spaces$", payload=[])
    gateway.fault("/pages$", change=without_ids)
    assert client.get(f"{V2}/spaces").json == []
    assert client.get(f"{V2}/pages").ids == [None]


def test_a_page_can_be_purged_between_listing_and_reading(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    page = site.add("OPS", "Page")
    gateway.fault("/pages$", query="body-format", do=[("purge", {"id": page.id})])
    assert client.listed("/pages") == [page.id]
    assert client.listed("/pages", id=page.id, body_format="storage") == []


def test_a_client_that_goes_away_does_no_harm(gateway: SampleGateway, client: Client) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /ex/conf")
    assert client.get(f"{V2}/spaces").status == 200


# -- other hosts


def test_the_site_refuses_scoped_tokens_with_html(
    gateway: SampleGateway, elsewhere: Client
) -> None:
    reply = elsewhere.get(f"{V2}/spaces")
    assert reply.status == 401
    assert b"HTTP Status 401" in reply.body
    assert (gateway.log[-1].host, "authorization" in gateway.log[-1].headers) == ("elsewhere", True)
    assert gateway.counts() == {}


def test_the_site_serves_unscoped_tokens(gateway: SampleGateway, elsewhere: Client) -> None:
    gateway.switches.scoped_token = False
    assert elsewhere.get(f"{V2}/spaces").status == 200
    assert elsewhere.get("/_edge/tenant_info").json == {"cloudId": gateway.cloud_id}


def test_links_can_name_a_host_that_listens() -> None:
    with SampleGateway(Site(), site_url="elsewhere") as gateway:
        assert gateway.site_url == f"{gateway.elsewhere}/wiki"


def test_a_download_leads_to_another_host_that_takes_no_credential(
    site: Site, gateway: SampleGateway, client: Client, elsewhere: Client
) -> None:
    page = site.add("OPS", "Page")
    file = site.attach_file(page, "a b.txt", b"content", media_type="text/plain")
    assert client.get(f"{V2}/pages/{page.id}/attachments").results[0]["title"] == "a b.txt"
    redirect = client.get(f"/wiki/rest/api/content/{page.id}/child/attachment/{file.id}/download")
    assert (redirect.status, redirect.headers["Location"].startswith(gateway.elsewhere)) == (
        302,
        True,
    )
    target = redirect.headers["Location"].removeprefix(gateway.elsewhere)
    assert elsewhere.get(target).status == 400
    del elsewhere.headers["Authorization"]
    assert elsewhere.get(target).body == b"content"
    site.clock.advance(hours=1)
    assert elsewhere.get(target).status == 401
    assert (
        elsewhere.get(f"/wiki/download/attachments/{page.id}/a b.txt".replace(" ", "%20")).status
        == 401
    )


def test_the_site_can_change_while_it_is_read_from_many_sides(
    site: Site, gateway: SampleGateway
) -> None:
    pages = [site.add("OPS", f"Page {number}", labels=["x"]) for number in range(60)]
    stop = threading.Event()

    def read() -> None:
        client = Client(gateway)
        while not stop.is_set():
            client.listed(f"/spaces/{site.space('OPS').id}/pages", limit=7)
            client.found(
                "space = OPS order by lastmodified", limit=7, expand="metadata.labels,ancestors"
            )
        client.connection.close()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number, page in enumerate(pages[1:]):
        change = (site.edit, site.trash, site.purge, site.restrict, site.archive)[number % 5]
        change(page)
        site.add("OPS", f"New {number}", parent=pages[0])
    stop.set()
    for reader in readers:
        reader.join()
    client = Client(gateway)
    assert client.listed("/pages", status="current") == [page.id for page in site.current()]
    client.connection.close()


def test_requests_are_answered_side_by_side(gateway: SampleGateway) -> None:
    meet = threading.Barrier(4, timeout=30)

    def wait_for_the_others(payload: Any) -> Any:
        meet.wait()
        return payload

    gateway.fault(change=wait_for_the_others)
    clients = [Client(gateway) for _ in range(4)]
    for client in clients:
        client.connection.request("GET", client.prefix + f"{V2}/spaces", headers=client.headers)
    assert [client.connection.getresponse().status for client in clients] == [200] * 4
    assert gateway.most_at_once == 4
    for client in clients:
        client.connection.close()
