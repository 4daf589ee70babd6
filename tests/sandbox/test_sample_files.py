"""Files on pages: what search and v2 say of them, their versions, and the host that gives them."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import IncompleteRead
from typing import Any

import pytest
from sample_client import V2, Client, Reply

from confluence_sandbox import Content, SampleGateway, Site


@pytest.fixture
def page(site: Site) -> Content:
    return site.add("OPS", "Disks")


@pytest.fixture
def media(gateway: SampleGateway) -> Iterator[Client]:
    """Asks the media host, without a credential."""
    client = Client(gateway, origin=gateway.elsewhere, prefix="")
    del client.headers["Authorization"]
    yield client
    client.connection.close()


def address(
    gateway: SampleGateway, client: Client, page_id: str, file_id: str, **query: Any
) -> str:
    """What the download route leads to, below the media host's origin."""
    route = f"/wiki/rest/api/content/{page_id}/child/attachment/{file_id}/download"
    reply = client.get(route, **query)
    assert reply.status == 302
    return reply.headers["Location"].removeprefix(gateway.elsewhere)


def test_search_finds_two_hundred_files_at_once_and_tells_what_they_are(
    site: Site, client: Client, page: Content
) -> None:
    files = [
        site.attach_file(page, f"{at}.txt", b"x" * at, media_type="text/plain", comment="new")
        for at in range(230)
    ]
    pages = client.walk(
        "/wiki/rest/api/content/search",
        context="/wiki",
        cql="type=attachment and space=OPS",
        limit=250,
        expand="version,container,extensions",
    )
    assert [len(each.results) for each in pages] == [200, 30]
    row = pages[0].results[7]
    assert (row["id"], row["title"], row["version"]["number"]) == (files[7].id, "7.txt", 1)
    assert (row["container"]["type"], row["container"]["id"]) == ("page", page.id)
    assert row["extensions"]["fileSize"] == 7
    assert row["extensions"]["mediaType"] == "text/plain"
    assert row["extensions"]["comment"] == "new"


def test_an_upload_is_a_new_version_of_the_file_alone(
    site: Site, gateway: SampleGateway, client: Client, media: Client, page: Content
) -> None:
    file = site.attach_file(page, "a.md", b"one", media_type="text/markdown")
    site.clock.advance(hours=1)
    assert site.attach_file(page, "a.md", b"three") is file
    assert (page.version.number, file.version.number) == (1, 2)
    assert client.get(f"{V2}/attachments/{file.id}").json["fileSize"] == 5
    assert client.get(f"{V2}/attachments/{file.id}", version=1).json["fileSize"] == 3
    assert client.get(f"{V2}/attachments/{file.id}", version=3).status == 404
    versions = client.get(f"{V2}/attachments/{file.id}/versions").results
    assert [each["number"] for each in versions] == [2, 1]
    assert media.get(address(gateway, client, page.id, file.id)).body == b"three"
    assert media.get(address(gateway, client, page.id, file.id, version=1)).body == b"one"


def test_a_name_a_place_and_labels_make_no_version(
    site: Site, client: Client, page: Content
) -> None:
    file = site.attach_file(page, "a.md", b"one")
    other = site.add("OPS", "Post", type="blogpost")
    site.rename_file(file, "b.md")
    site.move_file(file, other)
    site.relabel(file.id, ["price"])
    assert file.version.number == 1
    assert client.listed(f"/pages/{page.id}/attachments") == []
    row = client.get(f"{V2}/blogposts/{other.id}/attachments", filename="b.md").results[0]
    assert (row["id"], row["blogPostId"]) == (file.id, other.id)
    assert client.get(f"{V2}/attachments/{file.id}/labels").results[0]["name"] == "price"
    found = client.search("type = attachment and label = price", expand="metadata.labels").results
    assert found[0]["metadata"]["labels"]["results"][0]["name"] == "price"


