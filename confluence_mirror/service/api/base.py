"""What the routes have in common: who calls, lists in pages, times."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel, Field
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from confluence_mirror.service.auth.keys import WORKSPACE, Caller, Role, find_caller
from confluence_mirror.service.core import Core
from confluence_mirror.service.problems import MEDIA_TYPE, Problem, invalid

MOST_LISTED, LISTED = 100, 50

_Row = TypeVar("_Row")

_HEADER = APIKeyHeader(name="X-API-KEY", auto_error=False, scheme_name="key")
_BEARER = HTTPBearer(auto_error=False, scheme_name="bearer")


class FieldError(BaseModel):
    """A field of a request that does not fit."""

    field: str
    message: str


class ProblemAnswer(BaseModel):
    """An error as RFC 9457 has it."""

    type: str = Field(examples=["urn:confluence-mirror:invalid"])
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None


_MEANINGS: Mapping[int, str] = {
    401: "No key, or a wrong one",
    403: "The key's role does not allow this",
    404: "There is no such thing",
    409: "This does not go now",
    413: "The body is larger than 1 MiB",
    422: "The request does not fit",
    429: "Too many calls: `Retry-After` says in how many seconds one may go on",
    500: "A bug in confluence-mirror",
    502: "Confluence cannot be used",
    503: "The database or the store does not answer",
    504: "Confluence does not answer in time",
}


Responses: TypeAlias = dict[int | str, dict[str, Any]]


def problems(*statuses: int, also: Responses | None = None) -> Responses:
    """What a route that needs a key answers beside its success, for the description of the API."""
    return {**(also or {}), **open_problems(401, 403, 429, *statuses)}


def open_problems(*statuses: int) -> Responses:
    """The same of a route that needs none."""
    schema = {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: schema}}
        for status in sorted({*statuses, 413, 422, 500, 503})
    }


async def core_of(request: Request) -> Core:
    """The parts of this process. Not on a thread of its own, as plain functions are."""
    core: Core = request.app.state.core
    return core


TheCore: TypeAlias = Annotated[Core, Depends(core_of)]


def _caller_of(
    request: Request,
    core: TheCore,
    header: Annotated[str | None, Security(_HEADER)],
    bearer: Annotated[Any, Security(_BEARER)],
) -> Caller:
    """Who calls. Raises ``Problem`` (401)."""
    text = header or (bearer.credentials if bearer else "")
    workspace = request.headers.get("X-Workspace", "")
    if workspace and not WORKSPACE.fullmatch(workspace):
        raise invalid("X-Workspace", "is not a name of a workspace ([a-z0-9-]{1,63})")
    caller = None
    if text:
        with core.database.reading() as session:
            now = core.database.now(session)
            caller = find_caller(session, now, text, core.admin_key, workspace)
    address = request.client.host if request.client else ""
    wait = core.rates.seconds_to_wait(f"key {caller.key_id}" if caller else f"address {address}")
    if wait:
        raise Problem("rate-limited", headers={"Retry-After": str(wait)})
    if caller is None:
        raise Problem("unauthorized", headers={"WWW-Authenticate": "Bearer"})
    return caller


def _require(role: Role) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(caller: Annotated[Caller, Depends(_caller_of)]) -> Caller:
        if not caller.may(role):
            raise Problem("forbidden")
        return caller

    return check


Reader: TypeAlias = Annotated[Caller, Depends(_require("reader"))]
Editor: TypeAlias = Annotated[Caller, Depends(_require("editor"))]
Admin: TypeAlias = Annotated[Caller, Depends(_require("admin"))]

Limit: TypeAlias = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Cursor: TypeAlias = Annotated[str | None, Query(max_length=500)]


def encode_cursor(*place: str | float) -> str:
    """Where the next part of a list begins."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, kinds: Sequence[type]) -> list[Any] | None:
    """What ``encode_cursor`` was given; None for a first part. Raises ``Problem`` (422)."""
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        place = None
    if (
        not isinstance(place, list)
        or len(place) != len(kinds)
        or not all(isinstance(each, kind) for each, kind in zip(place, kinds, strict=True))
    ):
        raise invalid("cursor", "is none that a list gave")
    return place


def read_part(
    session: Session,
    query: Select[tuple[_Row]],
    order: tuple[InstrumentedAttribute[float], InstrumentedAttribute[str]],
    limit: int,
    cursor: str | None,
    *,
    newest_first: bool = False,
) -> tuple[Sequence[_Row], str | None]:
    """One part of a list whose rows are ordered by a moment and an id, and where the next part
    begins. Raises ``Problem`` (422)."""
    query = query.order_by(*(each.desc() for each in order) if newest_first else order)
    if place := decode_cursor(cursor, (float, str)):
        reached, last = tuple_(*order), tuple_(*place)
        query = query.where(reached < last if newest_first else reached > last)
    found = session.scalars(query.limit(limit + 1)).all()
    if len(found) <= limit:
        return found, None
    return found[:limit], encode_cursor(*(getattr(found[limit - 1], each.key) for each in order))


def show_time(moment: float | datetime | None) -> str | None:
    """``2026-01-31T08:15:00Z``."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    shown = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return shown.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
