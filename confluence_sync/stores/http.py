"""JSON over HTTP for the stores: one place for retries, credentials, and what an answer means.

Retries live here and nowhere else. A request that must not be carried out twice is repeated only where it certainly
was not carried out (no connection, 429); otherwise ``OutcomeUnknown`` is raised.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
import tenacity
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import NameResolutionError, NewConnectionError

from confluence_sync.errors import PermissionRefused, StoreUnavailable, WrongSettings

BUSY = frozenset({429, 502, 503, 504})
"""Answers of a server, or of the proxy before it, that may be another one in a moment."""
LONGEST_WAIT = 60.0
"""Seconds: a longer ``Retry-After`` is cut to this."""


class OutcomeUnknown(StoreUnavailable):
    """A request that may or may not have been carried out, and must not be repeated blindly.

    ``ended`` is true where the server answered (an error): it is no longer at work on the request.
    """

    def __init__(self, message: str, *, hint: str = "", ended: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.ended = ended


class _TryAgainError(Exception):
    """Try again, after ``wait`` seconds where the server named them."""

    def __init__(self, final: Exception, wait: float | None = None) -> None:
        super().__init__()
        self.final = final
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. ``data`` is the JSON value (None too where the body is empty or no JSON)."""

    status: int
    data: object
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: bool = True
    """The body was JSON, or empty."""

    @property
    def ok(self) -> bool:
        """2xx, with JSON or nothing in it: a proxy's HTML page is not a success."""
        return 200 <= self.status < 300 and self.json

    @property
    def allow(self) -> frozenset[str] | None:
        """The methods of the ``Allow`` header; None without one."""
        value = self.headers.get("Allow")
        return None if value is None else frozenset(part.strip().upper() for part in value.split(",") if part.strip())

    def describe(self) -> str:
        """``404``, ``200 with HTML`` …, and the start of an error's text: for one line of a message."""
        if not self.json:
            kind = (
                "HTML" if "<html" in self.text[:2000].lower() or "<!doctype" in self.text[:200].lower() else "no JSON"
            )
            return f"{self.status} with {kind}"
        text = " ".join(self.text.split())
        return f"{self.status} {text[:200]}" if self.status >= 400 and text else str(self.status)


class _Credential(AuthBase):
    """Bearer token, or the user and password of the URL. Being set, it keeps ``.netrc`` out."""

    def __init__(self, token: str, user: str, password: str) -> None:
        self._token, self._user, self._password = token, user, password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        elif self._user:
            HTTPBasicAuth(self._user.encode(), self._password.encode())(request)
        return request


