"""Addresses: read without trust, shown without credentials, and told apart."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}


def split_url(text: str) -> SplitResult | None:
    """The parts of an http(s) address with a host and a usable port; None for everything else
    (``http://[``)."""
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def redact_url(parts: SplitResult) -> str:
    """The address as it may stand in a text or be sent to: without credential, query and
    fragment."""
    return urlunsplit((parts.scheme, host_and_port(parts), parts.path, "", ""))


def host_and_port(parts: SplitResult) -> str:
    """``host`` or ``host:port``, as it was written."""
    return parts.netloc.rpartition("@")[2]


def server_name(url: str) -> str:
    """Which server an address names, the same however it is written: host, port where it is not
    the scheme's own, and path. An address that cannot be read is its own name."""
    parts = split_url(url)
    if parts is None:
        return url
    host = (parts.hostname or "").rstrip(".")
    named = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{host}{named}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether requests to this host stay on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"
