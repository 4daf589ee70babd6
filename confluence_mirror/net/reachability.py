"""Who could not be reached, and why: the one reading of what HTTP libraries raise.

Their exceptions hold the request with its headers, and addresses with their credentials: none of
their text gets into a message except what is looked for by name.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from http.client import IncompleteRead

from requests import exceptions
from urllib3 import exceptions as urllib3

from confluence_mirror.net.connections import TunnelFailedError
from confluence_mirror.net.proxies import Proxy


class Fault(Enum):
    """Why no answer came."""

    NAME = auto()
    """The name cannot be resolved."""
    REFUSED = auto()
    """Nothing listens on the port, or a firewall refuses."""
    SILENT = auto()
    """No connection in time: a firewall drops packets, or the host is down."""
    UNTRUSTED = auto()
    """The certificate cannot be verified."""
    TLS = auto()
    """The two sides cannot agree on TLS, or the other one does not speak it."""
    PROXY = auto()
    """The proxy cannot be reached, or lets nothing through."""
    ADDRESS = auto()
    """No request can be made to this address."""
    LATE = auto()
    """Connected, but the answer was not complete in time."""
    CUT = auto()
    """The answer ended in its middle, or cannot be unpacked."""
    BROKEN = auto()
    """The connection ended before an answer."""
    TOO_LARGE = auto()
    """The answer is larger than any that is read."""


_NEVER_SENT = frozenset(
    {
        Fault.NAME,
        Fault.REFUSED,
        Fault.SILENT,
        Fault.UNTRUSTED,
        Fault.TLS,
        Fault.PROXY,
        Fault.ADDRESS,
    }
)
_MAKING_A_CONNECTION = frozenset(
    {Fault.NAME, Fault.REFUSED, Fault.SILENT, Fault.PROXY, Fault.ADDRESS}
)
_HEAVY = frozenset({Fault.LATE, Fault.CUT, Fault.BROKEN, Fault.TOO_LARGE})


class NoAnswer(Exception):
    """No whole answer came. ``reason`` is half a sentence and names the host; ``hint`` says what to
    check."""

    def __init__(self, fault: Fault, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason
        self.hint = hint

    @property
    def sent(self) -> bool:
        """Whether the server may have carried the request out."""
        return self.fault not in _NEVER_SENT

    @property
    def lasting(self) -> bool:
        """Whether trying again in a moment cannot help."""
        return self.fault in (Fault.UNTRUSTED, Fault.ADDRESS)

    @property
    def heavy(self) -> bool:
        """Whether asking for less at once may help."""
        return self.fault in _HEAVY


class AnswerTooLargeError(OSError):
    """More came than is read."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a request was going."""

    host: str
    """With its port, without a credential."""
    variable: str
    """The variable that holds the address."""
    proxy: Proxy | None = None


def explain_failure(error: BaseException, where: Where) -> NoAnswer:
    """What an HTTP library's exception means. Works for ``requests`` and for what stands on
    ``httpcore``."""
    chain = list(_exception_chain(error))
    fault = _classify_fault(chain)
    if where.proxy is not None and fault in _MAKING_A_CONNECTION:
        return _proxy_failure(chain, fault, where.proxy)
    reason, hint = _TEXTS[fault]
    through = where.proxy.variable if where.proxy else "the proxy"
    return NoAnswer(
        fault, reason.format(host=where.host), hint.format(variable=where.variable, proxy=through)
    )


_TEXTS = {
    Fault.NAME: ("the name {host} cannot be resolved", "Check {variable}, DNS and {proxy}."),
    Fault.REFUSED: ("{host} refuses connections", "Check {variable}, {proxy} and egress rules."),
    Fault.SILENT: (
        "{host} does not answer: no connection in time",
        (
            "Check {variable}, the network, {proxy} and egress rules: something drops packets, or"
            " the host is down."
        ),
    ),
    Fault.UNTRUSTED: (
        "the TLS certificate of {host} cannot be verified",
        (
            "In CA_BUNDLE, name the CA that issued it, be it your own or a proxy's; verification"
            " cannot be switched off."
        ),
    ),
    Fault.TLS: (
        "the TLS connection to {host} failed",
        "Check {variable} (https where the server speaks http?) and {proxy}.",
    ),
    Fault.PROXY: ("the proxy cannot be used", "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."),
    Fault.ADDRESS: ("a request to {host} cannot be made", "Check {variable} and {proxy}."),
    Fault.LATE: (
        "{host} did not answer completely in time",
        "Run again later, or raise REQUEST_TIMEOUT.",
    ),
    Fault.CUT: (
        "the answer of {host} was cut off",
        "Run again; if it persists, check the proxies in front of the server.",
    ),
    Fault.BROKEN: (
        "the connection to {host} broke",
        "Check {variable} (http where the server speaks https?) and the proxies in front of it.",
    ),
    Fault.TOO_LARGE: ("the answer of {host} is too large", "Check the server at {variable}."),
}


