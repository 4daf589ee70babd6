"""Files on pages, as the index lists them and v2 has them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluence_fakes import MakeSource, space_of

from confluence_mirror.confluence.attachments import Attachments
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.files import FileReader
from confluence_sandbox import SampleGateway, Site


@pytest.fixture
def attachments(sample: SampleGateway, make_gateway) -> Attachments:
    gateway: Gateway = make_gateway(sample.url, sample.cloud_id, sample.user, sample.token)
    return Attachments(gateway, FileReader("eng"), most_mb=1, concurrency=2)


def test_2500_files_are_listed_within_the_budget(
    site: Site, sample: SampleGateway, attachments: Attachments, make_source: MakeSource
) -> None:
    space = space_of(make_source(sample), "OPS")
    pages = [site.add("OPS", f"Page {number}") for number in range(250)]
    for number in range(2500):
        site.attach_file(pages[number % 250], f"{number}.zip", b"PK")
    sample.clear()
    assert len(list(attachments.list_refs(space, None))) == 2500
    assert len(sample.log) <= 20


def test_v2_says_of_a_file_what_the_index_says(
    site: Site, sample: SampleGateway, attachments: Attachments, make_source: MakeSource
) -> None:
    space = space_of(make_source(sample), "OPS")
    for page in (site.add("OPS", "Page"), site.add("OPS", "Post", type="blogpost")):
        file = site.attach_file(page, "a b/ü.pdf", b"12345", media_type="application/pdf")
        site.upload_version(file, b"1234567")
        site.relabel(file.id, ["price", "list"])
    listed = list(attachments.list_refs(space, None))
    assert [ref.parent_type for ref in listed] == ["page", "blogpost"]
    for ref in listed:
        assert attachments.look_up(ref) == ref
        assert list(attachments.list_refs(space, [ref.parent_id or ""])) == [ref]


def test_a_file_in_the_trash_is_there_and_a_purged_one_is_not(
    site: Site, sample: SampleGateway, attachments: Attachments, make_source: MakeSource
) -> None:
    space = space_of(make_source(sample), "OPS")
    file = site.attach_file(site.add("OPS", "Page"), "a.txt", b"1")
    ref = next(attachments.list_refs(space, None))
    site.trash_file(file)
    assert attachments.look_up(ref) == replace(ref, status="trashed")
    site.purge_file(file)
    assert attachments.look_up(ref) is None
