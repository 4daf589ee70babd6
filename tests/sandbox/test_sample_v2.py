"""The v2 routes: by cursor, strongly consistent, and careful about what they do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sample_client import V2, Client

from confluence_sandbox import SampleGateway, Site


def test_a_listing_is_walked_to_its_end_with_each_page_once(site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(27)]
    space_id = site.space("OPS").id
    assert client.listed(f"/spaces/{space_id}/pages", limit=10) == [page.id for page in pages]


def test_links_are_relative_to_the_site_and_name_the_site(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    for number in range(2):
        site.add("OPS", f"Page {number}")
    reply = client.get(f"{V2}/pages", limit=1, status="current")
    assert reply.next is not None
    assert reply.next.startswith("/wiki/api/v2/pages?limit=1&status=current&cursor=")
    assert (
        reply.json["_links"]["base"]
        == gateway.site_url
        == "https://lighthouse-sample.atlassian.net/wiki"
    )
    assert reply.headers["Link"] == f'<{reply.next}>; rel="next", <{gateway.site_url}>; rel="base"'


def test_the_last_page_of_a_listing_has_no_next_link(site: Site, client: Client) -> None:
    for number in range(4):
        site.add("OPS", f"Page {number}")
    last = client.walk(f"{V2}/pages", limit=2)[-1]
    assert len(last.results) == 2
    assert last.next is None


def test_pages_that_come_and_go_do_not_shift_a_walk(site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(6)]
    first = client.get(f"{V2}/pages", limit=3)
    site.purge(pages[0])
    site.add("OPS", "New")
    assert first.next is not None
    assert client.get(first.next).ids[:3] == [page.id for page in pages[3:]]


@pytest.mark.parametrize(("asked", "given"), [(250, 250), (251, 250), (9999, 250)])
def test_the_limit_is_clamped(asked: int, given: int, site: Site, client: Client) -> None:
    for number in range(260):
        site.add("OPS", f"Page {number}")
    assert len(client.get(f"{V2}/pages", limit=asked).results) == given


def test_archived_pages_are_listed_unless_the_status_says_otherwise(
    site: Site, client: Client
) -> None:
    current, archived, trashed = (site.add("OPS", title) for title in ("a", "b", "c"))
    site.archive(archived)
    site.trash(trashed)
    assert client.listed("/pages") == [current.id, archived.id]
    assert client.listed("/pages", status="current") == [current.id]
    assert client.listed("/pages", status=["current", "trashed"]) == [current.id, trashed.id]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/pages", {"status": "draft"}),
        ("/blogposts", {"status": "archived"}),
        ("/pages", {"body_format": "view"}),
        ("/pages", {"sort": "colour"}),
        ("/pages", {"limit": "0"}),
        ("/pages", {"id": "abc"}),
        ("/pages", {"cursor": "nonsense"}),
        ("/pages", {"id": ",".join(str(number) for number in range(251))}),
        ("/spaces", {"sort": "colour"}),
    ],
)
def test_what_the_description_does_not_allow_is_refused(
    path: str, query: dict[str, Any], client: Client
) -> None:
    reply = client.get(V2 + path, **query)
    assert reply.status == 400
    assert reply.json["errors"][0]["status"] == 400


def test_pages_are_read_by_id_in_one_request_with_their_bodies(site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number}", f"<p>{number}</p>") for number in range(5)]
    reply = client.get(
        f"{V2}/pages", id=[pages[3].id, pages[1].id, "999"], body_format="storage", limit=250
    )
    assert {row["id"]: row["body"]["storage"]["value"] for row in reply.results} == {
        pages[1].id: "<p>1</p>",
        pages[3].id: "<p>3</p>",
    }


def test_ids_may_be_parted_by_commas(site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(3)]
    assert client.listed("/pages", id=f"{pages[0].id},{pages[2].id}") == [pages[0].id, pages[2].id]


def test_no_body_comes_without_a_format(site: Site, client: Client) -> None:
    site.add("OPS", "Page", "<p>text</p>")
    assert client.get(f"{V2}/pages").results[0]["body"] == {}


def test_the_document_format_is_json_in_a_string(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page", "<p>Hello &amp; goodbye</p>")
    body = client.get(f"{V2}/pages/{page.id}", body_format="atlas_doc_format").json["body"][
        "atlas_doc_format"
    ]
    assert json.loads(body["value"])["content"][0]["content"][0]["text"] == "Hello & goodbye"


def test_a_single_page_comes_with_labels_when_asked(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page", labels=["one", "my:two"])
    labels = client.get(f"{V2}/pages/{page.id}", include_labels="true").json["labels"]["results"]
    assert [(label["prefix"], label["name"]) for label in labels] == [
        ("global", "one"),
        ("my", "two"),
    ]


def test_a_trashed_page_answers_without_a_parent_and_a_purged_one_not_at_all(
    site: Site, client: Client
) -> None:
    page = site.add("OPS", "Page", parent=site.add("OPS", "Top"))
    site.trash(page)
    row = client.get(f"{V2}/pages/{page.id}").json
    assert (row["status"], row["parentId"], row["position"]) == ("trashed", None, None)
    site.purge(page)
    reply = client.get(f"{V2}/pages/{page.id}")
    assert (reply.status, reply.json["errors"][0]["title"]) == (
        404,
        f"Cannot find a page with id [{page.id}]",
    )


def test_a_draft_answers_only_to_those_who_ask_for_drafts(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page", status="draft")
    assert client.get(f"{V2}/pages/{page.id}").status == 404
    assert client.get(f"{V2}/pages/{page.id}", status="draft").status == 200
    assert client.listed("/pages") == []


def test_a_restricted_page_is_nowhere(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page", labels=["secret"])
    site.restrict(page)
    label_id = site.label_id("global", "secret")
    assert client.get(f"{V2}/pages/{page.id}").status == 404
    assert client.listed("/pages", id=page.id) == []
    assert client.listed(f"/labels/{label_id}/pages") == []
    assert client.post(f"{V2}/content/convert-ids-to-types", {"contentIds": [page.id]}).results == {
        page.id: None
    }


def test_a_folder_is_found_on_its_own_route_only(site: Site, client: Client) -> None:
    folder = site.add("OPS", "Folder", type="folder")
    page = site.add("OPS", "Page", parent=folder)
    row = client.get(f"{V2}/pages/{page.id}").json
    assert (row["parentId"], row["parentType"]) == (folder.id, "folder")
    assert client.get(f"{V2}/pages/{folder.id}").status == 404
    assert client.get(f"{V2}/folders/{folder.id}").json["title"] == "Folder"
    assert client.listed(f"/folders/{folder.id}/direct-children") == [page.id]


def test_descendants_stop_at_two_levels_unless_asked_and_at_ten_in_any_case(
    site: Site, client: Client
) -> None:
    top = page = site.add("OPS", "0")
    for level in range(1, 13):
        page = site.add("OPS", str(level), parent=page)
    assert len(client.listed(f"/pages/{top.id}/descendants")) == 2
    assert len(client.listed(f"/pages/{top.id}/descendants", depth=99)) == 10
    ancestors = client.get(f"{V2}/pages/{page.id}/ancestors").results
    assert ancestors[0]["id"] == top.id
    assert [
        each["id"] for each in client.get(f"{V2}/pages/{page.id}/ancestors", limit=2).results
    ] == [each["id"] for each in ancestors[-2:]]


def test_labels_of_a_space_are_those_of_its_current_content(site: Site, client: Client) -> None:
    site.add("OPS", "Page", labels=["a", "b"])
    site.add("OPS", "Post", labels=["b", "c"], type="blogpost")
    site.archive(site.add("OPS", "Old", labels=["d"]))
    reply = client.get(f"{V2}/spaces/{site.space('OPS').id}/content/labels")
    assert [label["name"] for label in reply.results] == ["a", "b", "c"]


def test_labelled_pages_and_posts_are_listed_apart(site: Site, client: Client) -> None:
    site.add_space("DEV", "Development")
    page = site.add("OPS", "Page", labels=["a"])
    post = site.add("OPS", "Post", labels=["a"], type="blogpost")
    other = site.add("DEV", "Page", labels=["a"])
    label_id = site.label_id("global", "a")
    assert client.listed(f"/labels/{label_id}/pages") == [page.id, other.id]
    assert client.listed(f"/labels/{label_id}/pages", space_id=site.space("OPS").id) == [page.id]
    assert client.listed(f"/labels/{label_id}/blogposts") == [post.id]


def test_spaces_are_found_by_key_whatever_its_case_and_hidden_ones_not(
    site: Site, client: Client
) -> None:
    site.add_space("~712020abc", "Somebody", type="personal")
    assert [space["key"] for space in client.get(f"{V2}/spaces").results] == ["OPS", "~712020abc"]
    assert [space["key"] for space in client.get(f"{V2}/spaces", keys="ops,nope").results] == [
        "OPS"
    ]
    site.hide_space("OPS")
    assert client.get(f"{V2}/spaces", keys="OPS").results == []
    assert client.get(f"{V2}/spaces/{site.space('OPS').id}/pages").status == 404


def test_users_come_in_bulk_with_what_they_do_not_show_left_empty(
    site: Site, client: Client
) -> None:
    seen = site.add_person("Ada", email="ada@example.org")
    hidden = site.add_person(None, status="closed")
    reply = client.post(
        f"{V2}/users-bulk", {"accountIds": [seen.account_id, hidden.account_id, "nobody"]}
    )
    assert [(user["displayName"], user["email"]) for user in reply.results] == [
        ("Ada", "ada@example.org"),
        (None, ""),
    ]


@pytest.mark.parametrize(
    "sort",
    ["id", "-id", "created-date", "-created-date", "modified-date", "-modified-date", "-title"],
)
def test_every_sort_gives_every_page_once(sort: str, site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number % 3}") for number in range(11)]
    for page in pages[::2]:
        site.clock.advance(hours=1)
        site.edit(page)
    assert sorted(client.listed("/pages", sort=sort, limit=3)) == sorted(page.id for page in pages)


def test_the_newest_edit_comes_first_when_asked_for(site: Site, client: Client) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(3)]
    site.clock.advance(hours=1)
    site.edit(pages[1])
    assert client.listed("/pages", sort="-modified-date")[0] == pages[1].id
