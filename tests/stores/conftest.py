"""Homes for a session, stores and collections for a test."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from confluence_mirror.stores.base import Capabilities, Collection, Store
from tests.stores.homes import HOMES, Home
from tests.stores.words import HashedWords, ready

if importlib.util.find_spec("tests.llama.contract_home"):
    importlib.import_module("tests.llama.contract_home")

_numbers = itertools.count(1)
_MARKS = {
    "embedded": pytest.mark.chroma,
    "chroma": pytest.mark.chroma,
    "pgvector": pytest.mark.postgres,
    "underscore-aliases": pytest.mark.long,
    "underscore-bare": pytest.mark.long,
}


@pytest.fixture(scope="session")
def entered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Home]]:
    """Homes that are open, by name: each is entered when a test first needs it."""
    with ExitStack() as stack:

        class Entered(dict[str, Home]):
            def __missing__(self, name: str) -> Home:
                given = (
                    request.getfixturevalue("postgresql")
                    if name == "pgvector"
                    else tmp_path_factory.mktemp(name)
                )
                self[name] = stack.enter_context(HOMES[name](given))
                return self[name]

        yield Entered()


@pytest.fixture(params=[pytest.param(name, marks=_MARKS.get(name, ())) for name in HOMES])
def home(request: pytest.FixtureRequest, entered: dict[str, Home]) -> Home:
    return entered[request.param]


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    opened = home.open()
    yield opened
    opened.close()


@pytest.fixture
def can(store: Store) -> Capabilities:
    return ready(store)


@pytest.fixture
def name() -> str:
    return f"Contract-{next(_numbers)}"


@pytest.fixture
def collection(store: Store, can: Capabilities, name: str) -> Iterator[Collection]:
    """An empty one, removed afterwards where that can be done."""
    made = store.create_collection(name)
    yield made
    if can.drops_collections:
        store.drop_collection(made)


@pytest.fixture
def url(database: Callable[[], str]) -> str:
    """Of a new, empty PostgreSQL database."""
    return database()


@pytest.fixture
def embed() -> HashedWords:
    return HashedWords()