class Api:
    """An HTTP API of a store. Used by one thread.

    ``base_url`` may have a path (behind a proxy); ``/v1`` or ``/v1/openai/v1`` at its end is taken off. ``timeout`` is
    in seconds. Redirects are never followed: the credential goes to the store's host alone.
    """

    def __init__(
        self,
        base_url: str,
        token: str = "",
        *,
        timeout: float = 30.0,
        ca_bundle: str = "",
        headers: Mapping[str, str] | None = None,
        attempts: int = 6,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base, user, password = _split(base_url)
        self.location = self._base
        self._timeout = timeout
        self._verify: str | None = ca_bundle or None
        self._attempts = attempts
        self._sleep = sleep
        self._session = requests.Session()
        self._session.headers.update(headers or {})
        self._session.auth = _Credential(token, user, password)

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """GET, repeated until there is an answer."""
        return self.send("GET", path, params=params)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, str | int] | None = None,
        *,
        repeat: bool = True,
    ) -> Answer:
        """Send a request and give the answer, whatever its status, but for what no caller can use.

        ``repeat`` says that carrying it out twice does no harm. Raises ``PermissionRefused`` for 401 and 403,
        ``WrongSettings`` for a redirect, ``StoreUnavailable`` after the last attempt, and ``OutcomeUnknown`` where a
        request without ``repeat`` may have been carried out.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_TryAgainError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, body, params, repeat)
        except _TryAgainError as again:
            raise again.final from None

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _once(
        self, method: str, path: str, body: object, params: Mapping[str, str | int] | None, repeat: bool
    ) -> Answer:
        if not repeat:
            self._session.close()  # An idle connection that the server has just closed would look like a lost answer.
        try:
            response = self._session.request(
                method,
                self._base + path,
                params=params,
                data=None if body is None else encode(body),
                headers={"Accept": "application/json"} | ({} if body is None else {"Content-Type": "application/json"}),
                timeout=(min(self._timeout, 10.0), self._timeout),
                verify=self._verify,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._failed(error, repeat) from None
        return self._judged(response, method, path, repeat)

    def _failed(self, error: requests.RequestException, repeat: bool) -> Exception:
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return StoreUnavailable(
                f"The certificate of the vector store at {self.location} is not trusted; nothing was sent.",
                hint="Set CA_BUNDLE to the certificate of your authority.",
            )
        if isinstance(error, ValueError):  # requests' errors about a URL that is none
            return WrongSettings(f"The vector store's URL {self.location} cannot be used.")
        if _never_sent(error):
            return _TryAgainError(
                StoreUnavailable(f"The vector store at {self.location} cannot be reached: no connection.")
            )
        kind = "it did not answer in time" if isinstance(error, requests.Timeout) else "the connection broke off"
        message = f"The vector store at {self.location} gave no answer: {kind}."
        return _TryAgainError(StoreUnavailable(message)) if repeat else OutcomeUnknown(message, hint="Run again.")

    def _judged(self, response: requests.Response, method: str, path: str, repeat: bool) -> Answer:
        answer = _answer(response)
        where = f"{method} {path}"
        if answer.status in (401, 403):
            raise PermissionRefused(
                f"The vector store at {self.location} refuses the credential ({answer.status} to {where}).",
                hint="Check the store's token and its rights.",
            )
        if answer.status in (301, 302, 303, 307, 308):
            raise WrongSettings(
                f"The vector store at {self.location} redirects {where} to another address, which is not followed.",
                hint="Set the store's URL to the final address.",
            )
        if answer.status in BUSY:
            message = f"The vector store at {self.location} answers {answer.describe()} to {where}."
            if repeat or answer.status == 429:
                raise _TryAgainError(StoreUnavailable(message), _retry_after(answer.headers.get("Retry-After")))
            raise OutcomeUnknown(message, hint="Run again.", ended=answer.status == 503)
        return answer


def encode(body: object) -> bytes:
    """JSON as UTF-8, with escapes only where a text cannot be UTF-8 (lone surrogates)."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body, allow_nan=False).encode()


def _split(base_url: str) -> tuple[str, str, str]:
    parts = urlsplit(base_url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongSettings("The vector store's URL is not an http(s) URL.", hint="Example: https://vectors.example")
    path = re.sub(r"(/v1/openai)?/v1$", "", parts.path.rstrip("/")).rstrip("/")
    host = parts.netloc.rpartition("@")[2]
    base = urlunsplit((parts.scheme, host, path, "", ""))
    return base, unquote(parts.username or ""), unquote(parts.password or "")


def _never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, (NewConnectionError, NameResolutionError))


def _answer(response: requests.Response) -> Answer:
    content = response.content
    try:
        data = json.loads(content) if content.strip() else None
    except ValueError:
        return Answer(
            response.status_code, None, content[:4000].decode("utf-8", "replace"), response.headers, json=False
        )
    text = content[:4000].decode("utf-8", "replace") if response.status_code >= 400 else ""
    return Answer(response.status_code, data, text, response.headers)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _TryAgainError) and error.wait is not None:
        return error.wait
    return random.uniform(0.1, min(10.0, 0.5 * 2.0**state.attempt_number))  # noqa: S311


def _retry_after(value: str | None) -> float | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT)
