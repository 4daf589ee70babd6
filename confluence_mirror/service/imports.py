"""Connections, folders, mirrors and imports: found or made, so that the same again is no new
thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.core import Core
from confluence_mirror.service.credentials import seal_secret
from confluence_mirror.service.db.tables import Connection, Folder, Hook, Import, Mirror, make_id
from confluence_mirror.service.problems import invalid, not_found
from confluence_mirror.service.runs.schedule import plan_next
from confluence_mirror.service.sites import Login, SiteFacts

Row = TypeVar("Row", Connection, Folder, Hook, Import)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An import as it is asked for, after Confluence has shown what it names."""

    import_type: str
    space_key: str
    space_id: str
    page_id: str | None
    title: str
    include_attachments: bool
    include_comments: bool
    schedule_minutes: int | None


def own_row(session: Session, kind: type[Row], row_id: str, workspace: str) -> Row:
    """A row of this workspace that was not removed. Raises ``Problem`` (404) for every other."""
    row = session.get(kind, row_id)
    if row is None or row.workspace != workspace or row.removed_at is not None:
        raise not_found()
    return row


def keep_connection(
    core: Core, session: Session, workspace: str, login: Login, facts: SiteFacts, name: str | None
) -> Connection:
    """The connection of this site and account, its token replaced; a new one where there is
    none."""
    account = facts.account_id or login.user
    now = core.database.now(session)
    found = session.scalars(
        select(Connection)
        .where(
            Connection.workspace == workspace,
            Connection.cloud_id == login.cloud_id,
            Connection.account_id == account,
            Connection.removed_at.is_(None),
        )
        .with_for_update()
    ).one_or_none()
    if found is None:
        found = Connection(
            id=make_id(),
            workspace=workspace,
            deployment="cloud",
            method="token",
            cloud_id=login.cloud_id,
            account_id=account,
            name=name or facts.url.removeprefix("https://").removesuffix("/wiki"),
            secret="",
            created_at=now,
        )
    found.site_url, found.account_name, found.user_name = facts.url, facts.account_name, login.user
    found.name = name or found.name
    found.state, found.checked_at = "ok", now
    seal_secret(core.keyring, found, login.token)
    session.add(found)
    session.flush()
    return found


def choose_connection(session: Session, workspace: str, connection_id: str | None) -> Connection:
    """The one that is named, else the workspace's only one. Raises ``Problem``."""
    if connection_id is not None:
        return own_row(session, Connection, connection_id, workspace)
    found = session.scalars(
        select(Connection).where(Connection.workspace == workspace, Connection.removed_at.is_(None))
    ).all()
    if len(found) != 1:
        raise invalid("connection_id", "is required: there is not just one connection")
    return found[0]


def keep_folder(core: Core, session: Session, workspace: str, folder_id: str | None) -> Folder:
    """The folder that is named, made where nobody has it; else the standard one. Raises ``Problem``
    where it is another workspace's."""
    standard = folder_id is None
    query = select(Folder).where(Folder.workspace == workspace, Folder.standard.is_(True))
    if standard and (found := session.scalars(query.where(Folder.removed_at.is_(None))).first()):
        return found
    if folder_id is not None and session.get(Folder, folder_id) is not None:
        return own_row(session, Folder, folder_id, workspace)
    made = Folder(
        id=folder_id or make_id(),
        workspace=workspace,
        name="default" if folder_id is None else folder_id,
        standard=standard,
        paused=False,
        readers=[],
        created_at=core.database.now(session),
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:  # made by another call at the same moment
        return keep_folder(core, session, workspace, folder_id)
    return made


def keep_import(
    core: Core, session: Session, connection: Connection, folder: Folder, wanted: Wanted
) -> Import:
    """The import of this item into this folder, its options replaced; its mirror has a run
    queued."""
    now = core.database.now(session)
    mirror = _keep_mirror(core, session, connection, folder, now)
    found = next(
        (each for each in live_imports(session, mirror.id) if _is_same(each, wanted)), None
    )
    if found is None:
        found = Import(
            workspace=folder.workspace,
            folder_id=folder.id,
            connection_id=connection.id,
            mirror_id=mirror.id,
            import_type=wanted.import_type,
            page_id=wanted.page_id,
            sync_status="queued",
            created_at=now,
        )
    found.space_key, found.space_id, found.title = wanted.space_key, wanted.space_id, wanted.title
    found.include_attachments = wanted.include_attachments
    found.include_comments = wanted.include_comments
    found.schedule_minutes = wanted.schedule_minutes
    session.add(found)
    session.flush()
    core.ledger.enqueue(session, mirror, "import")
    plan_next(session, mirror, core.loaded.service.sync_interval, now)
    return found


def _is_same(item: Import, wanted: Wanted) -> bool:
    if item.import_type != wanted.import_type:
        return False
    if wanted.import_type == "space":
        return item.space_id == wanted.space_id
    return item.page_id == wanted.page_id


def _keep_mirror(
    core: Core, session: Session, connection: Connection, folder: Folder, now: float
) -> Mirror:
    query = select(Mirror).where(
        Mirror.folder_id == folder.id, Mirror.connection_id == connection.id
    )
    if (found := session.scalars(query.with_for_update()).one_or_none()) is not None:
        return found
    mirror_id = make_id()
    made = Mirror(
        id=mirror_id,
        workspace=folder.workspace,
        folder_id=folder.id,
        connection_id=connection.id,
        collection=f"{core.loaded.engine.store.collection_id}-{mirror_id[:13]}",
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:  # made by another call at the same moment
        return session.scalars(query.with_for_update()).one()
    return made
