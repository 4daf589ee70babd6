"""The credential goes to the gateway alone, and into no text."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from confluence_fakes import ROOT, TOKEN, URL, USER

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.confluence.routes import SPACES
from confluence_mirror.errors import SyncError
from confluence_mirror.net.session import Credential

ADDRESS = ROOT + SPACES.template
BASIC = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
SECRETS = (USER, TOKEN, BASIC)


def test_the_credential_is_sent_as_basic_authentication(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, json={"results": []})

    gateway.request_json(SPACES)

    headers = web.calls[0].request.headers
    assert headers["Authorization"] == f"Basic {BASIC}"
    assert headers["Accept"] == "application/json"
    assert "gzip" in headers["Accept-Encoding"]


@pytest.mark.parametrize(
    "url", ["https://evil.test/", "http://gateway.test/", "https://gateway.test.evil.test/"]
)
def test_no_other_origin_gets_the_credential(url: str) -> None:
    request = requests.Request("GET", url, auth=Credential.basic(URL, USER, TOKEN)).prepare()

    assert "Authorization" not in request.headers


def test_a_netrc_file_adds_no_credential(
    gateway: Gateway, web: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine gateway.test login other password netrc-password\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web.get(ADDRESS, json={"results": []})

    gateway.request_json(SPACES)

    assert web.calls[0].request.headers["Authorization"] == f"Basic {BASIC}"


def test_the_proxy_comes_from_the_environment_and_the_authorities_from_the_settings_alone(
    make_gateway: Callable[..., Gateway],
    web: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/authorities.pem")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/etc/authorities.pem")
    web.get(ADDRESS, json={"results": []})

    make_gateway().request_json(SPACES)
    make_gateway(ca_bundle="/etc/ours.pem").request_json(SPACES)

    sent = [call.request.req_kwargs for call in web.calls]  # type: ignore[attr-defined]
    assert [one["proxies"]["https"] for one in sent] == ["http://proxy.test:3128"] * 2
    assert [one["verify"] for one in sent] == [True, "/etc/ours.pem"]


def test_a_gateway_on_this_machine_needs_no_proxy(
    make_gateway: Callable[..., Gateway],
    web: responses.RequestsMock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    web.get(f"http://127.0.0.1:7/ex/confluence/cloud-1{SPACES.template}", json={"results": []})

    make_gateway("http://127.0.0.1:7").request_json(SPACES)

    assert not web.calls[0].request.req_kwargs["proxies"]  # type: ignore[attr-defined]


def test_cookies_are_neither_kept_nor_sent(gateway: Gateway, web: responses.RequestsMock) -> None:
    web.get(ADDRESS, json={"results": []}, headers={"Set-Cookie": "session=1; Path=/"})

    gateway.request_json(SPACES)
    gateway.request_json(SPACES)

    assert "Cookie" not in web.calls[1].request.headers


def test_a_user_or_token_beyond_latin_1_is_sent_in_utf_8(
    make_gateway: Callable[..., Gateway], web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, json={"results": []})

    make_gateway(user="jürgen@exämple.com", token="tökén-日本").request_json(SPACES)

    sent = web.calls[0].request.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "jürgen@exämple.com:tökén-日本"


ECHO = f"you sent Authorization: Basic {BASIC} for {USER} with {TOKEN}"
ANSWERS: dict[str, dict[str, Any]] = {
    "400": {"status": 400, "json": {"message": ECHO}},
    "401": {"status": 401, "json": {"code": 401, "message": ECHO}},
    "403": {"status": 403, "json": {"message": ECHO}},
    "404": {"status": 404, "json": {"errors": [{"title": ECHO}]}},
    "410": {"status": 410, "json": {"message": ECHO}},
    "429": {"status": 429, "json": {"message": ECHO}},
    "500": {"status": 500, "json": {"message": ECHO}},
    "html": {"status": 200, "body": ECHO, "content_type": "text/html"},
    "cut": {"status": 200, "body": '{"x": "' + ECHO, "content_type": "application/json"},
    "redirect": {"status": 302, "headers": {"Location": f"https://{USER}:{TOKEN}@evil.test/"}},
    "headers": {
        "status": 403,
        "json": {},
        "headers": {"X-Failure-Category": BASIC, "WWW-Authenticate": ECHO},
    },
    "broken": {"body": requests.ConnectionError(ECHO)},
    "tls": {"body": requests.exceptions.SSLError(ECHO)},
    "invalid": {"body": requests.exceptions.InvalidURL(ECHO)},
    "good": {"status": 200, "json": {"results": [], "note": ECHO}},
}


@pytest.mark.parametrize("case", ANSWERS)
def test_no_log_line_and_no_exception_holds_the_credential(
    case: str, gateway: Gateway, web: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    web.get(ADDRESS, **ANSWERS[case])
    texts = [repr(gateway), repr(ConfluenceSource(gateway))]

    try:
        gateway.request_json(SPACES)
    except SyncError as error:
        chain: BaseException | None = error
        while chain is not None:
            texts += [
                str(chain),
                repr(chain),
                repr(vars(chain)),
                "".join(traceback.format_exception(chain)),
            ]
            chain = chain.__cause__ or chain.__context__

    texts += [record.getMessage() for record in caplog.records]
    assert not [text for text in texts for secret in SECRETS if secret in text]


def test_foreign_text_is_cut_to_one_short_line(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, status=400, json={"message": "no\n\x1b[31m" + "x" * 5000})

    with pytest.raises(SyncError) as refusal:
        gateway.request_json(SPACES)

    assert len(str(refusal.value)) < 400
    assert str(refusal.value).isprintable()


def test_every_request_of_a_run_goes_below_the_sites_address_on_the_gateway(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    links = {
        "base": "https://evil.test/wiki",
        "self": "https://evil.test/x",
        "next": "https://evil.test/?cursor=c",
    }
    space = {
        "id": "1",
        "key": "K",
        "name": "N",
        "type": "global",
        "status": "current",
        "_links": links,
    }
    web.get(ADDRESS, json={"results": [space], "_links": links})
    web.get(ADDRESS, json={"results": [], "_links": {"base": "https://evil.test/wiki"}})

    ConfluenceSource(gateway).list_spaces()

    assert all(
        str(call.request.url).startswith(f"{URL}/ex/confluence/cloud-1/wiki/") for call in web.calls
    )