def _classify_fault(chain: list[BaseException]) -> Fault:
    """The first that fits, the plainest cause before what it led to."""
    return next(
        (fault for fault, kinds, words in _SIGNS if _matches_sign(chain, kinds, words)),
        Fault.BROKEN,
    )


_SIGNS: list[tuple[Fault, tuple[type[BaseException], ...], tuple[str, ...]]] = [
    (
        Fault.PROXY,
        (
            TunnelFailedError,
            exceptions.ProxyError,
            exceptions.InvalidProxyURL,
            urllib3.ProxyError,
            urllib3.ProxySchemeUnknown,
        ),
        ("Tunnel connection failed",),
    ),
    (Fault.TOO_LARGE, (AnswerTooLargeError,), ()),
    (Fault.NAME, (socket.gaierror, urllib3.NameResolutionError), ()),
    (Fault.REFUSED, (ConnectionRefusedError,), ()),
    (
        Fault.SILENT,
        (exceptions.ConnectTimeout, urllib3.ConnectTimeoutError),
        ("handshake operation timed out",),
    ),
    (
        Fault.UNTRUSTED,
        (ssl.SSLCertVerificationError, ssl.CertificateError),
        ("CERTIFICATE_VERIFY_FAILED",),
    ),
    (Fault.TLS, (ssl.SSLError, exceptions.SSLError, urllib3.SSLError), ()),
    (Fault.LATE, (TimeoutError, exceptions.Timeout, urllib3.ReadTimeoutError), ()),
    (
        Fault.CUT,
        (
            exceptions.ChunkedEncodingError,
            exceptions.ContentDecodingError,
            IncompleteRead,
            urllib3.IncompleteRead,
            urllib3.DecodeError,
            urllib3.InvalidChunkLength,
        ),
        (),
    ),
    (
        Fault.ADDRESS,
        (
            exceptions.InvalidURL,
            exceptions.MissingSchema,
            exceptions.InvalidSchema,
            urllib3.LocationParseError,
            UnicodeError,
        ),
        (),
    ),
]


def _matches_sign(
    chain: list[BaseException], kinds: tuple[type[BaseException], ...], words: tuple[str, ...]
) -> bool:
    return any(isinstance(one, kinds) or any(word in str(one) for word in words) for one in chain)


def _proxy_failure(chain: list[BaseException], fault: Fault, proxy: Proxy) -> NoAnswer:
    """With a proxy, connections are made to the proxy alone: a failure to connect is
    the proxy's."""
    if found := next(filter(None, (_TUNNEL.search(str(one)) for one in chain)), None):
        what = f"answers {found[1]}" + (": it wants a credential" if found[1] == "407" else "")
    else:
        inner = next(
            (one for one, kinds, words in _SIGNS[2:] if _matches_sign(chain, kinds, words)), fault
        )
        what = {
            Fault.NAME: "has a name that cannot be resolved",
            Fault.REFUSED: "refuses connections",
            Fault.SILENT: "does not answer: no connection in time",
            Fault.UNTRUSTED: "has a TLS certificate that cannot be verified",
            Fault.TLS: "does not speak TLS, as its address says it does",
            Fault.LATE: "does not connect us in time",
        }.get(inner, "cannot be used")
    return NoAnswer(
        Fault.PROXY,
        f"the proxy {proxy.host} that {proxy.variable} names {what}",
        f"Check {proxy.variable}; hosts that need no proxy go into NO_PROXY.",
    )


_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")


def _exception_chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it holds or came from."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < 50:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]
        waiting += [found for found in inner if isinstance(found, BaseException)]
