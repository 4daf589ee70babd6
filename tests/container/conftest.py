"""With an image to try, which .ci/container names; without one, nothing here is collected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.world import Cluster, Servers, network

collect_ignore_glob = [] if "IMAGE" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def image() -> str:
    return os.environ["IMAGE"]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with network() as name:
        running = Servers(name, tmp_path_factory.mktemp("servers"))
        yield running
        running.close()


@pytest.fixture(scope="session")
def cluster(image: str, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(image, servers, tmp_path_factory.mktemp("pods"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An empty volume."""
    volume = tmp_path / "volume"
    volume.mkdir()
    return volume
