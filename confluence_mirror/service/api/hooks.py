"""Hooks: addresses that Confluence posts events to."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from confluence_mirror.service.api.base import (
    LISTED,
    Cursor,
    Editor,
    Limit,
    TheCore,
    problems,
    read_part,
)
from confluence_mirror.service.core import Core
from confluence_mirror.service.credentials import seal_secret
from confluence_mirror.service.db.tables import Connection, Hook, HookSecret, make_id
from confluence_mirror.service.imports import own_row
from confluence_mirror.service.problems import invalid

router = APIRouter(prefix="/api/v1/hooks", tags=["hooks"])

FORMER_S = 86_400.0
"""Seconds for which a former secret is good."""
Secret = Annotated[SecretStr, Field(min_length=16, max_length=1000)]


class HookRequest(BaseModel):
    """A new hook of a connection."""

    connection_id: UUID
    dialect: Literal["datacenter", "automation", "forge"]
    secret: Secret | None = None
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "X-Webhook-Secret"


class SecretRequest(BaseModel):
    """Another secret; the former is good for a day more."""

    secret: Secret


class HookShown(BaseModel):
    """A hook in the list."""

    hook_id: UUID
    url: str
    connection_id: UUID
    dialect: Literal["datacenter", "automation", "forge"]
    header: str | None


class HookMade(BaseModel):
    """A hook that was made; a secret of ours is shown this once."""

    hook_id: UUID
    url: str
    secret: str | None = None


class HookList(BaseModel):
    """Hooks of the workspace."""

    hooks: list[HookShown]
    cursor: str | None


@router.get("", responses=problems())
def list_hooks(
    core: TheCore, caller: Editor, limit: Limit = LISTED, cursor: Cursor = None
) -> HookList:
    """The hooks of the workspace."""
    query = select(Hook).where(Hook.workspace == caller.workspace, Hook.removed_at.is_(None))
    with core.database.reading() as session:
        found, more = read_part(session, query, (Hook.created_at, Hook.id), limit, cursor)
    return HookList(hooks=[_show(core, each) for each in found], cursor=more)


@router.post("", status_code=201, responses=problems(404))
def add_hook(asked: HookRequest, core: TheCore, caller: Editor) -> HookMade:
    """A new hook. Where no secret is given one is made; Forge signs with its own key."""
    if asked.dialect == "forge" and core.forge is None:
        raise invalid("dialect", "needs FORGE_APP_ID, which is not set")
    given = asked.secret.get_secret_value() if asked.secret else ""
    text = given or secrets.token_urlsafe(32)
    with core.database.writing() as session:
        connection = own_row(session, Connection, str(asked.connection_id), caller.workspace)
        made = Hook(
            id=make_id(),
            workspace=caller.workspace,
            connection_id=connection.id,
            dialect=asked.dialect,
            header=asked.header,
            created_at=core.database.now(session),
        )
        session.add(made)
        session.flush()
        signed_by_us = asked.dialect != "forge"
        if signed_by_us:
            _add_secret(core, session, made, text)
        shown = text if signed_by_us and not given else None
        return HookMade(hook_id=UUID(made.id), url=_url_of(core, made), secret=shown)


@router.patch("/{hook_id}", responses=problems(404))
def replace_secret(hook_id: UUID, asked: SecretRequest, core: TheCore, caller: Editor) -> HookShown:
    """Another secret."""
    with core.database.writing() as session:
        found = own_row(session, Hook, str(hook_id), caller.workspace)
        if found.dialect == "forge":
            raise invalid("secret", "is none of a Forge hook: Forge signs with its own key")
        now = core.database.now(session)
        for former in session.scalars(select(HookSecret).where(HookSecret.hook_id == found.id)):
            if former.expires_at is None:
                former.expires_at = now + FORMER_S
            elif former.expires_at <= now:
                session.delete(former)
        _add_secret(core, session, found, asked.secret.get_secret_value())
        return _show(core, found)


@router.delete("/{hook_id}", status_code=204, response_class=Response, responses=problems(404))
def remove_hook(hook_id: UUID, core: TheCore, caller: Editor) -> None:
    """Remove a hook and its secrets."""
    with core.database.writing() as session:
        found = own_row(session, Hook, str(hook_id), caller.workspace)
        found.removed_at = core.database.now(session)
        for each in session.scalars(select(HookSecret).where(HookSecret.hook_id == found.id)):
            session.delete(each)


def _add_secret(core: Core, session: Session, hook: Hook, text: str) -> None:
    row = HookSecret(
        id=make_id(),
        workspace=hook.workspace,
        hook_id=hook.id,
        secret="",
        created_at=core.database.now(session),
    )
    seal_secret(core.keyring, row, text)
    session.add(row)


def _url_of(core: Core, hook: Hook) -> str:
    return f"{core.public_url}/webhook/confluence/{hook.id}"


def _show(core: Core, row: Hook) -> HookShown:
    return HookShown.model_validate(
        {
            "hook_id": row.id,
            "url": _url_of(core, row),
            "connection_id": row.connection_id,
            "dialect": row.dialect,
            "header": row.header if row.dialect == "automation" else None,
        }
    )
