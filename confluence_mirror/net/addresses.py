"""Addresses: read without trust, shown without credentials, and the proxy that the environment
names for one."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from requests.utils import should_bypass_proxies


def split_url(text: str) -> SplitResult | None:
    """The parts of an http(s) address with a host and a usable port; None for everything else
    (``http://[``)."""
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def shown(parts: SplitResult) -> str:
    """The address as it may stand in a text or be sent to: without credential, query and
    fragment."""
    return urlunsplit((parts.scheme, host_and_port(parts), parts.path, "", ""))


def host_and_port(parts: SplitResult) -> str:
    """``host`` or ``host:port``, as it was written."""
    return parts.netloc.rpartition("@")[2]


def is_loopback(host: str) -> bool:
    """Whether requests to this host stay on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"


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
