"""One HTTP request to a Llama Stack, through the users' own ``llama-stack-client``.

Only the client's generic ``get``, ``post`` and ``delete`` are used, so that one version of it
serves every server from 0.2 to 1.x. The servers refuse each request (426) whose
``X-LlamaStack-Client-Version`` is not their own major.minor, and take any request without it: the
header is dropped. Retries are the caller's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from confluence_mirror.addresses import redact_url
from confluence_mirror.errors import StoreUnavailable, SyncError, WrongSettings
from confluence_mirror.net.answers import NotJson, Reply
from confluence_mirror.net.reachability import Fault, NoAnswer
from confluence_mirror.net.retry import TryAgainError
from confluence_mirror.net.retry_after import read_retry_after
from confluence_mirror.net.session import Session, require_address

_CONNECTIONS = 16
_NOT_PASSED_ON = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection"}
)
"""Headers of an answer that are true of the wire, and not of the body that was read from it."""


@dataclass(frozen=True, slots=True)
class LlamaAnswer:
    """An HTTP answer: the body is parsed where it is JSON, else it is the text."""

    status: int
    body: object
    wait: float | None = None
    """Seconds that the server asks its client to wait."""


class LostAnswerError(TryAgainError):
    """No answer came: refused, reset, or not in time. Whether the request was applied is
    unknown."""

    def __init__(self, reason: str, *, hint: str = "", wait: float | None = None) -> None:
        super().__init__(reason, wait=wait)
        self.hint = hint


class Wire(Protocol):
    """Sends one request. Never retries, follows no redirect."""

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        file: tuple[str, str] | None = None,
    ) -> LlamaAnswer:
        """``file`` (name, text) is sent as multipart with ``body`` as its form fields. Raises
        ``LostAnswerError``."""

    def close(self) -> None:
        """Let go of connections. Idempotent."""


class ClientWire:
    """The wire of every run. May be used by several threads at once. ``variable`` holds the
    address."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        timeout: float,
        ca_bundle: str | None,
        variable: str = "LLAMA_BASE_URL",
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        httpx, client = _import_client()
        self._errors = client
        self._response = httpx.Response
        self._location = base_url
        # The client makes the request; it is sent as every other request of this program is.
        origin = redact_url(require_address(base_url, variable)._replace(path=""))
        self._session = Session(
            origin,
            variable=variable,
            timeout=timeout,
            ca_bundle=ca_bundle,
            pool_size=_CONNECTIONS,
            waiting=waiting,
        )
        self._http = httpx.Client(
            transport=_transport(httpx, self._session),
            trust_env=False,
            event_hooks={"request": [_drop_version]},
        )
        self._client = client.LlamaStackClient(
            base_url=base_url,
            api_key=api_key or "",
            max_retries=0,
            timeout=timeout,
            http_client=self._http,
        )
        if not api_key:
            self._client.api_key = (
                None  # else the client takes one from an environment variable of its own
            )

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        file: tuple[str, str] | None = None,
    ) -> LlamaAnswer:
        """See ``Wire.send``."""
        options: dict[str, Any] = {"params": dict(query)} if query else {}
        more: dict[str, Any] = {"body": dict(body)} if body is not None else {}
        if file:
            options["headers"] = {"Content-Type": "multipart/form-data"}
            more["files"] = [("file", (file[0], file[1].encode(), "text/markdown"))]
        call: Any = {
            "GET": self._client.get,
            "POST": self._client.post,
            "DELETE": self._client.delete,
        }[method]
        failure: Exception
        try:
            response = call(path, cast_to=self._response, options=options, **more)
            return read(Reply(response.status_code, response.headers, response.content))
        except self._errors.APIStatusError as error:
            response = error.response
            return read(Reply(response.status_code, response.headers, response.content))
        except self._errors.APIConnectionError as error:
            if isinstance(error.__cause__, NoAnswer):
                failure = lost(error.__cause__, self._location)
            elif isinstance(error.__cause__, SyncError):
                failure = error.__cause__
            else:
                raise
        raise failure

    def close(self) -> None:
        """See ``Wire.close``."""
        self._http.close()
        self._session.close()


def read(reply: Reply) -> LlamaAnswer:
    """The answer with its body. A success is JSON only where it says so: the text of a file may
    look like it."""
    wait = read_retry_after(reply.headers)
    if reply.status >= 400 or "json" in reply.headers.get("Content-Type", "").lower():
        try:
            return LlamaAnswer(reply.status, reply.json() if reply.content.strip() else "", wait)
        except NotJson:
            pass
    return LlamaAnswer(reply.status, reply.content.decode("utf-8", "replace"), wait)


def lost(failed: NoAnswer, location: str) -> LostAnswerError | StoreUnavailable | WrongSettings:
    """What it means that no answer came: worth another try, or not."""
    if failed.fault is Fault.ADDRESS:
        return WrongSettings(
            f"Llama Stack at {location} cannot be reached: {failed.reason}.", hint=failed.hint
        )
    if failed.lasting:
        return StoreUnavailable(
            f"Llama Stack at {location} cannot be reached: {failed.reason}.", hint=failed.hint
        )
    return LostAnswerError(failed.reason, hint=failed.hint)


def _transport(httpx: Any, session: Session) -> Any:
    """What the client's httpx sends requests by: the session, which settles proxies, CAs, time-outs
    and redirects."""

    class Transport(httpx.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            keep = {
                name: value
                for name, value in request.headers.items()
                if name not in ("host", "accept-encoding")
            }
            content = request.read() or None
            reply = session.send(
                request.method, request.url.raw_path.decode("ascii"), content=content, headers=keep
            )
            headers = [
                (name, value)
                for name, value in reply.headers.items()
                if name.lower() not in _NOT_PASSED_ON
            ]
            return httpx.Response(reply.status, headers=headers, content=reply.content)

    return Transport()


def _import_client() -> tuple[Any, Any]:
    """httpx and the client, only now: its import takes half a second, and other stores do without
    it.

    The import sets up logging for the whole program, which is undone.
    """
    handlers, level = list(logging.root.handlers), logging.root.level
    try:
        return import_module("httpx"), import_module("llama_stack_client")
    except ImportError:
        raise WrongSettings(
            "Llama Stack needs the package llama-stack-client 0.2.23, which is not installed;"
            " nothing was written.",
            hint=(
                "With Python 3.12 or later, in the checkout of this program: pip install '.[llama]'"
            ),
        ) from None
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each request


def _drop_version(request: Any) -> None:
    request.headers.pop("X-LlamaStack-Client-Version", None)
