"""Requests and answers, and the families of errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Payload: TypeAlias = dict[str, Any] | list[Any] | str | bytes
"""JSON values become JSON; text and bytes go as they are."""


@dataclass(frozen=True)
class Request:
    """A request, cut to what the API sees: the path begins with ``/rest/api`` or ``/api/v2``."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes = b""
    target: str = ""
    """Path and query as they were sent."""

    def one(self, name: str, default: str = "") -> str:
        """The first value of a parameter."""
        return self.query.get(name, [default])[0]

    def many(self, name: str) -> list[str]:
        """All values of a parameter, repeated or parted by commas."""
        return [
            part.strip()
            for value in self.query.get(name, [])
            for part in value.split(",")
            if part.strip()
        ]


@dataclass
class Answer:
    """What goes back."""

    payload: Payload
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class RequestError(Exception):
    """An answer that ends the handling of a request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


TOMCAT_401 = (
    '<!doctype html><html lang="en"><head><title>HTTP Status 401 –'
    " Unauthorized</title></head><body><h1>HTTP Status 401 – Unauthorized</h1><hr class='line'"
    " /><p><b>Type</b> Status Report</p><p><b>Description</b> The request has not been applied to"
    " the target resource because it lacks valid authentication credentials for that"
    " resource.</p></body></html>"
)
LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Log in with Atlassian account</title></head><body><form"
    ' id="form-login"><h1>Log in to continue</h1></form></body></html>'
)


def v1_error(status: int, message: str, *, kind: str = "") -> Answer:
    """``{"statusCode", "data", "message"}``; ``kind`` is the exception that the message names
    first."""
    prefix = f"com.atlassian.confluence.api.service.exceptions.{kind}: " if kind else ""
    data = {"authorized": True, "valid": status != 400, "errors": [], "successful": status == 410}
    return Answer({"statusCode": status, "data": data, "message": prefix + message}, status)


def v2_error(status: int, title: str, *, code: str = "", detail: str | None = None) -> Answer:
    """``{"errors": [{"status", "code", "title", "detail"}]}``."""
    code = code or {400: "INVALID_REQUEST_PARAMETER", 404: "NOT_FOUND"}.get(status, "ERROR")
    return Answer(
        {"errors": [{"status": status, "code": code, "title": title, "detail": detail}]}, status
    )


def gateway_error(status: int, message: str, **headers: str) -> Answer:
    """``{"code", "message"}``: the gateway's own."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer({"code": status, "message": message}, status, named)


def gone() -> Answer:
    """A removed v1 route."""
    return v1_error(
        410, "This deprecated endpoint has been removed.", kind="pagesmodes.GoneException"
    )


def no_route(request: Request) -> Answer:
    """No such route: JSON only for those who ask for it."""
    if "application/json" in request.headers.get("accept", ""):
        return Answer({"message": f"null for uri: {request.path}", "status-code": 404}, 404)
    page = (
        "<html><head><title>Page Not Found - Confluence</title></head><body><h1>Page Not"
        " Found</h1></body></html>"
    )
    return Answer(page, 404, {"Content-Type": "text/html;charset=UTF-8"})
