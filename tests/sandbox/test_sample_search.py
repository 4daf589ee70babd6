"""Search by CQL: what is found, how it is paged, and how the index differs from the truth."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_client import SEARCH, V2, Client

from confluence_sandbox import SampleGateway, Site

SPACE = 'space = "OPS"'


@pytest.fixture
def tree(site: Site) -> dict[str, str]:
    """Ids by title: a page, a folder below it, a page in that, a labelled post, and a page in
    another space."""
    site.add_space("~712020abc", "Somebody", type="personal")
    top = site.add("OPS", "Top", labels=["guide"])
    folder = site.add("OPS", "Folder", type="folder", parent=top)
    leaf = site.add("OPS", "Leaf", "<p>needle</p>", parent=folder)
    post = site.add("OPS", "Post", type="blogpost", labels=["guide", "news"])
    own = site.add("~712020abc", "Own")
    return {each.title: each.id for each in (top, folder, leaf, post, own)}


@pytest.mark.parametrize(
    ("cql", "titles"),
    [
        ('space = "ops"', "Top Folder Leaf Post"),
        ("space in (OPS, NOPE)", "Top Folder Leaf Post"),
        ('space = "NOPE"', ""),
        ('space = "~712020abc"', "Own"),
        ('space in ("~712020abc", "OPS") and type = page', "Top Leaf Own"),
        (f"{SPACE} AND type IN (page, blogpost)", "Top Leaf Post"),
        (f"{SPACE} and type = folder", "Folder"),
        (f'{SPACE} and label = "guide"', "Top Post"),
        (f"{SPACE} and label in (news, other)", "Post"),
        (f"{SPACE} and label not in (guide) and type != folder", "Leaf"),
        ("title = TOP or title = 'Post'", "Top Post"),
        ("title ~ lea", "Leaf"),
        ("text ~ needle", "Leaf"),
        ("siteSearch ~ nothing", ""),
        (f"{SPACE} and (type = folder or (label = news))", "Folder Post"),
        (f"not {SPACE}", "Own"),
        ("order by title desc", "Top Post Own Leaf Folder"),
        ('lastmodified >= now("-1h") and type = page order by title', "Leaf Own Top"),
        ('lastmodified < now("-1h")', ""),
        ('lastmodified >= now("24h")', ""),
        ('created >= now("-4w") and space.type = personal', "Own"),
    ],
)
def test_a_query_finds(cql: str, titles: str, tree: dict[str, str], client: Client) -> None:
    assert client.found(cql) == [tree[title] for title in titles.split()]


def test_descendants_are_found_through_folders_and_the_ancestor_is_not(
    tree: dict[str, str], client: Client
) -> None:
    assert client.found(f"ancestor = {tree['Top']}") == [tree["Folder"], tree["Leaf"]]
    assert client.found(f"id in ({tree['Top']}, {tree['Own']})") == [tree["Top"], tree["Own"]]
    assert client.found(f"parent = {tree['Top']}") == [tree["Folder"]]


def test_the_index_may_be_blind_beyond_folders(
    tree: dict[str, str], gateway: SampleGateway, client: Client
) -> None:
    gateway.switches.ancestor_through_folders = False
    assert client.found(f"ancestor = {tree['Top']}") == [tree["Folder"]]


@pytest.mark.parametrize(
    "cql",
    [
        "",
        "type =",
        "type = page and",
        "status = current",
        "type = pages",
        "space = OPS order",
        "space = OPS order by colour",
        "(type = page",
        'title = ""',
        "space = ~712020abc",
        'space = "OPS',
        "space > OPS",
        "label ~ guide",
        'lastmodified >= now("yesterday")',
        'lastmodified >= "10.03.2026"',
        'lastmodified >= "2026-03-10T12:00:00Z"',
        'lastmodified in ("2026-03-10")',
        "type = page type = page",
        "nonsense",
    ],
)
def test_nonsense_is_refused(cql: str, client: Client) -> None:
    reply = client.search(cql)
    assert (reply.status, reply.json["statusCode"]) == (400, 400)


def test_a_search_without_a_query_is_refused(client: Client) -> None:
    assert client.get(SEARCH, CQL="type = page").status == 400


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from('spacetyinlbdmof =<>~!()",-\\1h'), max_size=40))
def test_no_query_breaks_the_gateway(text: str, client: Client) -> None:
    assert client.search(text).status in (200, 400)


def test_quotes_and_backslashes_are_escaped_by_a_backslash(site: Site, client: Client) -> None:
    page = site.add("OPS", 'Say "yes" \\ no')
    assert client.found(r'title = "Say \"yes\" \\ no"') == [page.id]


def test_the_index_knows_minutes_only(site: Site, client: Client) -> None:
    site.clock.advance(seconds=30)
    page = site.add("OPS", "Page")
    assert client.found('lastmodified > "2026-03-10 12:00"') == []
    assert client.found('lastmodified >= "2026/03/10 12:00"') == [page.id]
    assert client.found('lastmodified >= "2026-03-10"') == [page.id]
    assert client.found('lastmodified >= "2026/03/11"') == []


def test_literals_are_read_in_the_time_zone_of_the_site(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    page = site.add("OPS", "Page")
    gateway.switches.cql_time_zone = "Asia/Tokyo"
    assert client.found('lastmodified >= "2026-03-10 21:00"') == [page.id]
    assert client.found('lastmodified >= "2026-03-10 21:01"') == []


def test_m_means_minutes_and_capital_m_months(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page")
    site.age(page, hours=2)
    assert client.found('lastmodified >= now("-30m")') == []
    assert client.found('lastmodified >= now("-1M")') == [page.id]


@pytest.mark.parametrize(
    ("expand", "cap"),
    [
        ("", 1000),
        ("metadata.labels", 200),
        ("space,version", 200),
        ("body.storage", 50),
        ("body.export_view,version", 25),
    ],
)
def test_the_limit_is_clamped_by_what_is_expanded_and_echoed(
    expand: str, cap: int, site: Site, client: Client
) -> None:
    for number in range(1001 if cap == 1000 else 201):
        site.add("OPS", f"Page {number}")
    reply = client.search(SPACE, limit=5000, **({"expand": expand} if expand else {}))
    assert (len(reply.results), reply.json["limit"]) == (cap, cap)


def test_next_links_are_relative_to_the_context_and_do_not_carry_expand(
    site: Site, client: Client
) -> None:
    for number in range(5):
        site.add("OPS", f"Page {number}")
    reply = client.search(SPACE, limit=2, expand="version")
    assert reply.next is not None
    assert reply.next.startswith("/rest/api/content/search?next=true&cursor=_t_")
    assert "expand" not in reply.next
    assert "version" not in client.get("/wiki" + reply.next).results[0]


def test_start_is_ignored(site: Site, client: Client) -> None:
    for number in range(5):
        site.add("OPS", f"Page {number}")
    assert client.search(SPACE, limit=2, start=2).ids == client.search(SPACE, limit=2).ids


def test_short_pages_have_a_next_link(site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(25)]
    walked = client.walk(SEARCH, context="/wiki", cql=SPACE, limit=10)
    assert [len(page.results) for page in walked] == [10, 8, 7]
    assert [each for page in walked for each in page.ids] == [page.id for page in pages]


@pytest.mark.parametrize(
    "switch",
    [
        {"empty_pages": True},
        {"swap_rows": True},
        {"duplicate_rows": True},
        {"cursor_growth": 100},
        {"short_pages": 0},
    ],
    ids=str,
)
def test_every_row_is_given_however_the_pages_look(
    switch: dict[str, Any], site: Site, gateway: SampleGateway, client: Client
) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(23)]
    gateway.switches.change(switch)
    found = client.found(f"{SPACE} order by lastmodified", limit=5)
    assert sorted(set(found)) == [page.id for page in pages]
    assert (len(found) > 23) == ("duplicate_rows" in switch)


def test_a_search_may_go_on_for_ever_with_empty_pages(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    site.add("OPS", "Page")
    gateway.switches.endless = True
    walked = client.walk(SEARCH, context="/wiki", cql=SPACE, most=5)
    assert [len(page.results) for page in walked] == [1, 0, 0, 0, 0]


def test_a_search_may_give_one_cursor_again_and_again(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    for number in range(9):
        site.add("OPS", f"Page {number}")
    gateway.switches.repeat_cursor = True
    walked = client.walk(SEARCH, context="/wiki", cql=SPACE, limit=4, most=4)
    assert walked[1].next == walked[2].next == walked[3].next is not None


@pytest.mark.parametrize(
    ("cursor", "status"), [("nonsense", 400), ("_t_%3D%3D_h_W10=", 500), ("_t_W10=_h_W10%3D", 400)]
)
def test_a_cursor_that_was_encoded_wrongly_is_refused(
    cursor: str, status: int, client: Client
) -> None:
    assert client.search(SPACE, cursor=cursor).status == status


def test_a_target_that_grew_too_long_is_refused(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    for number in range(20):
        site.add("OPS", f"Page {number}")
    gateway.switches.change({"cursor_growth": 600, "max_target": 2000})
    walked = client.walk(SEARCH, context="/wiki", cql=SPACE, limit=3, most=3)
    assert walked[2].next is not None
    assert client.get("/wiki" + walked[2].next).status == 413


def test_a_change_reaches_the_index_after_the_lag_and_v2_at_once(
    site: Site, client: Client
) -> None:
    site.index.lag = timedelta(seconds=60)
    page = site.add("OPS", "Page")
    assert client.found(SPACE) == []
    assert client.listed("/pages") == [page.id]
    site.clock.advance(seconds=61)
    assert client.found(SPACE) == [page.id]


def test_the_index_may_keep_calling_an_archived_page_current(site: Site, client: Client) -> None:
    stale, gone = site.add("OPS", "Stale"), site.add("OPS", "Gone")
    site.index.pin([stale.id])
    site.archive(stale)
    site.archive(gone)
    assert [(row["id"], row["status"]) for row in client.search(SPACE).results] == [
        (stale.id, "current")
    ]
    assert client.get(f"{V2}/pages/{stale.id}").json["status"] == "archived"


def test_the_index_may_miss_a_page_until_it_is_rebuilt(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page")
    site.index.miss([page.id])
    assert client.found(SPACE) == []
    site.index.rebuild()
    assert client.found(SPACE) == [page.id]


def test_restricted_pages_and_archived_spaces_are_not_found(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page")
    site.restrict(page)
    assert client.found(SPACE) == []
    site.unrestrict(page)
    site.archive_space("OPS")
    assert client.found(SPACE) == []


def test_a_walk_keeps_the_moment_at_which_it_began(site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(4)]
    first = client.search('lastmodified >= now("-1h")', limit=2)
    site.clock.advance(hours=5)
    assert first.next is not None
    assert client.get("/wiki" + first.next).ids == [pages[2].id, pages[3].id]


def test_labels_ancestors_space_and_version_come_with_the_rows(
    tree: dict[str, str], client: Client
) -> None:
    (row,) = client.search(
        f"id = {tree['Leaf']}", expand="ancestors,space,version,metadata.labels"
    ).results
    assert [above["title"] for above in row["ancestors"]] == ["Top", "Folder"]
    assert (row["space"]["key"], row["version"]["number"]) == ("OPS", 1)
    assert row["metadata"]["labels"]["results"] == []


def test_many_labels_have_a_next_link_of_their_own(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    site.add("OPS", "Page", labels=[f"l{number}" for number in range(5)])
    gateway.switches.nested_labels = 3
    labels = client.search(SPACE, expand="metadata.labels").results[0]["metadata"]["labels"]
    assert (labels["size"], labels["limit"]) == (3, 3)
    assert "next" in labels["_links"]


def test_the_other_search_wraps_its_rows_and_its_total_is_wrong(site: Site, client: Client) -> None:
    page = site.add("OPS", "Q & A")
    reply = client.get("/wiki/rest/api/search", cql=SPACE).json
    assert reply["totalSize"] != 1
    assert reply["results"][0]["title"] == "@@@hl@@@Q &amp; A@@@endhl@@@"
    assert (reply["results"][0]["content"]["id"], reply["results"][0]["content"]["title"]) == (
        page.id,
        "Q & A",
    )


def test_restrictions_of_trashed_ancestors_fail_the_whole_page(site: Site, client: Client) -> None:
    top = site.add("OPS", "Top")
    site.add("OPS", "Leaf", parent=top)
    site.draft(top)
    assert (
        client.search(SPACE, expand="ancestors.restrictions.read.restrictions.user").status == 404
    )
