"""A real Chroma server: tenants and databases, and collections that others made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
import requests

from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_mirror.stores.base import Capabilities
from confluence_mirror.stores.chroma.store import ChromaStore
from tests.servers.answering import answering
from tests.stores.homes import Home
from tests.stores.words import DIMENSION, MODEL, HashedWords, chunk

pytestmark = pytest.mark.chroma

CAN = Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True)
SECRET = "s3cret-token"


@pytest.fixture
def url(entered: dict[str, Home]) -> str:
    with closing(entered["chroma"].open()) as store:
        return store.location


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., ChromaStore]]:
    with ExitStack() as stack:

        def build(address: str = url, *, dimension: int = DIMENSION, **options: Any) -> ChromaStore:
            settings = {"token": SECRET, "sleep": lambda _seconds: None} | options
            store = ChromaStore(address, HashedWords(), dimension, MODEL, **settings)
            return stack.enter_context(closing(store))

        yield build


def test_each_database_of_each_tenant_holds_its_own_collection_of_one_name(
    url: str, opened, name: str
):
    requests.post(
        f"{url}/api/v2/tenants", json={"name": f"tenant-{name}"}, timeout=30
    ).raise_for_status()
    places = [
        (f"tenant-{name}", "first"),
        (f"tenant-{name}", "second"),
        ("default_tenant", "second"),
    ]
    for tenant, database in places:
        made = requests.post(
            f"{url}/api/v2/tenants/{tenant}/databases", json={"name": database}, timeout=30
        )
        made.raise_for_status()
    for number, (tenant, database) in enumerate(places):
        store = opened(tenant=tenant, database=database)
        store.connect()
        assert store.find_collection(name) is None
        store.write_chunks(
            store.create_collection(name), [chunk(number, f"Only in {tenant}, {database}", CAN)], {}
        )
    for tenant, database in places:
        store = opened(tenant=tenant, database=database)
        assert [row.text for row in store.list_rows(store.find_collection(name))] == [
            f"Only in {tenant}, {database}"
        ]
    assert opened().find_collection(name) is None


@pytest.mark.parametrize("where", [{"tenant": "no-such"}, {"database": "no-such"}])
def test_a_tenant_or_database_that_is_not_there_is_told_and_not_made(
    url: str, opened, where: dict[str, str]
):
    with pytest.raises(WrongSettings, match="CHROMA_TENANT and CHROMA_DATABASE"):
        opened(**where).connect()
    tenant, database = (
        where.get("tenant", "default_tenant"),
        where.get("database", "default_database"),
    )
    assert (
        requests.get(f"{url}/api/v2/tenants/{tenant}/databases/{database}", timeout=30).status_code
        == 404
    )


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (401, '{"error": "Unauthorized"}', PermissionRefused),
        (403, '{"error": "Forbidden"}', PermissionRefused),
        (200, "<html>Sign in</html>", WrongSettings),
        (404, "<html>Not found</html>", WrongSettings),
        (200, '{"nanosecond": 1}', WrongSettings),
        (500, "<html>Oops</html>", StoreUnavailable),
        (503, "<html>Busy</html>", StoreUnavailable),
    ],
)
def test_what_is_no_chroma_or_lets_nobody_in_is_one_line_without_a_secret(
    opened, status: int, content: str, error: type[Exception]
):
    with answering(status, content) as other, pytest.raises(error) as caught:
        opened(other.url).connect()
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert other.heard[0]["Authorization"] == f"Bearer {SECRET}"
    assert other.heard[0]["X-Chroma-Token"] == SECRET


def test_vectors_of_another_length_are_refused_whether_the_collection_says_so_or_its_rows(
    url: str, opened, name: str
):
    store = opened()
    store.create_collection(name)
    with pytest.raises(WrongSettings, match=f"vectors of {DIMENSION} numbers"):
        opened(dimension=DIMENSION + 1).find_collection(name)
    bare = f"{url}/api/v2/tenants/default_tenant/databases/default_database/collections"
    made = requests.post(bare, json={"name": f"{name}-theirs"}, timeout=30).json()["id"]
    row = {"ids": ["1"], "documents": ["theirs"], "embeddings": [[1.0] * DIMENSION]}
    requests.post(f"{bare}/{made}/upsert", json=row, timeout=30).raise_for_status()
    with pytest.raises(WrongSettings, match=f"vectors of {DIMENSION} numbers"):
        opened(dimension=DIMENSION + 1).find_collection(f"{name}-theirs")
    assert opened().find_collection(f"{name}-theirs") is not None