def test_a_file_in_the_trash_comes_back_and_one_that_is_purged_does_not(
    site: Site, gateway: SampleGateway, client: Client, media: Client, page: Content
) -> None:
    file = site.attach_file(page, "a.md", b"one")
    target = address(gateway, client, page.id, file.id)
    listed = f"/pages/{page.id}/attachments"
    site.trash_file(file)
    assert media.get(target).status == 404
    assert client.found("type = attachment") == client.listed(listed) == []
    assert client.listed(listed, status="trashed") == [file.id]
    site.restore_file(file)
    assert client.found("type = attachment") == client.listed(listed) == [file.id]
    site.purge_file(file)
    assert client.get(f"{V2}/attachments/{file.id}").status == 404


@pytest.mark.parametrize("verb", ["trash", "purge", "restrict", "delete"])
def test_files_go_out_of_sight_with_their_page(
    site: Site, client: Client, page: Content, verb: str
) -> None:
    file = site.attach_file(page, "a.md", b"one")
    getattr(site, verb)(page)
    assert client.found("type = attachment") == client.listed("/attachments") == []
    assert client.get(f"{V2}/attachments/{file.id}").status == 404
    route = f"/wiki/rest/api/content/{page.id}/child/attachment/{file.id}/download"
    assert client.get(route).status == 404


def test_an_address_is_good_once_for_a_while_and_without_a_credential(
    site: Site, gateway: SampleGateway, client: Client, media: Client, page: Content
) -> None:
    file = site.attach_file(page, "a.md", b"one")
    target = address(gateway, client, page.id, file.id)
    media.headers["Authorization"] = client.headers["Authorization"]
    assert media.get(target).status == 400
    assert [entry.path for entry in gateway.leaks()] == [target.partition("?")[0]]
    del media.headers["Authorization"]
    assert media.get(target).body == b"one"
    assert media.get(target).status == 401
    late = address(gateway, client, page.id, file.id)
    site.clock.advance(hours=1)
    assert media.get(late).status == 401
    gateway.switches.media_once = False
    again = address(gateway, client, page.id, file.id)
    assert [media.get(again).status for _ in range(2)] == [200, 200]


def test_parts_are_given_where_the_host_gives_them(
    site: Site, gateway: SampleGateway, client: Client, media: Client, page: Content
) -> None:
    file = site.attach_file(page, "a.bin", b"0123456789")

    def part(wanted: str) -> Reply:
        media.headers["Range"] = wanted
        return media.get(address(gateway, client, page.id, file.id))

    assert (part("bytes=4-").status, part("bytes=4-").body) == (206, b"456789")
    assert part("bytes=2-3").headers["Content-Range"] == "bytes 2-3/10"
    assert part("bytes=10-").status == 416
    media.headers["If-Range"] = '"another"'
    assert part("bytes=4-").status == 200
    del media.headers["If-Range"]
    gateway.switches.media_ranges = False
    assert (part("bytes=4-").status, part("bytes=4-").body) == (200, b"0123456789")


def test_downloads_are_cut_replaced_and_falsified_by_faults(
    site: Site, gateway: SampleGateway, client: Client, media: Client, page: Content
) -> None:
    file = site.attach_file(page, "a.bin", b"0123456789")
    gateway.fault("^/file/", cut="middle", times=1)
    with pytest.raises(IncompleteRead):
        media.get(address(gateway, client, page.id, file.id))
    media.connection.close()
    gateway.fault("^/file/", truncate=True, times=1)
    assert media.get(address(gateway, client, page.id, file.id)).body == b"01234"
    gateway.fault("^/file/", html=True, times=1)
    page_of_login = media.get(address(gateway, client, page.id, file.id))
    assert (page_of_login.status, b"Log in" in page_of_login.body) == (200, True)
    gateway.fault("^/file/", do=[("purge_file", {"id": file.id})], times=1)
    assert media.get(address(gateway, client, page.id, file.id)).status == 404


def test_files_are_changed_over_http_too(
    client: Client, gateway: SampleGateway, page: Content
) -> None:
    made = gateway.run("attach_file", id=page.id, filename="a.txt", data="b25l")
    assert made["version"]["number"] == 1
    gateway.run("upload_version", id=made["id"], data="dHdv")
    assert gateway.site.files[made["id"]].newest.data == b"two"
