"""A gateway with a clock of its own, whose every request is refused unless a test registered its
address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
from confluence_fakes import TOKEN, URL, USER, FakeTime, MakeSource

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_sandbox import SampleGateway, Site


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def make_gateway(time: FakeTime) -> Iterator[Callable[..., Gateway]]:
    """``make_gateway(url=…, …)``: the defaults are a gateway that does not exist."""
    made: list[Gateway] = []

    def make(
        url: str = URL,
        cloud_id: str = "cloud-1",
        user: str = USER,
        token: str = TOKEN,
        **options: Any,
    ) -> Gateway:
        clocks = {
            "sleep": time.sleep,
            "monotonic": time.monotonic,
            "wall": time.wall,
            "jitter": time.jitter,
        }
        gateway = Gateway(url, cloud_id, user, token, **{**clocks, **options})
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway()


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """The addresses that exist. Any other is refused, and each must be asked."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def site() -> Site:
    site = Site()
    site.add_space("OPS", "Operations")
    site.add_space("~712020abc", "Someone's own", type="personal")
    return site


@pytest.fixture
def sample(site: Site) -> Iterator[SampleGateway]:
    with SampleGateway(site) as gateway:
        yield gateway
    assert gateway.bugs == []


@pytest.fixture
def make_source(make_gateway: Callable[..., Gateway]) -> MakeSource:
    def make(
        sample: SampleGateway, *, token: str | None = None, cloud_id: str | None = None
    ) -> ConfluenceSource:
        gateway = make_gateway(
            sample.url, cloud_id or sample.cloud_id, sample.user, token or sample.token
        )
        return ConfluenceSource(gateway)

    return make


@pytest.fixture
def source(make_source: MakeSource, sample: SampleGateway) -> ConfluenceSource:
    return make_source(sample)
