"""An empty manifest in each of the two databases."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where nothing has been written yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'manifest.db'}"
    made: str = request.getfixturevalue("database")()
    return made
