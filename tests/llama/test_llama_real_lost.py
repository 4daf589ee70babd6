"""A manifest that is lost and a server that restarts, in this order and the other: the next run makes it whole.
``make test-llama``."""

from __future__ import annotations

from pathlib import Path

import pytest

from confluence_sync.sample import SampleGateway
from tests.job.harness import Job
from tests.llama.real import RealServer, servers
from tests.mirror.conftest import small_site

pytestmark = pytest.mark.llama

if not servers():
    pytest.skip("no real server is named in LLAMA_STACK_SERVERS", allow_module_level=True)


@pytest.mark.parametrize("kind", servers(), ids="-".join)
def test_a_mirror_whose_manifest_was_lost_outlives_restarts_of_the_server(
    kind: tuple[str, str], tmp_path: Path
) -> None:
    with RealServer(*kind, tmp_path / "server") as server, SampleGateway(small_site(6)) as gateway:
        job = Job(tmp_path / "job", gateway, env={"LLAMA_BASE_URL": server.base_url})
        job.here()
        (job.folder / "manifest.db").unlink()
        job.here()  # adopts
        server.stop()
        server.start()
        job.here()
        assert "no drift" in job.here("--verify").stdout
        assert "Page 3" in job.here("--query", "Page 3").stdout
        (job.folder / "manifest.db").unlink()
        server.stop()
        server.start()
        job.here()  # adopts what the restart left
        assert "no drift" in job.here("--verify").stdout
        assert "Page 3" in job.here("--query", "Page 3").stdout
