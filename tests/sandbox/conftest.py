from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sample_client import Client

from confluence_sandbox import Clock, SampleGateway, Site

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def site() -> Site:
    """One space on a clock that stands still."""
    site = Site(clock=Clock(NOON, frozen=True))
    site.add_space("OPS", "Operations")
    return site


@pytest.fixture
def gateway(site: Site) -> Iterator[SampleGateway]:
    with SampleGateway(site) as gateway:
        yield gateway
    assert gateway.bugs == []


@pytest.fixture
def client(gateway: SampleGateway) -> Iterator[Client]:
    client = Client(gateway)
    yield client
    client.connection.close()
