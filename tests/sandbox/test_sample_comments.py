"""Comments: threads, marked text, resolutions, and how search and v2 give them."""

from __future__ import annotations

import pytest
from sample_client import V2, Client

from confluence_sandbox import Content, SampleGateway, Site

EVERYTHING = (
    "body.storage,version,history,container,ancestors,extensions.inlineProperties,"
    "extensions.resolution"
)


@pytest.fixture
def page(site: Site) -> Content:
    return site.add("OPS", "Disks", "<p>We order disks at 70&nbsp;%.</p>")


def test_lists_on_a_page_give_the_beginnings_of_threads_and_children_one_level(
    site: Site, client: Client, page: Content
) -> None:
    root = site.add_comment(page, "<p>Why?</p>")
    answer = site.add_reply(root, "<p>Because.</p>")
    deeper = site.add_reply(answer, "<p>I see.</p>")
    marked = site.add_comment(page, "<p>Of all?</p>", marked="70&nbsp;%")
    assert client.listed(f"/pages/{page.id}/footer-comments") == [root.id]
    assert client.listed(f"/pages/{page.id}/inline-comments") == [marked.id]
    assert client.listed(f"/footer-comments/{root.id}/children") == [answer.id]
    assert client.listed(f"/footer-comments/{answer.id}/children") == [deeper.id]
    assert client.listed("/footer-comments", limit=1) == [root.id, answer.id, deeper.id]
    single = client.get(f"{V2}/footer-comments/{deeper.id}", body_format="storage").json
    assert (single["parentCommentId"], single["pageId"]) == (answer.id, page.id)
    assert single["body"]["storage"]["value"] == "<p>I see.</p>"


def test_a_search_row_names_page_thread_marked_text_and_resolution(
    site: Site, client: Client, page: Content
) -> None:
    root = site.add_comment(page, "<p>Of all?</p>", marked="70&nbsp;%")
    site.add_reply(root, "<p>Of one cluster.</p>")
    site.resolve_comment(root)
    first, second = client.search(
        f"type = comment and container = {page.id}", expand=EVERYTHING
    ).results
    assert (first["container"]["id"], first["container"]["type"]) == (page.id, "page")
    assert [above["id"] for above in second["ancestors"]] == [root.id]
    assert first["extensions"]["location"] == "inline"
    assert first["extensions"]["inlineProperties"]["originalSelection"] == "70\xa0%"
    assert first["extensions"]["resolution"]["status"] == "resolved"
    assert f'ac:ref="{root.marker}">70&nbsp;%</ac:inline' in page.body
    bare = client.search("type = comment").results[0]
    assert bare["extensions"] == {
        "location": "inline",
        "_expandable": {"inlineProperties": "", "resolution": ""},
    }


def test_fifty_comments_come_at_once_with_their_bodies(
    site: Site, client: Client, page: Content
) -> None:
    said = [site.add_comment(page, f"<p>{at}</p>").id for at in range(60)]
    pages = client.walk(
        "/wiki/rest/api/content/search",
        context="/wiki",
        cql="type = comment and space = ops",
        limit=200,
        expand="body.storage",
    )
    assert [len(each.results) for each in pages] == [50, 10]
    assert [row for each in pages for row in each.ids] == said
    row = client.search(f"id = {page.id}", expand="children.comment").results[0]
    nested = row["children"]["comment"]
    assert len(nested["results"]) == 25
    assert nested["_links"]["next"].startswith(f"/rest/api/content/{page.id}/child/comment?")


def test_nothing_that_is_said_makes_a_version_of_the_page(site: Site, page: Content) -> None:
    site.clock.advance(hours=1)
    root = site.add_comment(page, "<p>a</p>", marked="disks")
    site.edit_comment(root, "<p>b</p>")
    site.resolve_comment(root, versioned=True)
    site.reopen_comment(site.add_reply(root, "<p>c</p>").reply_to or "")
    assert (root.version.number, root.resolution) == (3, "reopened")
    site.remove_comment(root)
    assert page.version.number == 1
    assert site.comments == {}
    assert "ac:inline-comment-marker" in page.body


def test_an_edit_that_takes_the_marked_text_away_leaves_the_comment_dangling(
    site: Site, client: Client, page: Content
) -> None:
    settled = site.add_comment(page, "<p>a</p>", marked="order")
    site.resolve_comment(settled)
    open_one = site.add_comment(page, "<p>b</p>", marked="disks")
    site.edit(page, "<p>We rent them.</p>")
    listed = f"/pages/{page.id}/inline-comments"
    assert client.listed(listed, resolution_status="dangling") == [open_one.id]
    assert client.listed(listed, resolution_status=["resolved", "open"]) == [settled.id]
    assert client.get(V2 + listed, resolution_status="gone").status == 400


def test_replies_go_with_their_comment_or_move_up(
    site: Site, client: Client, page: Content
) -> None:
    root = site.add_comment(page, "<p>a</p>")
    kept = site.add_reply(root, "<p>b</p>")
    site.remove_comment(root, keep_replies=True)
    assert client.listed(f"/pages/{page.id}/footer-comments") == [kept.id]
    site.add_reply(kept, "<p>c</p>")
    site.remove_comment(kept)
    assert client.found("type = comment") == []


@pytest.mark.parametrize("verb", ["trash", "purge", "restrict", "delete", "draft"])
def test_comments_go_out_of_sight_with_their_page(
    site: Site, client: Client, page: Content, verb: str
) -> None:
    root = site.add_comment(page, "<p>a</p>")
    assert client.found("type = comment") == [root.id]
    getattr(site, verb)(page)
    assert client.found("type = comment") == []
    assert client.get(f"{V2}/pages/{page.id}/footer-comments").status == 404
    assert client.get(f"{V2}/footer-comments/{root.id}").status == 404
    assert client.listed("/footer-comments") == []


def test_they_come_back_and_move_with_it(site: Site, client: Client, page: Content) -> None:
    root = site.add_comment(page, "<p>a</p>")
    site.trash(page)
    site.restore(page)
    site.add_space("HR", "People")
    site.move_space(page, "HR")
    assert client.found("type = comment and space = HR") == [root.id]


def test_search_learns_of_comments_late(gateway: SampleGateway, client: Client) -> None:
    page = gateway.site.add("OPS", "Page")
    gateway.run("index", lag_seconds=60)
    root = gateway.run("add_comment", id=page.id, body="<p>a</p>")
    assert client.found("type = comment") == []
    assert client.listed(f"/pages/{page.id}/footer-comments") == [root["id"]]
    gateway.run("clock", advance_seconds=60)
    assert client.found('type = comment and lastmodified >= now("-2h")') == [root["id"]]
    gateway.run("remove_comment", id=root["id"])
    assert client.found("type = comment") == [root["id"]]
    gateway.run("index", rebuild=True)
    assert client.found("type = comment") == []


def test_a_stale_row_of_a_removed_comment_shows_nothing_of_a_page_that_is_closed(
    gateway: SampleGateway, client: Client
) -> None:
    page = gateway.site.add("OPS", "Page")
    root = gateway.site.add_comment(page, "<p>a</p>")
    gateway.run("index", lag_seconds=60)
    gateway.site.remove_comment(root)
    assert client.found("type = comment") == [root.id]
    gateway.site.restrict(page)
    assert client.found("type = comment") == []
