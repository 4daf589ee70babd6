"""All that can be mirrored, at once: files, comments, readers, and the documents themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, demo_site
from tests.job.harness import Job, held
from tests.servers.vector_api import VectorApiServer

ALL = {"ATTACHMENTS": "true", "COMMENTS": "all", "ACCESS": "true"}


def snapshot(tree: Path) -> dict[Path, tuple[bytes, int]]:
    """Each file with its bytes and the time at which it was written."""
    return {
        each: (each.read_bytes(), each.stat().st_mtime_ns)
        for each in tree.rglob("*")
        if each.is_file()
    }


@pytest.mark.long
def test_a_quiet_night_with_everything_on_sends_downloads_and_writes_nothing(
    serve: Callable[..., VectorApiServer], tmp_path: Path
) -> None:
    server, tree = serve(), tmp_path / "tree"
    with SampleGateway(demo_site(), administrator=True) as gateway:
        job = Job(
            tmp_path / "job", gateway, server.url, {**ALL, "DOCUMENT_STORE": str(tree)}, server
        )
        first = job.report()
        types = {str(metadata["page_type"]) for _, metadata in held(server, "confluence").values()}
        assert types == {"page", "blogpost", "attachment", "comment"}
        assert first["files"]["added"]
        assert first["comments"]["added"]
        assert first["documents"]["written"]
        stored, written = held(server, "confluence"), snapshot(tree)
        leaks = gateway.leaks()
        gateway.log.clear()

        quiet = job.report()

        assert (quiet["chunks"]["sent"], quiet["chunks"]["metadata_updated"]) == (0, 0)
        assert {quiet["documents"][each] for each in ("written", "moved", "removed")} == {0}
        assert held(server, "confluence") == stored
        assert snapshot(tree) == written
        assert not [entry for entry in gateway.log if "download" in entry.path]
        assert {entry.host for entry in gateway.log} == {"gateway"}
        assert leaks == []
        assert "no drift" in job.run("verify").stdout
