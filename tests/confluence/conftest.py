"""A gateway with a clock of its own, whose every request is refused unless a test registered its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
from confluence_fakes import TOKEN, URL, USER, FakeTime

from confluence_sync.confluence.gateway import Gateway


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def make_gateway(time: FakeTime) -> Iterator[Callable[..., Gateway]]:
    """``make_gateway(url=…, …)``: the defaults are a gateway that does not exist."""
    made: list[Gateway] = []

    def make(
        url: str = URL, cloud_id: str = "cloud-1", user: str = USER, token: str = TOKEN, **options: Any
    ) -> Gateway:
        clocks = {"sleep": time.sleep, "monotonic": time.monotonic, "wall": time.wall, "jitter": time.jitter}
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
