"""Which server a URL names, so that two stores are never taken for one."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def place(url: str) -> str:
    """Host, port where it is not the scheme's own, and path: the same however the URL of one server
    is written."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or "").rstrip(".")
    named = "" if port in (None, _PORTS.get(parts.scheme)) else f":{port}"
    return f"{host}{named}{parts.path.rstrip('/')}"
