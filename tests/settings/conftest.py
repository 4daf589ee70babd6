from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from settings_samples import REQUIRED

from confluence_mirror.settings import Settings, WrongSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program is started: no settings files unless a test writes them."""
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Callable[..., Settings]:
    """Settings of an environment that has the credential and these variables."""

    def load(in_container: bool = False, **environ: str) -> Settings:
        return Settings.load(REQUIRED | environ, folder, in_container=in_container)[0]

    return load


@pytest.fixture
def faults(folder: Path) -> Callable[..., list[str]]:
    """The lines that such an environment is refused with, without the heading."""

    def faults(in_container: bool = False, **environ: str) -> list[str]:
        with pytest.raises(WrongSettings) as refused:
            Settings.load(REQUIRED | environ, folder, in_container=in_container)
        heading, *lines = str(refused.value).splitlines()
        assert "nothing was read or written" in heading
        return [line.strip() for line in lines]

    return faults
