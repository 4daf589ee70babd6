"""What every request goes through before its route: an id, a size, a line in the log."""

from __future__ import annotations

import hashlib
import logging
import re
import time
import uuid
from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from confluence_mirror.service.problems import Problem

log = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024
_ASKED_HEADERS = (
    *("X-API-KEY", "Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"),
    "X-Workspace",
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestIds:
    """Every answer names its request; the log has a line of each."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("X-Request-Id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        began, status = time.monotonic(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            fields: Mapping[str, object] = {
                "request_id": request_id,
                "method": scope["method"],
                "route": getattr(scope.get("route"), "path", ""),
                "status": status,
                "ms": round((time.monotonic() - began) * 1000),
            }
            log.info("request", extra=fields)


class BodyLimit:
    """A body over 1 MiB is refused, whether its length is said or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it: the body is read here, so that it is refused before its route begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("Content-Length", "")
        too_large = length.isdigit() and int(length) > LARGEST_BODY
        pieces: list[Message] = []
        size, more = 0, not too_large
        while more:
            message = await receive()
            pieces.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size > LARGEST_BODY:
                too_large, more = True, False
        if too_large:
            await Problem("too-large").answer()(scope, receive, send)
            return

        async def replay() -> Message:
            return pieces.pop(0) if pieces else await receive()

        await self._app(scope, replay, send)


class ETags:
    """Every JSON answer to a GET has a weak tag; whoever has it already is told so (304)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it: JSON is held back until it is whole, all else passes."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get("If-None-Match", "")
        start: Message | None = None
        body = b""

        async def send_tagged(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_json = headers.get("Content-Type", "").startswith("application/json")
                if message["status"] == 200 and is_json:
                    start = message
                    return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                await _send_whole(start, body, known, send)

        await self._app(scope, receive, send_tagged)


async def _send_whole(start: Message, body: bytes, known: str, send: Send) -> None:
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = MutableHeaders(scope=start)
    headers["ETag"] = f'W/"{tag}"'
    wanted = {each.strip().removeprefix("W/").strip('"') for each in known.split(",")}
    if tag in wanted or known.strip() == "*":
        start["status"], body = 304, b""
        del headers["Content-Length"], headers["Content-Type"]
    await send(start)
    await send({"type": "http.response.body", "body": body})


def with_manners(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """An application with all of this around it: on its errors, too."""
    wrapped: ASGIApp = RequestIds(ETags(BodyLimit(app)))
    if not origins:
        return wrapped
    return CORSMiddleware(
        wrapped,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=list(_ASKED_HEADERS),
        expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        max_age=600,
    )
