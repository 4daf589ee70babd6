"""A clean environment for every test: no setting, proxy, CA or token of the machine reaches it."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from confluence_mirror.settings import BY_NAME

settings.register_profile("quick", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name in BY_NAME or name.lower().endswith(("_proxy", "ca_bundle")):
            monkeypatch.delenv(name)
