from __future__ import annotations

from collections.abc import Iterator

import pytest

from confluence_mirror.stores.llama import store as llama
from tests.llama.wire import RequestsWire
from tests.servers.llama_stack import LlamaStackServer

FAMILIES = [
    ("0.2.23", "sqlite-vec"),
    ("0.2.23", "faiss"),
    ("0.7.3", "sqlite-vec"),
    ("1.5.0", "faiss"),
]


@pytest.fixture
def over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process reach Llama Stack without the client, so that they need neither it nor
    Python 3.12."""

    def wire(base_url: str, *, api_key: str | None, **_: object) -> RequestsWire:
        return RequestsWire(base_url, api_key=api_key or "")

    monkeypatch.setattr(llama, "ClientWire", wire)


@pytest.fixture(params=FAMILIES, ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[LlamaStackServer]:
    with LlamaStackServer(*request.param) as running:
        yield running
