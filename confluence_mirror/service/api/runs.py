"""Runs: started by hand, listed, and shown one by one."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
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
from confluence_mirror.service.api.statuses import Status, at_work
from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.db.tables import Connection, Folder, Mirror, Run
from confluence_mirror.service.imports import own_row
from confluence_mirror.service.problems import Problem, not_found

router = APIRouter(tags=["runs"])


class SyncStarted(BaseModel):
    """The runs, one per mirror of the folder."""

    run_id: UUID
    run_ids: list[UUID]


class RunShown(BaseModel):
    """A run."""

    run_id: UUID
    folder_id: UUID
    mirror_id: UUID
    trigger: Literal["manual", "schedule", "webhook", "import"]
    status: Status
    exit_code: int | None
    attempts: int
    started_at: str | None
    finished_at: str | None
    pages: dict[str, int]
    chunks: dict[str, int]
    problem: str | None
    hint: str | None
    needs: Literal["approval", "credential", "settings"] | None


class RunReported(RunShown):
    """A run with its report."""

    report: dict[str, Any] | None


class History(BaseModel):
    """Runs, newest first."""

    runs: list[RunShown]
    cursor: str | None


@router.post("/api/v1/confluence/sync/{folder_id}", status_code=202, responses=problems(404, 409))
def sync_folder(folder_id: UUID, core: TheCore, caller: Editor) -> SyncStarted:
    """Bring a folder up to date now. While a run is queued it is the same one."""
    with core.database.writing() as session:
        folder = own_row(session, Folder, str(folder_id), caller.workspace)
        mirrors = session.scalars(
            select(Mirror)
            .join(Connection, Connection.id == Mirror.connection_id)
            .where(Mirror.folder_id == folder.id, Connection.removed_at.is_(None))
            .order_by(Mirror.created_at)
        )
        runs = [
            core.ledger.enqueue(session, mirror, "manual")
            for mirror in mirrors
            if live_imports(session, mirror.id)
        ]
        if not runs:
            raise Problem("conflict", "The folder has no imports: there is nothing to do.")
        ids = [UUID(run.id) for run in runs]
        return SyncStarted(run_id=ids[0], run_ids=ids)


@router.get("/api/v1/confluence/sync/history", responses=problems(404))
def list_runs(
    core: TheCore,
    caller: Editor,
    folder_id: UUID | None = None,
    limit: Limit = LISTED,
    cursor: Cursor = None,
) -> History:
    """Runs, newest first."""
    query = select(Run).where(Run.workspace == caller.workspace)
    with core.database.reading() as session:
        if folder_id is not None:
            own_row(session, Folder, str(folder_id), caller.workspace)
            query = query.where(Run.folder_id == str(folder_id))
        order = Run.queued_at, Run.id
        found, more = read_part(session, query, order, limit, cursor, newest_first=True)
        shown = [RunShown.model_validate(_fields_of(session, run)) for run in found]
    return History(runs=shown, cursor=more)


@router.get("/api/v1/runs/{run_id}", responses=problems(404))
def show_run(run_id: UUID, core: TheCore, caller: Editor) -> RunReported:
    """One run, with the report of its last attempt."""
    with core.database.reading() as session:
        run = session.get(Run, str(run_id))
        if run is None or run.workspace != caller.workspace:
            raise not_found()
        fields = _fields_of(session, run)
        return RunReported.model_validate({**fields, "report": at_work(session, run).report})


def _fields_of(session: Session, run: Run) -> dict[str, Any]:
    work = at_work(session, run)
    report = work.report or {}
    return {
        "run_id": run.id,
        "folder_id": run.folder_id,
        "mirror_id": run.mirror_id,
        "trigger": run.trigger,
        "status": work.status,
        "exit_code": work.exit_code,
        "attempts": work.attempts,
        "started_at": show_time(work.first_started_at),
        "finished_at": show_time(work.finished_at),
        "pages": _counts(report.get("pages")),
        "chunks": _counts(report.get("chunks")),
        "problem": work.problem,
        "hint": work.hint,
        "needs": work.needs,
    }


def _counts(found: object) -> dict[str, int]:
    if not isinstance(found, dict):
        return {}
    return {str(name): count for name, count in found.items() if isinstance(count, int)}
