"""A clean environment for every test: no setting, proxy, CA or token of the machine reaches it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from confluence_mirror.logs import LOGGER
from confluence_mirror.settings import BY_NAME

if TYPE_CHECKING:
    from tests.servers.object_store import ObjectServer
    from tests.servers.postgres import RunningPostgres

settings.register_profile("quick", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name in BY_NAME or name.lower().endswith(("_proxy", "ca_bundle")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def logging_as_at_first() -> None:
    """A program that ran in this process, for another test or for a module's fixture, may have set
    up logging."""
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[RunningPostgres]:
    """One PostgreSQL for the session. Who stops it starts it again."""
    from tests.servers.postgres import postgres

    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def database(postgresql: RunningPostgres) -> Callable[[], str]:
    """The URL of a new, empty PostgreSQL database."""
    return postgresql.fresh


@pytest.fixture(scope="session")
def running_object_server() -> Iterator[ObjectServer]:
    """One server of S3 for the session."""
    from tests.servers.object_store import object_server

    with object_server() as server:
        yield server


@pytest.fixture
def objects(running_object_server: ObjectServer) -> ObjectServer:
    """A server of S3 with an empty bucket."""
    running_object_server.empty()
    return running_object_server
