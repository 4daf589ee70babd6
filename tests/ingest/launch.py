"""``ingest_conf.py`` over plain HTTP: its client is not there for every Python that runs the
tests."""

from __future__ import annotations

import sys

from confluence_mirror import ingest
from confluence_mirror.stores.llama import store as llama
from tests.llama.wire import RequestsWire


def plain_wire(base_url: str, *, api_key: str | None, **_: object) -> RequestsWire:
    """Takes the place of ``ClientWire``."""
    return RequestsWire(base_url, api_key=api_key or "")


if __name__ == "__main__":
    setattr(llama, "ClientWire", plain_wire)  # noqa: B010
    sys.exit(ingest.main())
