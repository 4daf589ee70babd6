"""Events as Confluence posts them: checked, noted, and answered at once."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import Headers

from confluence_mirror.service.api.base import Responses, TheCore, open_problems
from confluence_mirror.service.auth.keys import DEFAULT_WORKSPACE
from confluence_mirror.service.core import Core
from confluence_mirror.service.credentials import open_secret
from confluence_mirror.service.db.tables import Connection, Hook, HookSecret
from confluence_mirror.service.environment_connection import NAME
from confluence_mirror.service.events import page_of_event
from confluence_mirror.service.problems import Problem, not_found
from confluence_mirror.service.vault import SealBroken

router = APIRouter(prefix="/webhook/confluence", tags=["events"])

_SIGNATURE = "X-Hub-Signature"
_ANSWERS: Responses = open_problems(401, 404)


class EventNoted(BaseModel):
    """The event was taken; what it is about is read again."""

    status: Literal["accepted"] = "accepted"


@dataclass(frozen=True, slots=True)
class _Checked:
    """A hook with what its events are checked by."""

    dialect: str
    header: str
    secrets: tuple[str, ...]
    connection_id: str
    cloud_id: str


@router.post("/{hook_id}", status_code=202, responses=_ANSWERS)
async def take_event(hook_id: UUID, request: Request, core: TheCore) -> EventNoted:
    """An event of a hook. Its body is only a hint: the page is read again."""
    body = await request.body()
    return await run_in_threadpool(_take, core, str(hook_id), body, request.headers)


@router.post("", status_code=202, responses=_ANSWERS)
async def take_only_hook(request: Request, core: TheCore) -> EventNoted:
    """An event of the environment's hook, else of the only one that there is."""
    body = await request.body()
    return await run_in_threadpool(_take, core, None, body, request.headers)


def _take(core: Core, hook_id: str | None, body: bytes, headers: Headers) -> EventNoted:
    with core.database.reading() as session:
        hook = _find_hook(core, session, hook_id)
    if not _is_signed(core, hook, body, headers):
        raise Problem("unauthorized", "The event is not signed as this hook's are.")
    core.events.add(hook.connection_id, page_of_event(body))
    return EventNoted()


def _find_hook(core: Core, session: Session, hook_id: str | None) -> _Checked:
    """The hook of this id, else the environment's, else the only one. Raises ``Problem``."""
    secret = core.loaded.service.webhook_secret
    if hook_id is None and secret is not None:
        query = select(Connection).where(
            Connection.workspace == DEFAULT_WORKSPACE,
            Connection.name == NAME,
            Connection.removed_at.is_(None),
        )
        if (connection := session.scalars(query).first()) is None:
            raise not_found()
        return _Checked("datacenter", "", (secret.reveal(),), connection.id, connection.cloud_id)
    hooks = (
        select(Hook, Connection, HookSecret)
        .join(Connection, Connection.id == Hook.connection_id)
        .outerjoin(HookSecret, HookSecret.hook_id == Hook.id)
        .where(Hook.removed_at.is_(None), Connection.removed_at.is_(None))
    )
    if hook_id is not None:
        hooks = hooks.where(Hook.id == hook_id)
    found = session.execute(hooks).all()
    if len({hook.id for hook, _, _ in found}) != 1:
        raise not_found()
    hook, connection, _ = found[0]
    rows = [row for _, _, row in found if row is not None]
    if any(row.expires_at is not None for row in rows):
        now = core.database.now(session)
        rows = [row for row in rows if row.expires_at is None or row.expires_at > now]
    try:
        opened = tuple(open_secret(core.keyring, row) for row in rows)
    except SealBroken:
        raise Problem("internal", "The hook's secret does not open.") from None
    return _Checked(hook.dialect, hook.header, opened, connection.id, connection.cloud_id)


def _is_signed(core: Core, hook: _Checked, body: bytes, headers: Headers) -> bool:
    """By its dialect, in constant time."""
    if hook.dialect == "forge":
        kind, _, token = headers.get("Authorization", "").partition(" ")
        right = kind.lower() == "bearer" and core.forge is not None
        return right and core.forge is not None and core.forge.belongs_to(token, hook.cloud_id)
    if hook.dialect == "datacenter":
        given = headers.get(_SIGNATURE, "")
        wanted = [
            "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
            for secret in hook.secrets
        ]
    else:
        given, wanted = headers.get(hook.header, ""), list(hook.secrets)
    found = [hmac.compare_digest(given.encode(), each.encode()) for each in wanted]
    return any(found)
