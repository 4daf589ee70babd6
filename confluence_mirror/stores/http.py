"""JSON over HTTP for the stores: one place for retries, credentials, and what an answer means.

Retries live here and nowhere else. A request that must not be carried out twice is repeated only
where it certainly was not carried out (no connection, 429); otherwise ``OutcomeUnknown`` is raised.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlunsplit

from confluence_mirror.addresses import host_and_port, split_url
from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_mirror.net.answers import NotJson, Reply, quote_foreign
from confluence_mirror.net.reachability import Fault, NoAnswer
from confluence_mirror.net.retry import BUSY, RetryPolicy, TryAgainError
from confluence_mirror.net.retry_after import read_retry_after
from confluence_mirror.net.session import Credential, Session


class TooSlow(StoreUnavailable):
    """A request that may be repeated was not answered in time, by the server or by a proxy before
    it (504)."""


class OutcomeUnknown(StoreUnavailable):
    """A request that may or may not have been carried out, and must not be repeated blindly.

    ``ended`` is true where the server answered (an error): it is no longer at work on the request.
    """

    def __init__(self, message: str, *, hint: str = "", ended: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.ended = ended


@dataclass(frozen=True, slots=True)
class StoreAnswer:
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
        return (
            None
            if value is None
            else frozenset(part.strip().upper() for part in value.split(",") if part.strip())
        )

    def describe(self) -> str:
        """``404``, ``200 with HTML`` …, and the start of an error's text: for one line of a
        message."""
        if not self.json:
            kind = (
                "HTML"
                if "<html" in self.text[:2000].lower() or "<!doctype" in self.text[:200].lower()
                else "no JSON"
            )
            return f"{self.status} with {kind}"
        text = quote_foreign(self.text)
        return f"{self.status} {text}" if self.status >= 400 and text else str(self.status)


class Api:
    """An HTTP API of a store. Used by one thread.

    ``base_url`` may have a path (behind a proxy); ``/v1`` or ``/v1/openai/v1`` at its end is taken
    off. ``timeout`` is in seconds. Redirects are never followed: the credential goes to the store's
    host alone.
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
        variable: str = "VECTOR_API_BASE_URL",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.location, user, password = _split(base_url)
        self._credential = (
            Credential.basic(self.location, user, password)
            if user and not token
            else Credential.bearer(self.location, token)
        )
        self._session = Session(
            self.location,
            variable=variable,
            credential=self._credential,
            timeout=timeout,
            ca_bundle=ca_bundle or None,
            headers=headers,
            waiting=lambda: sleep(0),
        )
        self._retry = RetryPolicy(
            f"the vector store at {self.location}", attempts, longest=10.0, sleep=sleep
        )

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> StoreAnswer:
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
        splits: bool = False,
    ) -> StoreAnswer:
        """Send a request and give the answer, whatever its status, but for what no caller can use.

        ``repeat`` says that carrying it out twice does no harm; ``splits`` that the caller has
        smaller requests to try where this one is ``TooSlow``, which then is raised at once. Raises
        ``PermissionRefused`` for 401 and 403, ``WrongSettings`` for a redirect,
        ``StoreUnavailable`` after the last attempt, and ``OutcomeUnknown`` where a request without
        ``repeat`` may have been carried out.
        """
        return self._retry.call_with_retries(self._once, method, path, body, params, repeat, splits)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _once(
        self,
        method: str,
        path: str,
        body: object,
        params: Mapping[str, str | int] | None,
        repeat: bool,
        splits: bool,
    ) -> StoreAnswer:
        content = None if body is None else encode(body)
        try:
            reply = self._session.send(
                method, path, params=params, content=content, fresh=not repeat
            )
        except NoAnswer as failed:
            failure = self._failed(failed, repeat, splits)
        else:
            return self._judged(reply, method, path, repeat, splits)
        raise failure

    def _failed(self, failed: NoAnswer, repeat: bool, splits: bool) -> Exception:
        what = "gave no answer" if failed.sent else "cannot be reached"
        message = f"The vector store at {self.location} {what}: {failed.reason}"
        if failed.fault is Fault.ADDRESS:
            return WrongSettings(f"{message}.", hint=failed.hint)
        if failed.lasting:
            return StoreUnavailable(f"{message}; the request was not sent.", hint=failed.hint)
        if repeat and failed.fault is Fault.LATE:
            return TryAgainError(
                TooSlow(f"{message}.", hint=failed.hint), attempts=1 if splits else None
            )
        if repeat or not failed.sent:
            return TryAgainError(StoreUnavailable(f"{message}.", hint=failed.hint))
        return OutcomeUnknown(f"{message}.", hint="Run again.")

    def _judged(
        self, reply: Reply, method: str, path: str, repeat: bool, splits: bool
    ) -> StoreAnswer:
        answer = _answer(reply, self._credential.remove_secrets)
        where = f"{method} {path}"
        if answer.status in (401, 403):
            raise PermissionRefused(
                f"The vector store at {self.location} refuses the credential ({answer.status} to"
                f" {where}).",
                hint="Check the store's token and its rights.",
            )
        if answer.status in (301, 302, 303, 307, 308):
            raise WrongSettings(
                f"The vector store at {self.location} redirects {where} to another address, which"
                " is not followed.",
                hint="Set the store's URL to the final address.",
            )
        if answer.status in BUSY:
            message = f"The vector store at {self.location} answers {answer.describe()} to {where}."
            if repeat and answer.status == 504:
                raise TryAgainError(
                    TooSlow(message),
                    wait=read_retry_after(answer.headers),
                    attempts=1 if splits else None,
                )
            if repeat or answer.status == 429:
                raise TryAgainError(
                    StoreUnavailable(message), wait=read_retry_after(answer.headers)
                )
            raise OutcomeUnknown(message, hint="Run again.", ended=answer.status == 503)
        return answer


def encode(body: object) -> bytes:
    """JSON as UTF-8, with escapes only where a text cannot be UTF-8 (lone surrogates)."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(body, allow_nan=False).encode()


def _split(base_url: str) -> tuple[str, str, str]:
    parts = split_url(base_url)
    if parts is None:
        raise WrongSettings(
            "The vector store's URL is not an http(s) URL.", hint="Example: https://vectors.example"
        )
    path = re.sub(r"(/v1/openai)?/v1$", "", parts.path.rstrip("/")).rstrip("/")
    base = urlunsplit((parts.scheme, host_and_port(parts), path, "", ""))
    return base, unquote(parts.username or ""), unquote(parts.password or "")


def _answer(reply: Reply, clean: Callable[[str], str]) -> StoreAnswer:
    text = clean(reply.content[:4000].decode("utf-8", "replace"))
    try:
        data = reply.json() if reply.content.strip() else None
    except NotJson:
        return StoreAnswer(reply.status, None, text, reply.headers, json=False)
    return StoreAnswer(reply.status, data, text if reply.status >= 400 else "", reply.headers)
