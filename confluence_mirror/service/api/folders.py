"""Folders."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from confluence_mirror.service.api.base import (
    LISTED,
    Cursor,
    Editor,
    Limit,
    Reader,
    TheCore,
    problems,
    read_part,
)
from confluence_mirror.service.api.imports import Minutes
from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Folder, Mirror, make_id
from confluence_mirror.service.imports import own_row
from confluence_mirror.service.runs.schedule import plan_next

router = APIRouter(prefix="/api/v1/folders", tags=["folders"])

Name = Annotated[str, Field(min_length=1, max_length=200)]


class FolderRequest(BaseModel):
    """A new folder."""

    name: Name
    schedule_minutes: Minutes | None = None


class FolderChange(BaseModel):
    """What is to be otherwise."""

    name: Name | None = None
    schedule_minutes: Minutes | None = None
    paused: bool | None = None


class FolderShown(BaseModel):
    """A folder."""

    folder_id: UUID
    name: str
    schedule_minutes: int | None
    paused: bool


class FolderList(BaseModel):
    """Folders of the workspace."""

    folders: list[FolderShown]
    cursor: str | None


class RunsStarted(BaseModel):
    """The runs that do it."""

    run_ids: list[UUID]


@router.get("", responses=problems())
def list_folders(
    core: TheCore, caller: Reader, limit: Limit = LISTED, cursor: Cursor = None
) -> FolderList:
    """The folders of the workspace."""
    query = select(Folder).where(Folder.workspace == caller.workspace, Folder.removed_at.is_(None))
    with core.database.reading() as session:
        found, more = read_part(session, query, (Folder.created_at, Folder.id), limit, cursor)
    return FolderList(folders=[_show(each) for each in found], cursor=more)


@router.post("", status_code=201, responses=problems())
def make_folder(asked: FolderRequest, core: TheCore, caller: Editor) -> FolderShown:
    """A new folder."""
    with core.database.writing() as session:
        made = Folder(
            id=make_id(),
            workspace=caller.workspace,
            name=asked.name,
            standard=False,
            schedule_minutes=asked.schedule_minutes,
            paused=False,
            readers=[],
            created_at=core.database.now(session),
        )
        session.add(made)
        return _show(made)


@router.get("/{folder_id}", responses=problems(404))
def show_folder(folder_id: UUID, core: TheCore, caller: Reader) -> FolderShown:
    """One folder."""
    with core.database.reading() as session:
        return _show(own_row(session, Folder, str(folder_id), caller.workspace))


@router.patch("/{folder_id}", responses=problems(404))
def change_folder(
    folder_id: UUID, asked: FolderChange, core: TheCore, caller: Editor
) -> FolderShown:
    """Another name or schedule; a paused folder is not brought up to date by schedule."""
    with core.database.writing() as session:
        found = own_row(session, Folder, str(folder_id), caller.workspace)
        for name in asked.model_fields_set:
            value = getattr(asked, name)
            if value is not None or name == "schedule_minutes":
                setattr(found, name, value)
        session.flush()
        if "schedule_minutes" in asked.model_fields_set:
            _plan_mirrors(core, session, found)
        return _show(found)


@router.delete(
    "/{folder_id}",
    status_code=202,
    response_model=RunsStarted,
    responses=problems(404, also={204: {"description": "It held nothing"}}),
)
def remove_folder(folder_id: UUID, core: TheCore, caller: Editor) -> RunsStarted | Response:
    """Remove a folder: its content leaves the stores in the runs that are answered."""
    with core.database.writing() as session:
        found = own_row(session, Folder, str(folder_id), caller.workspace)
        now = core.database.now(session)
        found.removed_at = now
        mirrors = session.scalars(select(Mirror).where(Mirror.folder_id == found.id)).all()
        runs = []
        for mirror in mirrors:
            for item in live_imports(session, mirror.id):
                item.removed_at = now
            session.flush()
            runs.append(core.ledger.enqueue(session, mirror, "manual", removes=True))
        if not runs:
            return Response(status_code=204)
        return RunsStarted(run_ids=[UUID(run.id) for run in runs])


def _plan_mirrors(core: Core, session: Session, folder: Folder) -> None:
    now = core.database.now(session)
    for mirror in session.scalars(select(Mirror).where(Mirror.folder_id == folder.id)):
        plan_next(session, mirror, core.loaded.service.sync_interval, now)


def _show(row: Folder) -> FolderShown:
    return FolderShown(
        folder_id=UUID(row.id),
        name=row.name,
        schedule_minutes=row.schedule_minutes,
        paused=row.paused,
    )
