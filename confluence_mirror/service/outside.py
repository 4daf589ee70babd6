"""Addresses that users give: checked before a packet is sent, and asked at the address that was
checked."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import httpx2

from confluence_mirror.service.problems import Problem
from confluence_mirror.service.settings import AllowedHost

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text."""

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*{_LABEL}")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LARGEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be asked."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address


def resolve_host(host: str, port: int) -> Sequence[str]:
    """By the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def check_address(
    url: str, field: str, allowed: Sequence[AllowedHost], resolve: Resolve = resolve_host
) -> Target:
    """Where an address leads, if it may lead there. Raises ``Problem`` naming the field; nothing
    was sent but a question to the resolver."""

    def refuse(why: str) -> Problem:
        return Problem("address-not-allowed", f"{field} {why}", [(field, why)])

    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise refuse("is not an address that can be read") from None
    host = (parts.hostname or "").lower().rstrip(".")
    literal = _literal(host)
    if parts.scheme not in ("https", "http") or not host:
        raise refuse("does not begin with https://")
    if "@" in parts.netloc:
        raise refuse("holds a user or a password")
    if literal is None and (not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.split(".")[-1])):
        raise refuse("names a host in a notation that is not allowed")
    named = host in allowed
    addresses = [literal] if literal is not None else _resolved(host, port or 443, resolve)
    if not addresses:
        raise refuse("names a host that is not known")
    for address in addresses:
        if not _may_ask(address, allowed, named=named):
            raise refuse("leads to an address that is not public")
    if parts.scheme == "http" and not (named or any(_in_range(a, allowed) for a in addresses)):
        raise refuse("does not begin with https://")
    standard = 443 if parts.scheme == "https" else 80
    return Target(parts.scheme, host, port or standard, parts.path, addresses[0])


def get_json(target: Target, path: str, *, timeout_s: float, ca_bundle: str | None) -> object:
    """Ask for a document at the address that was checked: without redirects, proxies or
    credentials. Raises ``httpx2.HTTPError``, and ``ValueError`` for what is not JSON."""
    context = ssl.create_default_context(cafile=ca_bundle)
    shown = f"[{target.address}]" if target.address.version == 6 else str(target.address)
    with (
        httpx2.Client(verify=context, trust_env=False, timeout=timeout_s) as client,
        client.stream(
            "GET",
            f"{target.scheme}://{shown}:{target.port}{path}",
            headers={"Host": target.host, "Accept": "application/json"},
            extensions={"sni_hostname": target.host},
            follow_redirects=False,
        ) as answer,
    ):
        answer.raise_for_status()
        content = b""
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > _LARGEST_BYTES:
                raise ValueError("too large")
    return httpx2.Response(200, content=content).json()


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _resolved(host: str, port: int, resolve: Resolve) -> list[Address]:
    try:
        return [ipaddress.ip_address(each.partition("%")[0]) for each in resolve(host, port)]
    except (OSError, ValueError, UnicodeError):
        return []


def _may_ask(address: Address, allowed: Sequence[AllowedHost], *, named: bool) -> bool:
    inner = _unwrapped(address)
    if _in_range(address, allowed) or _in_range(inner, allowed):
        return True
    if inner.is_loopback or inner.is_unspecified or inner.is_multicast or inner.is_link_local:
        return inner.is_loopback and named and "localhost" in allowed
    return named or inner.is_global


def _in_range(address: Address, allowed: Sequence[AllowedHost]) -> bool:
    """Whether a range holds it; loopback only where the range is of loopback."""
    ranges = [each for each in allowed if not isinstance(each, str)]
    return any(address in each and (each.is_loopback or not address.is_loopback) for each in ranges)


def _unwrapped(address: Address) -> Address:
    """An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64, Teredo), by its IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
