"""The bytes of a file: by the gateway's route, from a host that is told no secret, whole."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable

import pytest
from confluence_fakes import FakeTime

from confluence_mirror.confluence.downloads import Downloads, FileVersion
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.refusals import AccessRefused
from confluence_mirror.errors import PageFailed
from confluence_sandbox import SampleGateway, Site
from confluence_sandbox.content import Attached

DATA = bytes(range(256)) * 4000


@pytest.fixture
def file(site: Site) -> Attached:
    return site.attach_file(site.add("OPS", "Disks"), "a.bin", DATA)


@pytest.fixture
def fetch(
    sample: SampleGateway, make_gateway: Callable[..., Gateway], file: Attached
) -> Callable[..., bytes]:
    """The bytes of the file, in a version."""
    gateway = make_gateway(sample.url, sample.cloud_id, sample.user, sample.token)
    downloads = Downloads(gateway)

    def fetch_version(number: int = 1, size: int = len(DATA)) -> bytes:
        target = io.BytesIO()
        downloads.fetch(FileVersion(file.container_id, file.id, number, size), target)
        return target.getvalue()

    return fetch_version


def test_a_file_comes_whole_and_the_media_host_is_told_no_secret(
    sample: SampleGateway, fetch: Callable[..., bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert fetch() == DATA
    assert not sample.leaks()
    assert "/file/" in caplog.text
    assert "token=" not in caplog.text
    assert sample.token not in caplog.text


def test_each_version_is_fetched_as_itself(
    site: Site, file: Attached, fetch: Callable[..., bytes]
) -> None:
    site.upload_version(file, b"newer")
    assert fetch(1) == DATA
    assert fetch(2, 5) == b"newer"


@pytest.mark.parametrize("ranges", [True, False])
def test_what_breaks_off_is_gone_on_with_or_begun_anew(
    sample: SampleGateway, fetch: Callable[..., bytes], ranges: bool
) -> None:
    sample.switches.media_ranges = ranges
    sample.fault("^/file/", cut="middle", times=2)
    assert fetch() == DATA
    asked = [entry for entry in sample.log if entry.path.startswith("/file/")]
    assert len(asked) == 3


@pytest.mark.parametrize(
    "fault", [{"html": True}, {"truncate": True}, {"status": 503}, {"status": 403}]
)
def test_an_answer_that_is_not_the_file_is_asked_for_again(
    sample: SampleGateway, fetch: Callable[..., bytes], fault: dict[str, object]
) -> None:
    sample.fault("^/file/", times=2, **fault)
    assert fetch() == DATA


def test_the_length_decides_what_is_the_file(
    site: Site, file: Attached, sample: SampleGateway, fetch: Callable[..., bytes], time: FakeTime
) -> None:
    page = b"<!doctype html><title>Log in</title>"
    site.upload_version(file, page, media_type="text/html")
    assert fetch(2, len(page)) == page
    for size in (len(DATA) - 1, len(DATA) + 1):
        with pytest.raises(PageFailed, match="bytes came, and it has") as failure:
            fetch(1, size)
        assert failure.value.lies_in_page
    assert time.seconds < 60


def test_a_host_that_gives_nothing_is_no_fault_of_the_file(
    sample: SampleGateway, fetch: Callable[..., bytes]
) -> None:
    sample.fault("^/file/", cut="middle", times=100)
    with pytest.raises(PageFailed) as failure:
        fetch()
    assert not failure.value.lies_in_page
    assert "token" not in str(failure.value)


def test_a_file_that_is_gone_is_refused_as_such(
    site: Site, file: Attached, fetch: Callable[..., bytes]
) -> None:
    site.purge_file(file)
    with pytest.raises(AccessRefused) as refusal:
        fetch()
    assert refusal.value.status == 404
