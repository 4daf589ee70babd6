"""Connections: a site and a credential, checked before they are kept."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

import httpx2
from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, Field, SecretStr
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
    show_time,
)
from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Connection, Hook, HookSecret, Mirror
from confluence_mirror.service.imports import keep_connection, own_row
from confluence_mirror.service.outside import check_address, get_json
from confluence_mirror.service.problems import Problem, invalid
from confluence_mirror.service.rotation import forget_former
from confluence_mirror.service.sites import Login, open_site, read_facts

router = APIRouter(tags=["connections"])

_CLOUD_ID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_TENANT_INFO = "/_edge/tenant_info"
_ASKED_S = 10.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,2048}")


def _check_token(token: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("is no token: it is empty, too long, or holds blanks or other letters")
    return token


Email = Annotated[str, Field(pattern=r"^[^\s:@]+@[^\s:@]+$", max_length=254)]
Token = Annotated[SecretStr, AfterValidator(_check_token)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class ConnectRequest(BaseModel):
    """A site, and a credential for it."""

    deployment: Literal["cloud", "datacenter", "server"] = "cloud"
    cloud_id: Annotated[str, Field(pattern=_CLOUD_ID)] | None = None
    site_url: Annotated[str, Field(max_length=2000)] | None = Field(
        None, examples=["https://example.atlassian.net"]
    )
    email: Email | None = Field(None, examples=["bot@example.com"])
    token: Token
    name: Name | None = None
    test: bool = False


class TokenRequest(BaseModel):
    """A new credential for the same site."""

    email: Email | None = None
    token: Token


class SiteShown(BaseModel):
    """A site."""

    cloud_id: str
    url: str


class UserShown(BaseModel):
    """An account."""

    account_id: str
    name: str


class ConnectAnswer(BaseModel):
    """A connection that works."""

    connection_id: UUID | None
    deployment: str
    site: SiteShown
    user: UserShown
    spaces_visible: int


class ConnectionShown(BaseModel):
    """A connection in the list."""

    connection_id: UUID
    name: str
    deployment: str
    method: Literal["token", "oauth", "pat", "basic"]
    site: SiteShown
    state: Literal["ok", "needs_reauth", "needs_site", "unreachable"]
    checked_at: str


class ConnectionList(BaseModel):
    """Connections of the workspace."""

    connections: list[ConnectionShown]
    cursor: str | None


class PurgeStarted(BaseModel):
    """The runs in which the content leaves, one per mirror."""

    run_id: UUID
    run_ids: list[UUID]


@router.post("/connect", responses=problems(404, 502, 504))
def connect_site(asked: ConnectRequest, core: TheCore, caller: Editor) -> ConnectAnswer:
    """Check a credential and keep it, sealed. The same site and account are the same connection."""
    return _connect(asked, core, caller.workspace)


@router.post("/api/v1/confluence/auth", status_code=201, responses=problems(404, 502, 504))
def add_connection(asked: ConnectRequest, core: TheCore, caller: Editor) -> ConnectAnswer:
    """As ``/connect``."""
    return _connect(asked, core, caller.workspace)


@router.get("/api/v1/confluence/auth/status", responses=problems())
def list_connections(
    core: TheCore, caller: Editor, limit: Limit = LISTED, cursor: Cursor = None
) -> ConnectionList:
    """The connections of the workspace."""
    query = select(Connection).where(
        Connection.workspace == caller.workspace, Connection.removed_at.is_(None)
    )
    order = Connection.created_at, Connection.id
    with core.database.reading() as session:
        found, more = read_part(session, query, order, limit, cursor)
    return ConnectionList(connections=[_show(each) for each in found], cursor=more)


@router.put("/api/v1/confluence/auth/{connection_id}", responses=problems(404, 502, 504))
def replace_token(
    connection_id: UUID, asked: TokenRequest, core: TheCore, caller: Editor
) -> ConnectAnswer:
    """Another credential for the same site."""
    with core.database.reading() as session:
        found = own_row(session, Connection, str(connection_id), caller.workspace)
    user = asked.email or found.user_name
    login = Login(found.cloud_id, user, asked.token.get_secret_value())
    with open_site(core.values, login) as gateway:
        facts = read_facts(gateway)
    if (facts.account_id or user) != found.account_id:
        raise invalid("token", "belongs to another account: connect it as a connection of its own")
    with core.database.writing() as session:
        own_row(session, Connection, str(connection_id), caller.workspace)
        kept = keep_connection(core, session, caller.workspace, login, facts, None)
        answer = _answer(kept, facts.spaces_visible)
    forget_former(core.database)
    return answer


@router.delete(
    "/api/v1/confluence/auth/{connection_id}",
    status_code=204,
    response_model=None,
    responses=problems(
        404, also={202: {"model": PurgeStarted, "description": "Its content leaves the stores"}}
    ),
)
def remove_connection(
    connection_id: UUID,
    core: TheCore,
    caller: Editor,
    response: Response,
    purge: Annotated[bool, Query()] = False,
) -> PurgeStarted | None:
    """Destroy the secret and end its runs. Its mirrors stay readable; with ``purge`` their content
    leaves the stores, and the report of the run proves that."""
    with core.database.writing() as session:
        found = own_row(session, Connection, str(connection_id), caller.workspace)
        now = core.database.now(session)
        found.removed_at, found.secret = now, ""
        _remove_hooks(session, found, now)
        runs = []
        for mirror in session.scalars(select(Mirror).where(Mirror.connection_id == found.id)):
            core.ledger.cancel(session, mirror.id)
            mirror.due_at = None
            if purge:
                for item in live_imports(session, mirror.id):
                    item.removed_at = now
                session.flush()
                runs.append(core.ledger.enqueue(session, mirror, "manual", removes=True).id)
    forget_former(core.database)
    if not runs:
        return None
    response.status_code = 202
    ids = [UUID(each) for each in runs]
    return PurgeStarted(run_id=ids[0], run_ids=ids)


def _remove_hooks(session: Session, connection: Connection, now: float) -> None:
    hooks = session.scalars(
        select(Hook).where(Hook.connection_id == connection.id, Hook.removed_at.is_(None))
    )
    for hook in hooks:
        hook.removed_at = now
        for each in session.scalars(select(HookSecret).where(HookSecret.hook_id == hook.id)):
            session.delete(each)


def _connect(asked: ConnectRequest, core: Core, workspace: str) -> ConnectAnswer:
    if asked.deployment != "cloud":
        raise invalid("deployment", "is one that this version does not connect to: only cloud is")
    if asked.email is None:
        raise invalid("email", "is required: the address of the account that the token belongs to")
    cloud_id = _find_cloud_id(asked, core)
    login = Login(cloud_id, asked.email, asked.token.get_secret_value())
    with open_site(core.values, login) as gateway:
        facts = read_facts(gateway)
    if asked.test:
        return ConnectAnswer(
            connection_id=None,
            deployment="cloud",
            site=SiteShown(cloud_id=cloud_id, url=facts.url),
            user=UserShown(account_id=facts.account_id, name=facts.account_name),
            spaces_visible=facts.spaces_visible,
        )
    with core.database.writing() as session:
        kept = keep_connection(core, session, workspace, login, facts, asked.name)
        answer = _answer(kept, facts.spaces_visible)
    forget_former(core.database)
    return answer


def _find_cloud_id(asked: ConnectRequest, core: Core) -> str:
    """As it is given, else as the site tells it."""
    if asked.cloud_id is not None:
        return asked.cloud_id.lower()
    if asked.site_url is None:
        raise invalid("site_url", "is required where there is no cloud_id")
    target = check_address(asked.site_url, "site_url", core.loaded.service.allowed_hosts)
    bundle = core.loaded.engine.net.ca_bundle
    try:
        found = get_json(
            target, _TENANT_INFO, timeout_s=_ASKED_S, ca_bundle=str(bundle) if bundle else None
        )
    except httpx2.TimeoutException:
        raise Problem("upstream-timeout", "The site does not answer in time.") from None
    except (httpx2.HTTPError, ValueError):
        found = None
    cloud_id = found.get("cloudId") if isinstance(found, dict) else None
    if not isinstance(cloud_id, str) or not re.fullmatch(_CLOUD_ID, cloud_id):
        raise Problem("upstream", "The site does not answer as one of Confluence Cloud does.")
    return cloud_id.lower()


def _answer(row: Connection, spaces: int) -> ConnectAnswer:
    return ConnectAnswer(
        connection_id=UUID(row.id),
        deployment=row.deployment,
        site=SiteShown(cloud_id=row.cloud_id, url=row.site_url),
        user=UserShown(account_id=row.account_id, name=row.account_name),
        spaces_visible=spaces,
    )


def _show(row: Connection) -> ConnectionShown:
    return ConnectionShown.model_validate(
        {
            "connection_id": row.id,
            "name": row.name,
            "deployment": row.deployment,
            "method": row.method,
            "site": {"cloud_id": row.cloud_id, "url": row.site_url},
            "state": row.state,
            "checked_at": show_time(row.checked_at),
        }
    )
