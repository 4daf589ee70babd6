"""The proxy that the environment names for an address."""

from __future__ import annotations

import os
from dataclasses import dataclass

from requests.utils import should_bypass_proxies

from confluence_mirror.addresses import is_loopback, split_url


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it."""

    url: str
    """With its credential: for the connection alone."""
    variable: str
    host: str
    """``host:port``, without the credential: for messages."""

    def __repr__(self) -> str:
        return f"Proxy({self.variable}, {self.host})"


def proxy_for(url: str) -> Proxy | None:
    """The proxy that the environment names for this address: never for loopback, nor where
    ``NO_PROXY`` says so.

    ``https_proxy`` and its like win over ``ALL_PROXY``, the lower-case name over the upper-case one
    (curl, requests).
    """
    parts = split_url(url)
    if (
        parts is None
        or is_loopback(parts.hostname or "")
        or should_bypass_proxies(url, no_proxy=None)
    ):
        return None
    for variable in (
        f"{parts.scheme}_proxy",
        f"{parts.scheme.upper()}_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        value = os.environ.get(variable, "").strip()
        if value:
            address = value if "://" in value else f"http://{value}"
            return Proxy(
                address, variable, address.partition("://")[2].rpartition("@")[2].partition("/")[0]
            )
    return None
