"""An empty manifest in each of the two databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[Callable[[], str]]:
    from tests.servers.postgres import postgres

    with postgres() as server:
        yield server.fresh


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where nothing has been written yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'manifest.db'}"
    made: str = request.getfixturevalue("postgres_url")()
    return made
