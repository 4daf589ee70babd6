"""Each way in which the gateway says no, and what an operator is told."""

from __future__ import annotations

import re
import socket

import pytest
import requests
import responses
from confluence_fakes import ROOT
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.refusals import (
    AccessRefused,
    QuestionRefused,
    Unanswered,
    error_text,
)
from confluence_mirror.confluence.routes import PAGE, PAGES, SEARCH, SPACES, Route
from confluence_mirror.errors import Exit, SourceUnavailable, SyncError, WrongSettings
from confluence_mirror.net.answers import quote_foreign

HTML = "<html><body>Sign in to the proxy</body></html>"
V1_FORBIDDEN = {"message": "Current user not permitted to use Confluence", "statusCode": 403}
V2_BARE_404 = {
    "errors": [{"status": 404, "code": "NOT_FOUND", "title": "Not Found", "detail": None}]
}
NO_SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}

REFUSALS = {
    "a v2 route without its scope": (
        SPACES,
        401,
        {"json": NO_SCOPE},
        Exit.PERMISSION,
        "read:space:confluence",
    ),
    "a v1 route without its scope": (
        SEARCH,
        401,
        {"json": NO_SCOPE},
        Exit.PERMISSION,
        "search:confluence",
    ),
    "a scope refusal told by the header alone": (
        PAGES,
        401,
        {"json": {}, "headers": {"X-Failure-Category": "FAILURE_CLIENT_SCOPE_CHECK"}},
        Exit.PERMISSION,
        "read:page:confluence",
    ),
    "a bad credential on v1": (
        SEARCH,
        403,
        {"json": V1_FORBIDDEN},
        Exit.PERMISSION,
        "CONF_API_TOKEN",
    ),
    "a bad credential on v2": (
        PAGES,
        404,
        {"json": V2_BARE_404},
        Exit.PERMISSION,
        "CONF_API_TOKEN",
    ),
    "basic authentication switched off": (
        SPACES,
        403,
        {"json": {"message": "Basic Authentication has been disabled on this instance."}},
        Exit.PERMISSION,
        "switched API tokens off",
    ),
    "an unknown cloud id": (
        SPACES,
        404,
        {"json": {"code": 404, "message": "Not Found"}},
        Exit.PERMISSION,
        "CLOUD_ID",
    ),
    "the site in place of the gateway": (
        SPACES,
        401,
        {"body": HTML, "content_type": "text/html"},
        Exit.PERMISSION,
        "CONF_GATEWAY_URL",
    ),
    "a proxy that wants an upgrade": (
        SPACES,
        426,
        {"body": HTML, "content_type": "text/html"},
        Exit.UNAVAILABLE,
        "proxy",
    ),
    "a removed route": (
        SEARCH,
        410,
        {"json": {"statusCode": 410, "message": "This deprecated endpoint has been removed."}},
        Exit.UNAVAILABLE,
        "newer confluence-mirror",
    ),
    "a question that is wrong": (
        SEARCH,
        400,
        {"json": {"statusCode": 400, "message": "Could not parse cql"}},
        Exit.UNAVAILABLE,
        "Could not parse cql",
    ),
    "a redirect": (
        SPACES,
        302,
        {"headers": {"Location": "https://login.test/"}},
        Exit.UNAVAILABLE,
        "redirect",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_not_retried_and_says_what_to_do(
    case: str, gateway: Gateway, web: responses.RequestsMock
) -> None:
    route, status, answer, exit_code, words = REFUSALS[case]
    asked = web.add(route.method, ROOT + route.template, status=status, **answer)

    with pytest.raises(SyncError, match=re.escape(words)) as refusal:
        gateway.request_json(route)

    assert refusal.value.exit == exit_code
    assert asked.call_count == 1
    assert "\n" not in str(refusal.value)


def test_a_404_that_names_the_page_is_told_from_one_of_a_revoked_credential(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    title = "Cannot find a page with id [999999999999]"
    web.get(ROOT + PAGE.path("1"), status=404, json={"errors": [{"status": 404, "title": title}]})
    web.get(ROOT + PAGE.path("2"), status=404, json=V2_BARE_404)

    with pytest.raises(AccessRefused) as gone:
        gateway.request_json(PAGE, node_id="1")
    with pytest.raises(AccessRefused) as revoked:
        gateway.request_json(PAGE, node_id="2")

    assert gone.value.genuine
    assert not revoked.value.genuine


def test_an_address_that_is_too_long_is_told_from_other_refusals(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ROOT + SEARCH.template, status=413, body=HTML, content_type="text/html")

    with pytest.raises(QuestionRefused) as refusal:
        gateway.request_json(SEARCH)

    assert refusal.value.too_large


NETWORK = {
    "name": (
        requests.ConnectionError(socket.gaierror("unknown")),
        Unanswered,
        "cannot be resolved",
        6,
    ),
    "refused": (
        requests.ConnectionError(ConnectionRefusedError()),
        Unanswered,
        "refuses connections",
        6,
    ),
    "reset": (requests.ConnectionError(ConnectionResetError()), Unanswered, "broke", 6),
    "proxy": (
        requests.exceptions.ProxyError("Tunnel connection failed: 407"),
        Unanswered,
        "HTTPS_PROXY",
        6,
    ),
    "connect": (requests.ConnectTimeout("timed out"), Unanswered, "egress", 6),
    "slow": (requests.ReadTimeout("Read timed out."), Unanswered, "REQUEST_TIMEOUT", 6),
    "cut": (requests.exceptions.ChunkedEncodingError("IncompleteRead"), Unanswered, "cut off", 6),
    "tls": (
        requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED self-signed"),
        SourceUnavailable,
        "CA_BUNDLE",
        1,
    ),
    "handshake": (requests.exceptions.SSLError("EOF occurred"), Unanswered, "TLS", 6),
    "socket": (OSError("[Errno 113] No route to host"), Unanswered, "broke", 6),
    "address": (requests.exceptions.InvalidURL("no host"), WrongSettings, "CONF_GATEWAY_URL", 1),
}


@pytest.mark.parametrize("case", NETWORK)
def test_a_broken_network_is_named_and_retried_where_that_can_help(
    case: str, gateway: Gateway, web: responses.RequestsMock
) -> None:
    fault, kind, words, attempts = NETWORK[case]
    asked = web.get(ROOT + SPACES.template, body=fault)

    with pytest.raises(kind, match=words):
        gateway.request_json(SPACES)

    assert asked.call_count == attempts
    assert gateway.stats.snapshot().requests == {(SPACES.name, 0): attempts}


@pytest.mark.parametrize(
    "route",
    [SPACES, SEARCH],
    ids=["a v2 route names its granular scope", "a v1 route names both kinds"],
)
def test_the_scope_that_is_missing_is_the_one_of_the_route(
    route: Route, gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ROOT + route.template, status=401, json=NO_SCOPE)

    with pytest.raises(AccessRefused) as refusal:
        gateway.request_json(route)

    assert refusal.value.scope == route.scope
    assert route.granular in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.test",
        "ftp://gateway.test",
        "gateway.test",
        "https://",
        "https://u:p@gateway.test",
        "",
    ],
)
def test_an_address_that_would_show_a_credential_or_is_none_is_refused(url: str) -> None:
    with pytest.raises(WrongSettings, match="CONF_GATEWAY_URL"):
        Gateway(url, "cloud-1", "user", "token")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["errors", "message", "title", "detail", "code", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_error_body_gives_one_short_printable_line(body: object) -> None:
    line = quote_foreign(error_text(body))

    assert len(line) <= 200
    assert all(char.isprintable() for char in line)
