"""One service for the tests that share it: each has a workspace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, demo_site
from tests.servers.embedding import EmbeddingServer
from tests.service.running import Service, serving


@pytest.fixture(scope="session")
def embedder() -> Iterator[str]:
    with EmbeddingServer(small=64) as server:
        yield server.url


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, embedder: str) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("service")
    with (
        SampleGateway(demo_site()) as gateway,
        serving(gateway, embedder, folder, SERVICE_WORKERS="2") as running,
    ):
        yield running
