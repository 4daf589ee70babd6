"""One HTTP request to a Llama Stack, through the users' own ``llama-stack-client``.

Only the client's generic ``get``, ``post`` and ``delete`` are used, so that one version of it serves every server
from 0.2 to 1.x. The servers refuse each request (426) whose ``X-LlamaStack-Client-Version`` is not their own
major.minor, and take any request without it: the header is dropped. Retries are the caller's.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from confluence_sync.errors import WrongSettings

IDLE_SECONDS = 4.0
"""Connections are given up before the servers' own five seconds end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: the body is parsed where it is JSON, else it is the text."""

    status: int
    body: object


class LostAnswerError(Exception):
    """No answer came: refused, reset, or not in time. Whether the request was applied is unknown."""


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
    ) -> Answer:
        """``file`` (name, text) is sent as multipart with ``body`` as its form fields. Raises ``LostAnswerError``."""

    def close(self) -> None:
        """Let go of connections. Idempotent."""


class ClientWire:
    """The wire of every run. May be used by several threads at once."""

    def __init__(self, base_url: str, *, api_key: str | None, timeout: float, ca_bundle: str | None) -> None:
        httpx, client = _import_client()
        self._errors = client
        self._http = httpx.Client(
            timeout=timeout,
            verify=ssl.create_default_context(cafile=ca_bundle) if ca_bundle else True,
            follow_redirects=False,
            limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS),
            event_hooks={"request": [_drop_version]},
        )
        self._client = client.LlamaStackClient(
            base_url=base_url, api_key=api_key or "", max_retries=0, timeout=timeout, http_client=self._http
        )
        if not api_key:
            self._client.api_key = None  # else the client takes one from an environment variable of its own

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        file: tuple[str, str] | None = None,
    ) -> Answer:
        """See ``Wire.send``."""
        options: dict[str, Any] = {"params": dict(query)} if query else {}
        more: dict[str, Any] = {"body": dict(body)} if body is not None else {}
        if file:
            options["headers"] = {"Content-Type": "multipart/form-data"}
            more["files"] = [("file", (file[0], file[1].encode(), "text/markdown"))]
        call: Any = {"GET": self._client.get, "POST": self._client.post, "DELETE": self._client.delete}[method]
        try:
            return Answer(200, call(path, cast_to=object, options=options, **more))
        except self._errors.APIStatusError as error:
            return Answer(error.status_code, error.body)
        except self._errors.APIConnectionError as error:
            cause = error.__cause__
            raise LostAnswerError(f"{type(cause).__name__}: {cause}" if cause and str(cause) else str(error)) from error

    def close(self) -> None:
        """See ``Wire.close``."""
        self._http.close()


def _import_client() -> tuple[Any, Any]:
    """httpx and the client, only now: its import takes half a second, and other stores do without it.

    The import sets up logging for the whole program, which is undone.
    """
    handlers, level = list(logging.root.handlers), logging.root.level
    try:
        return import_module("httpx"), import_module("llama_stack_client")
    except ImportError:
        raise WrongSettings(
            "Llama Stack needs the package llama-stack-client 0.2.23, which is not installed; nothing was done.",
            hint="With Python 3.12 or later, in the checkout of this program: pip install '.[llama]'",
        ) from None
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # else a line for each request


def _drop_version(request: Any) -> None:
    request.headers.pop("X-LlamaStack-Client-Version", None)
