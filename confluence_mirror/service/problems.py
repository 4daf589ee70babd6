"""Errors as RFC 9457 has them: ``application/problem+json``. No answer holds a traceback, or a
value that was sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from confluence_mirror.errors import StoreUnavailable, SyncError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_TITLES: Mapping[str, tuple[int, str]] = {
    "unauthorized": (401, "A key is required"),
    "forbidden": (403, "The key's role does not allow this"),
    "not-found": (404, "There is no such thing"),
    "method": (405, "There is no such method"),
    "invalid": (422, "The request does not fit"),
    "too-large": (413, "The request is too large"),
    "rate-limited": (429, "Too many calls"),
    "conflict": (409, "This does not go now"),
    "address-not-allowed": (422, "The address is not allowed"),
    "credential-refused": (401, "Confluence refuses the credential"),
    "scopes-missing": (403, "The token lacks scopes"),
    "needs-reauth": (409, "The connection needs a new credential"),
    "upstream": (502, "Confluence cannot be used"),
    "upstream-timeout": (504, "Confluence does not answer in time"),
    "store-unavailable": (503, "The store does not answer"),
    "database-unavailable": (503, "The database does not answer"),
    "internal": (500, "A bug in confluence-mirror"),
}


@dataclass
class Problem(Exception):
    """What a request is answered with where it cannot be done."""

    kind: str
    """The end of ``type``: a key of the table above."""
    detail: str = ""
    errors: Sequence[tuple[str, str]] = ()
    """Fields, each with what is wrong with it."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _TITLES[self.kind][0]

    def content(self) -> dict[str, Any]:
        """As JSON."""
        status, title = _TITLES[self.kind]
        content: dict[str, Any] = {
            "type": f"urn:confluence-mirror:{self.kind}",
            "title": title,
            "status": status,
            "detail": self.detail or f"{title}.",
        }
        if status == 422:
            content["errors"] = [{"field": name, "message": what} for name, what in self.errors]
        return content

    def answer(self) -> Response:
        """The response."""
        return Response(
            json.dumps(self.content()),
            self.status,
            headers=dict(self.headers),
            media_type=MEDIA_TYPE,
        )


def not_found() -> Problem:
    """The same for a foreign id as for one that nobody has."""
    return Problem("not-found", "There is nothing of this id here.")


def invalid(name: str, what: str) -> Problem:
    """One field that does not fit."""
    return Problem("invalid", f"{name} {what}", [(name, what)])


def handle_problems(app: FastAPI) -> None:
    """Answer every error of these routes as a problem, unknown routes included."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(DBAPIError, _answer_database)
    app.add_exception_handler(SyncError, _answer_engine)
    app.add_exception_handler(Exception, _answer_bug)


async def _answer_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.answer()


async def _answer_invalid(_request: Request, error: Exception) -> Response:
    """Pydantic's words without the values; a place that the client named itself is not repeated."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["loc"][0] == "path" for each in found):
        return not_found().answer()
    errors = [
        ("body" if each["type"] == "json_invalid" else _field_of(each["loc"]), _words_of(each))
        for each in found
    ]
    return Problem("invalid", "The request does not fit.", errors).answer()


def _field_of(place: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in place[1:]) or str(place[0])


def _words_of(found: Mapping[str, Any]) -> str:
    if found["type"] == "json_invalid":
        return "is not JSON"
    if found["type"] == "value_error":
        return str(found["msg"]).removeprefix("Value error, ")
    return str(found["msg"])


async def _answer_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "not-found", 405: "method", 413: "too-large"}.get(error.status_code, "invalid")
    detail = {
        "not-found": "There is no such route.",
        "invalid": "The request cannot be read.",
    }.get(kind, "")
    return Problem(kind, detail, headers=dict(error.headers or {})).answer()


async def _answer_database(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    log.error("the database does not answer: %s", type(error.orig).__name__)
    return Problem("database-unavailable").answer()


async def _answer_engine(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SyncError)
    log.error("%s", error)
    if isinstance(error, StoreUnavailable):
        return Problem("store-unavailable").answer()
    return Problem("internal", "The log says more.").answer()


async def _answer_bug(_request: Request, error: Exception) -> Response:
    log.error("a bug in confluence-mirror", exc_info=error)
    return Problem("internal", "The log says more.").answer()
