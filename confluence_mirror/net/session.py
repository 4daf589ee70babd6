"""One session per server: proxies, authorities, credentials and time-outs are settled here for
every client."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol
from urllib.parse import SplitResult

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from confluence_mirror import __version__
from confluence_mirror.addresses import host_and_port, redact_url, split_url
from confluence_mirror.errors import WrongSettings
from confluence_mirror.net.answers import Reply
from confluence_mirror.net.connections import Adapter
from confluence_mirror.net.proxies import proxy_for
from confluence_mirror.net.reachability import AnswerTooLargeError, Where, explain_failure
from confluence_mirror.waits import WAITS

CONNECT_SECONDS = 10.0
"""The longest wait for a connection, however long a request may take."""
LARGEST_ANSWER = 256 * 1024 * 1024
_PIECE = 256 * 1024

Params = Mapping[str, str | int | Sequence[str]]


def _hide_query(record: logging.LogRecord) -> bool:
    """Addresses of files are signed: whoever has one needs no credential."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            each.partition("?")[0] if isinstance(each, str) else each for each in record.args
        )
    return True


logging.getLogger("urllib3.connectionpool").addFilter(_hide_query)


class Writer(Protocol):
    """What the body of an answer can be written to."""

    def write(self, piece: bytes, /) -> int:
        """As files have it."""


class Credential(AuthBase):
    """An ``Authorization`` header for one origin, or none at all. Its ``repr`` tells nothing.

    Being set on every request, it keeps ``.netrc`` from replacing or adding a credential.
    """

    def __init__(self, url: str, value: str = "", secrets: Sequence[str] = ()) -> None:
        parts = split_url(url)
        self._origin = parts and (parts.scheme, host_and_port(parts))
        self._value = value
        self._secrets = sorted(
            {one for one in (*secrets, value.partition(" ")[2]) if one}, key=len, reverse=True
        )

    @classmethod
    def basic(cls, url: str, user: str, password: str) -> Credential:
        """For ``url``'s origin; any characters, as UTF-8."""
        value = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        return cls(url, f"Basic {value}", (user, password))

    @classmethod
    def bearer(cls, url: str, token: str) -> Credential:
        """For ``url``'s origin; without a token none is sent."""
        return cls(url, f"Bearer {token}" if token else "")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = split_url(request.url or "")
        if self._value and parts and (parts.scheme, host_and_port(parts)) == self._origin:
            request.headers["Authorization"] = self._value
        return request

    def remove_secrets(self, text: str) -> str:
        """Foreign text without what it repeats of the credential."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


class _Requests(requests.Session):
    """Reads nothing from the environment or the home, keeps no cookie, looks at no redirect."""

    def __init__(self, pool_size: int, waiting: Callable[[], None]) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.clear()
        adapter = Adapter(pool_size, waiting)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, _resp: requests.Response) -> None:
        """None: no redirect is followed, and an answer's ``Location`` not even parsed."""


class Session:
    """HTTP to one server. May be used by several threads.

    ``base_url`` is where every request goes, without a credential; ``variable`` names the setting
    that holds it. ``timeout``: seconds in which the whole answer to a request must have come
    (longer only while it arrives at 64 KiB per second and more). ``ca_bundle``: a PEM file with the
    CAs to trust instead of the system's. ``waiting`` is called about once per second while an
    answer is awaited; what it raises ends the request. ``largest``: bytes of an answer that are
    read at most. Raises ``WrongSettings`` for an invalid address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        variable: str,
        credential: Credential | None = None,
        timeout: float = 30.0,
        ca_bundle: str | None = None,
        pool_size: int = 4,
        headers: Mapping[str, str] | None = None,
        waiting: Callable[[], None] = lambda: None,
        largest: int = LARGEST_ANSWER,
    ) -> None:
        parts = require_address(base_url, variable)
        self.base_url = redact_url(parts).rstrip("/")
        self.host = host_and_port(parts)
        self._variable = variable
        self._credential = credential or Credential(base_url)
        self._timeout = (min(CONNECT_SECONDS, timeout), timeout)
        self._verify: str | bool = ca_bundle or True
        self._largest = largest
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"confluence-mirror/{__version__}",
            **(headers or {}),
        }
        self._requests = _Requests(pool_size, waiting)

    def __repr__(self) -> str:
        return f"Session({self.base_url!r})"

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        fresh: bool = False,
        into: Callable[[Reply], Writer] | None = None,
    ) -> Reply:
        """One request, sent once; the answer, whatever its status. Raises ``NoAnswer``.

        ``path`` follows the base address. ``content`` is JSON unless ``headers`` say otherwise.
        ``fresh``: on a new connection, since an idle one that the server has just closed would look
        like a lost answer. ``into`` is given a good answer without its body, and gives what the
        body is written to as it comes, also where it breaks off; nothing is held then.
        """
        if fresh:
            self._requests.close()
        kind = {} if content is None else {"Content-Type": "application/json"}
        proxy = proxy_for(self.base_url)
        failure: BaseException
        try:
            with (
                WAITS.announce(f"an answer of {self.host}", idle=False),
                self._requests.request(
                    method,
                    self.base_url + path,
                    params=dict(params or {}),
                    data=content,
                    headers={**self._headers, **kind, **(headers or {})},
                    auth=self._credential,
                    timeout=self._timeout,
                    verify=self._verify,
                    proxies={"http": proxy.url, "https": proxy.url} if proxy else {},
                    stream=True,
                ) as response,
            ):
                reply = Reply(response.status_code, response.headers, b"")
                if into is not None and response.ok:
                    self._write_body(response, into(reply))
                    return reply
                return replace(reply, content=self._read_body(response))
        except (OSError, HTTPError, ValueError) as error:
            failure = explain_failure(error, Where(self.host, self._variable, proxy))
        # outside, so that it does not carry the library's exception with the request's headers
        raise failure

    def _read_body(self, response: requests.Response) -> bytes:
        pieces, size = [], 0
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > self._largest:
                raise AnswerTooLargeError
            pieces.append(piece)
        return b"".join(pieces)

    @staticmethod
    def _write_body(response: requests.Response, target: Writer) -> None:
        for piece in response.iter_content(_PIECE):
            target.write(piece)

    def close(self) -> None:
        """Let go of the connections. Idempotent."""
        self._requests.close()


def require_address(url: str, variable: str) -> SplitResult:
    """The parts of a server's address. Raises ``WrongSettings``, which does not repeat it."""
    parts = split_url(url)
    if parts is None:
        raise WrongSettings(
            f"{variable} is not an http or https address.", hint="It looks like https://HOST."
        )
    return parts
