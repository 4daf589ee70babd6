"""The whole sample site, read as Confluence renders it (``BODY_FORMAT=export_view``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, demo_site
from tests.job.harness import Job, held
from tests.servers.vector_api import VectorApiServer


@pytest.mark.long
def test_the_whole_sample_site_is_mirrored_from_what_confluence_renders(
    serve: Callable[..., VectorApiServer], tmp_path: Path
) -> None:
    server = serve()
    with SampleGateway(demo_site()) as gateway:
        job = Job(tmp_path / "job", gateway, server.url, {"BODY_FORMAT": "export_view"}, server)
        report = job.report()
        pages = gateway.site.current("PLAT")
        assert report["pages"]["added"] == len(pages)
        assert report["pages"]["failed"] == 0
        assert report["conversions"]["text"] == 0
        rows = held(server, "confluence").values()
        assert {metadata["page_id"] for _, metadata in rows} == {page.id for page in pages}
        assert any("keelctl keys add" in text for text, _ in rows)
        assert job.report()["chunks"]["sent"] == 0
