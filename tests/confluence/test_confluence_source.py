"""The source against a gateway that behaves as Confluence Cloud does, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluence_fakes import FakeTime, MakeSource, space_of

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.errors import IncompleteEvidence, PermissionRefused, SourceUnavailable
from confluence_mirror.mirror.ports import Source
from confluence_mirror.model import Body, Node, PageRef
from confluence_sandbox import SampleGateway, Site, generated_site


def bodies(source: ConfluenceSource, refs: list[PageRef]) -> dict[str, Body]:
    return {
        page_id: body
        for page_id, body in source.read_bodies(refs, "storage")
        if isinstance(body, Body)
    }


def test_it_is_what_the_mirror_asks_for(source: ConfluenceSource) -> None:
    as_the_mirror_sees_it: Source = source

    assert as_the_mirror_sees_it.list_spaces()


def test_spaces_of_every_type_and_status_are_listed(source: ConfluenceSource, site: Site) -> None:
    site.add_space("OLD", "Old things", status="archived")
    site.add_space("TEAM", "A team", type="collaboration")
    site.add_space("NO", "Not for us")
    site.hide_space("NO")

    assert {(space.key, space.type, space.status) for space in source.list_spaces()} == {
        ("OPS", "global", "current"),
        ("~712020abc", "personal", "current"),
        ("OLD", "global", "archived"),
        ("TEAM", "collaboration", "current"),
    }


def test_a_listing_has_every_current_page_and_blog_post_once(make_source: MakeSource) -> None:
    site = generated_site(600, spaces=("GEN", "OTHER"))
    with SampleGateway(site) as sample:
        source = make_source(sample)
        space = space_of(source, "GEN")

        refs = list(source.list_pages(space))

    assert sorted(ref.id for ref in refs) == sorted(content.id for content in site.current("GEN"))
    assert {ref.type for ref in refs} == {"page", "blogpost"}
    assert {ref.status for ref in refs} == {"current"}
    assert sample.counts()["GET /wiki/api/v2/spaces/{}/pages"] == 2


def test_archived_rows_are_not_asked_for_and_not_believed(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    page = site.add("OPS", "Page")
    space = space_of(source, "OPS")

    def careless(answer: dict[str, Any]) -> dict[str, Any]:
        rows = answer["results"]
        return {
            **answer,
            "results": [*rows, *({**row, "id": "1", "status": "archived"} for row in rows)],
        }

    sample.clear()
    sample.fault("/spaces/.*/pages$", change=careless)

    assert [ref.id for ref in source.list_pages(space)] == [page.id]
    assert [entry.query["status"] for entry in sample.log] == [["current"], ["current"]]


def test_a_row_says_where_a_page_stands_and_what_version_it_has(
    source: ConfluenceSource, site: Site
) -> None:
    folder = site.add("OPS", "Runbooks", type="folder")
    page = site.add("OPS", "Restart", "<p>x</p>", parent=folder)
    site.edit(page, "<p>y</p>")
    space = space_of(source, "OPS")

    (ref,) = source.list_pages(space)

    assert (ref.id, ref.title, ref.space_id) == (page.id, "Restart", space.id)
    assert (ref.parent_id, ref.parent_type) == (folder.id, "folder")
    assert ref.version.number == 2
    assert datetime.fromisoformat(ref.version.created_at) == page.version.created_at
    assert ref.webui.startswith("/spaces/OPS/pages/")


def test_the_index_nominates_what_changed_in_the_window(
    source: ConfluenceSource, site: Site
) -> None:
    old, new = site.add("OPS", "Old"), site.add("OPS", "New")
    blog = site.add("OPS", "News", type="blogpost")
    own = site.add("~712020abc", "Mine")
    site.add("OPS", "A folder", type="folder")
    site.age(old, hours=48)
    site.age(new, hours=3)

    assert list(source.find_changed(["OPS"], 24)) == [new.id, blog.id]
    assert set(source.find_changed(["OPS"], 72)) == {old.id, new.id, blog.id}
    assert list(source.find_changed(["~712020abc"], 24)) == [own.id]
    assert set(source.find_changed([], 24)) == {new.id, blog.id, own.id}


def test_labels_narrow_what_is_nominated(source: ConfluenceSource, site: Site) -> None:
    site.add("OPS", "Plain")
    marked = site.add("OPS", "Marked", labels=["runbook", "x"])

    assert list(source.find_changed(["OPS"], 24, ["runbook", "other"])) == [marked.id]


@pytest.mark.parametrize(
    "manner",
    [
        {"short_pages": 90},
        {"empty_pages": True},
        {"duplicate_rows": True},
        {"swap_rows": True},
        {"total_size_error": -500},
    ],
    ids=str,
)
def test_nominations_are_complete_and_single_whatever_the_manners_of_the_index(
    manner: dict[str, object], make_source: MakeSource
) -> None:
    site = generated_site(700)
    for content in site.current():
        site.edit(content)
    with SampleGateway(site, **manner) as sample:
        found = list(make_source(sample).find_changed(["GEN"], 24))

    assert sorted(found) == sorted(content.id for content in site.current())


@pytest.mark.parametrize("manner", ["endless", "repeat_cursor"])
def test_an_index_that_never_ends_is_not_taken_for_complete(
    manner: str, make_source: MakeSource
) -> None:
    site = generated_site(600)
    for content in site.current():
        site.edit(content)
    with SampleGateway(site, **{manner: True}) as sample, pytest.raises(IncompleteEvidence):
        list(make_source(sample).find_changed(["GEN"], 24))


@pytest.mark.parametrize(
    "spaces", [("GEN",), ("GEN", "OTHER", "THIRD")], ids=["by hours", "by space"]
)
def test_a_cursor_that_grows_too_long_makes_the_question_smaller(
    spaces: tuple[str, ...], make_source: MakeSource
) -> None:
    site = generated_site(900, spaces=spaces)
    for content in site.current():
        site.edit(content)
        site.age(content, hours=26 + content.number % 20 if content.number % 3 else 23)
    with SampleGateway(site, cursor_growth=2_000, max_target=2_500) as sample:
        found = list(make_source(sample).find_changed(spaces, 48))

    assert sorted(found) == sorted(content.id for content in site.current())


def test_what_cannot_be_made_smaller_is_said_to_be_incomplete(make_source: MakeSource) -> None:
    site = generated_site(600)
    for content in site.current():
        site.edit(content)
    with (
        SampleGateway(site, cursor_growth=2_000, max_target=1_500) as sample,
        pytest.raises(IncompleteEvidence, match="SINCE_HOURS=0"),
    ):
        list(make_source(sample).find_changed(["GEN"], 24))


def test_pages_asked_for_by_id_come_in_whatever_status_they_are(
    source: ConfluenceSource, site: Site
) -> None:
    pages = {
        name: site.add("OPS", name) for name in ("here", "archived", "trashed", "purged", "hidden")
    }
    blog = site.add("OPS", "blog", type="blogpost")
    site.archive(pages["archived"])
    site.trash(pages["trashed"])
    site.purge(pages["purged"])
    site.restrict(pages["hidden"])

    rows = source.look_up([page.id for page in pages.values()], "page")
    posts = source.look_up([blog.id], "blogpost")

    assert {row.title: row.status for row in rows.values()} == {
        "here": "current",
        "archived": "archived",
        "trashed": "trashed",
    }
    assert posts[blog.id].type == "blogpost"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 401},
        {"status": 403},
        {"status": 404},
        {"status": 500},
        {"html": True},
        {"truncate": True},
        {"cut": "middle"},
        {"payload": {"rows": []}},
    ],
    ids=str,
)
def test_no_failed_question_by_id_is_taken_for_an_answer(
    fault: dict[str, object], source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(150)]
    sample.fault("/pages$", query=pages[-1].id, **fault)

    with pytest.raises(IncompleteEvidence):
        source.look_up([page.id for page in pages], "page")


def test_a_credential_revoked_during_a_run_removes_nothing(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    page = site.add("OPS", "Page")
    space = space_of(source, "OPS")
    sample.switches.change({"revoked": True})

    with pytest.raises(PermissionRefused, match="CONF_API_TOKEN"):
        list(source.list_pages(space))
    with pytest.raises(IncompleteEvidence):
        source.look_up([page.id], "page")
    with pytest.raises(PermissionRefused):
        source.find_node(page.id, "page")
    with pytest.raises(PermissionRefused):
        list(source.find_changed(["OPS"], 24))


def test_a_wrong_token_and_a_wrong_cloud_id_are_told_apart(
    make_source: MakeSource, sample: SampleGateway
) -> None:
    with pytest.raises(PermissionRefused, match="CONF_API_TOKEN"):
        make_source(sample, token="wrong").list_spaces()
    with pytest.raises(PermissionRefused, match=r"does not know this site.*CONF_CLOUD_ID"):
        make_source(sample, cloud_id="00000000-0000-0000-0000-000000000000").list_spaces()


def test_a_breadcrumb_leads_through_folders_and_pages(source: ConfluenceSource, site: Site) -> None:
    folder = site.add("OPS", "Runbooks", type="folder")
    page = site.add("OPS", "Databases", parent=folder)
    board = site.add("OPS", "Sketch", type="whiteboard", parent=page)
    home = str(site.space("OPS").id)

    assert source.find_node(board.id, "whiteboard") == Node(
        board.id, "whiteboard", "Sketch", page.id, "page", home
    )
    assert source.find_node(page.id, "page") == Node(
        page.id, "page", "Databases", folder.id, "folder", home
    )
    assert source.find_node(folder.id, "folder") == Node(
        folder.id, "folder", "Runbooks", None, None, home
    )
    assert source.find_node(folder.id, "page") is None
    assert source.find_node("999", "slide") is None


@pytest.mark.parametrize("kind", ["whiteboard", "folder"])
def test_an_element_for_which_the_token_lacks_the_scope_is_refused_with_its_name(
    source: ConfluenceSource, site: Site, sample: SampleGateway, kind: str
) -> None:
    scope = f"read:{kind}:confluence"
    sample.switches.scopes -= {scope}
    with pytest.raises(PermissionRefused, match=scope) as refused:
        source.find_node(site.add("OPS", "Sketch", type=kind).id, kind)
    assert refused.value.scope == scope


def test_the_clock_is_the_gateways(source: ConfluenceSource, site: Site, time: FakeTime) -> None:
    site.clock.set(datetime(2026, 7, 1, 15, 0, tzinfo=UTC))

    assert abs(source.current_time() - datetime(2026, 7, 1, 15, 0, tzinfo=UTC)) < timedelta(
        seconds=5
    )
    assert source.clock_skew() == pytest.approx(-3 * 3600, abs=5)
    before = source.current_time()
    time.sleep(100)
    assert source.current_time() - before == timedelta(seconds=100)


def test_the_site_is_known_for_links_and_never_asked(source: ConfluenceSource, site: Site) -> None:
    assert source.site_url() == f"https://{site.host}/wiki"


def test_no_request_reaches_another_host_and_none_is_for_a_removed_route(
    make_source: MakeSource,
) -> None:
    site = generated_site(300)
    for content in site.current():
        site.edit(content)
    with SampleGateway(site, site_url="elsewhere") as sample:
        source = make_source(sample)
        (space,) = source.list_spaces()
        refs = list(source.list_pages(space))
        assert len(bodies(source, refs)) == 300
        list(source.find_changed(["GEN"], 24))
        source.labels_of(refs)
        source.display_names(ref.author_id for ref in refs)

    assert {entry.host for entry in sample.log} == {"gateway"}
    assert {entry.status for entry in sample.log} == {200}


def test_a_thousand_changed_pages_are_read_within_the_budget_of_sixty_requests(
    make_source: MakeSource,
) -> None:
    site = generated_site(1000, median=200)
    for content in site.current():
        site.edit(content)
    with SampleGateway(site) as sample:
        source = make_source(sample)
        source.list_spaces()
        ids = list(source.find_changed(["GEN"], 24))
        found = dict(source.look_up(ids, "page"))
        found.update(
            source.look_up([page_id for page_id in ids if page_id not in found], "blogpost")
        )
        read = bodies(source, list(found.values()))
        labels = source.labels_of(list(found.values()))
        names = source.display_names(ref.author_id for ref in found.values())

    assert len(read) == len(labels) == 1000
    assert names
    assert len(sample.log) <= 1000 // 50 + 40


def test_the_statistics_tell_endpoints_statuses_and_bytes(
    make_gateway: Callable[..., Gateway], site: Site, sample: SampleGateway
) -> None:
    page = site.add("OPS", "Page")
    sample.fault("/spaces$", status=503, times=1)
    gateway = make_gateway(sample.url, sample.cloud_id, sample.user, sample.token)
    source = ConfluenceSource(gateway)

    source.list_spaces()
    source.find_node(page.id, "page")

    traffic = gateway.stats.snapshot()
    assert traffic.requests == {
        ("GET /wiki/api/v2/spaces", 503): 1,
        ("GET /wiki/api/v2/spaces", 200): 1,
        ("GET /wiki/api/v2/pages/{id}", 200): 1,
    }
    assert traffic.retries == 1
    assert traffic.bytes_received == sum(entry.sent for entry in sample.log)


def test_several_threads_may_ask_at_once(source: ConfluenceSource, site: Site) -> None:
    pages = [site.add("OPS", f"Page {number}") for number in range(40)]
    seen: list[str] = []

    def ask(number: int) -> None:
        seen.extend(source.look_up([page.id for page in pages[number::8]], "page"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(seen) == sorted(page.id for page in pages)


def test_a_gateway_that_is_not_there_is_unavailable(make_gateway: Callable[..., Gateway]) -> None:
    with pytest.raises(SourceUnavailable, match="refuses connections"):
        ConfluenceSource(make_gateway("http://127.0.0.1:9")).list_spaces()
