"""Walking to the real end of a listing, wherever its links point."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import responses
from confluence_fakes import ROOT, URL
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.paging import iter_rows, next_cursor
from confluence_mirror.confluence.refusals import GatewayAnswer, Unanswered
from confluence_mirror.confluence.routes import PAGES, SEARCH
from confluence_mirror.errors import IncompleteEvidence

ADDRESS = ROOT + PAGES.template


def page(*ids: str, following: Any = None, **more: Any) -> dict[str, Any]:
    links = {"base": "https://site.test/wiki"} | ({} if following is None else {"next": following})
    return {"results": [{"id": each} for each in ids], "_links": links} | more


def walk(gateway: Gateway, params: Params | None = None) -> list[str]:
    return [row["id"] for row in iter_rows(gateway, PAGES, params or {"limit": 2})]


def test_short_and_empty_pages_are_not_the_end(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, json=page("1", "2", following="/wiki/api/v2/pages?cursor=a"))
    web.get(ADDRESS, json=page("3", following="/wiki/api/v2/pages?cursor=b"))
    web.get(ADDRESS, json=page(following="/wiki/api/v2/pages?cursor=c"))
    web.get(ADDRESS, json=page("4", totalSize=1))

    assert walk(gateway) == ["1", "2", "3", "4"]


def test_a_long_listing_with_an_empty_page_after_each_is_walked_to_its_end(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    for number in range(12):
        web.get(ADDRESS, json=page(str(number), following=f"?cursor=full-{number}"))
        web.get(ADDRESS, json=page(following=f"?cursor=empty-{number}"))
    web.get(ADDRESS, json=page("12"))

    assert walk(gateway) == [str(number) for number in range(13)]


HOSTILE = [
    "https://evil.test/wiki/api/v2/pages?cursor=x",
    "//evil.test/?cursor=x",
    "https://user:secret@evil.test/?limit=1&cursor=x",
    "/wiki/wiki/api/v2/pages?cursor=x#frag",
    "/rest/api/search?next=true&cursor=x&start=25",
    "?cursor=x&cursor=y&limit=100000",
    "../../../admin?cursor=x",
    "\\\\evil.test\\?cursor=x",
]


@pytest.mark.parametrize("link", HOSTILE)
def test_of_a_next_link_only_the_cursor_is_taken(
    link: str, gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, json=page("1", following=link))
    web.get(ADDRESS, json=page("2"))

    assert walk(gateway, {"status": "current", "limit": 2}) == ["1", "2"]

    second = str(web.calls[1].request.url)
    assert second.startswith(f"{URL}/ex/confluence/cloud-1/wiki/api/v2/pages?")
    assert parse_qsl(urlsplit(second).query) == [
        ("status", "current"),
        ("limit", "2"),
        ("cursor", "x"),
    ]


def test_a_redirect_is_not_followed(gateway: Gateway, web: responses.RequestsMock) -> None:
    web.get(ADDRESS, status=307, headers={"Location": "https://evil.test/"})

    with pytest.raises(Exception, match="not followed"):
        walk(gateway)


def test_the_next_link_is_found_in_the_link_header_beside_the_base(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    link = '</wiki/api/v2/pages?cursor=h%3D>; rel="next", <https://site.test/wiki>; rel="base"'
    web.get(ADDRESS, json={"results": [{"id": "1"}]}, headers={"Link": link})
    web.get(
        ADDRESS,
        json={"results": [{"id": "2"}]},
        headers={"Link": '<https://site.test/wiki>; rel="base"'},
    )

    assert walk(gateway) == ["1", "2"]
    assert parse_qsl(urlsplit(str(web.calls[1].request.url)).query)[-1] == ("cursor", "h=")


def broken(*pages: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return pages


BROKEN = {
    "a repeated cursor": broken(*[page("1", following="?cursor=same")] * 2),
    "empty pages without end": broken(
        *[page(following=f"?cursor={number}") for number in range(5)]
    ),
    "a next link without a cursor": broken(page("1", following="/wiki/api/v2/pages?start=25")),
    "a next link that is no text": broken(page("1", following={"href": "x"})),
    "no results": broken({"_links": {}}),
    "results that are no list": broken({"results": {"1": {}}}),
    "rows that are no objects": broken({"results": ["1"]}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_listing_that_breaks_off_is_never_taken_for_complete(
    case: str, gateway: Gateway, web: responses.RequestsMock
) -> None:
    for body in BROKEN[case]:
        web.get(ADDRESS, json=body)

    with pytest.raises(IncompleteEvidence):
        walk(gateway)


def test_a_cursor_that_is_refused_midway_is_a_listing_that_broke_off(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, json=page("1", following="?cursor=a"))
    web.get(ADDRESS, status=400, json={"errors": [{"title": "invalid cursor"}]})

    with pytest.raises(IncompleteEvidence, match="broke off"):
        walk(gateway)


def test_pages_that_are_too_heavy_are_asked_for_with_half_the_limit(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        asked = dict(parse_qsl(urlsplit(request.url).query))
        return (
            (504, {}, "") if int(asked["limit"]) > 63 else (200, {}, '{"results": [{"id": "1"}]}')
        )

    web.add_callback("GET", ADDRESS, answer, content_type="application/json")

    assert walk(gateway, {"limit": 250}) == ["1"]


def test_a_page_that_stays_too_heavy_ends_the_listing_with_an_error(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, status=504, body="")

    with pytest.raises(Unanswered):
        walk(gateway, {"limit": 100})

    limits = {dict(parse_qsl(urlsplit(str(call.request.url)).query))["limit"] for call in web.calls}
    assert limits == {"100", "50", "25"}


cursors = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


@given(cursors, st.sampled_from(["encoded", "quoted with a bare plus"]))
def test_a_cursor_is_decoded_once_and_encoded_once(cursor: str, style: str) -> None:
    written = quote(cursor, safe="" if style == "encoded" else "+=/")
    found = next_cursor(
        GatewayAnswer(
            {"_links": {"next": f"/rest/api/search?next=true&cursor={written}&start=5"}}, ""
        )
    )

    assert found == cursor
    assert parse_qsl(urlencode({"cursor": found}), keep_blank_values=True) == [("cursor", cursor)]


@given(cursors)
def test_the_server_gets_back_the_cursor_that_it_gave(cursor: str) -> None:
    with responses.RequestsMock() as web:
        gateway = Gateway(URL, "cloud-1", "user", "token")
        web.get(
            ROOT + SEARCH.template, json=page("1", following=f"?cursor={quote(cursor, safe='')}")
        )
        web.get(ROOT + SEARCH.template, json=page("2"))

        list(iter_rows(gateway, SEARCH, {"cql": 'title = "a+b & c"', "limit": 1}))

        sent = dict(
            parse_qsl(urlsplit(str(web.calls[1].request.url)).query, keep_blank_values=True)
        )
        assert sent == {"cql": 'title = "a+b & c"', "limit": "1", "cursor": cursor}
