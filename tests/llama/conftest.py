from __future__ import annotations

import pytest

from confluence_mirror.stores.llama import store as llama
from tests.llama.wire import RequestsWire


@pytest.fixture
def over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process reach Llama Stack without the client, so that they need neither it nor
    Python 3.12."""

    def wire(base_url: str, *, api_key: str | None, **_: object) -> RequestsWire:
        return RequestsWire(base_url, api_key=api_key or "")

    monkeypatch.setattr(llama, "ClientWire", wire)
