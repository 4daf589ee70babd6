"""Keys, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from confluence_mirror.service.api.base import (
    LISTED,
    Admin,
    Cursor,
    Limit,
    TheCore,
    problems,
    read_part,
    show_time,
)
from confluence_mirror.service.auth.keys import make_key
from confluence_mirror.service.db.tables import Key
from confluence_mirror.service.problems import invalid, not_found

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


class KeyRequest(BaseModel):
    """A new key. The workspace is made when the first key names it."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["reader", "editor", "admin"]
    workspace: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")] | None = None
    account_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    expires_at: datetime | None = None


class KeyShown(BaseModel):
    """A key in the list."""

    key_id: UUID
    name: str
    role: Literal["reader", "editor", "admin"]
    workspace: str
    account_id: str | None
    expires_at: str | None


class KeyMade(KeyShown):
    """A key that was made; its text is shown this once."""

    key: str


class KeyList(BaseModel):
    """Keys of the workspace."""

    keys: list[KeyShown]
    cursor: str | None


@router.get("", responses=problems())
def list_keys(
    core: TheCore, caller: Admin, limit: Limit = LISTED, cursor: Cursor = None
) -> KeyList:
    """The keys of the workspace in which the caller acts."""
    query = select(Key).where(Key.workspace == caller.workspace)
    with core.database.reading() as session:
        found, more = read_part(session, query, (Key.created_at, Key.id), limit, cursor)
    shown = [KeyShown.model_validate(_fields_of(each)) for each in found]
    return KeyList(keys=shown, cursor=more)


@router.post("", status_code=201, responses=problems())
def add_key(asked: KeyRequest, core: TheCore, caller: Admin) -> KeyMade:
    """A new key."""
    expires = asked.expires_at
    if expires is not None and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    with core.database.writing() as session:
        now = core.database.now(session)
        if expires is not None and expires.timestamp() <= now:
            raise invalid("expires_at", "is not in the future")
        row, text = make_key(
            session,
            now,
            workspace=asked.workspace or caller.workspace,
            name=asked.name,
            role=asked.role,
            account_id=asked.account_id,
            expires_at=expires.timestamp() if expires else None,
        )
        return KeyMade.model_validate({**_fields_of(row), "key": text})


@router.delete("/{key_id}", status_code=204, response_class=Response, responses=problems(404))
def remove_key(key_id: UUID, core: TheCore, caller: Admin) -> None:
    """Remove a key, at once in every process."""
    with core.database.writing() as session:
        row = session.get(Key, str(key_id))
        if row is None or row.workspace != caller.workspace:
            raise not_found()
        session.delete(row)


def _fields_of(row: Key) -> dict[str, object]:
    return {
        "key_id": row.id,
        "name": row.name,
        "role": row.role,
        "workspace": row.workspace,
        "account_id": row.account_id,
        "expires_at": show_time(row.expires_at),
    }
