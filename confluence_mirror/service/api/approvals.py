"""Removals that the guard stopped: shown, and approved by their hash."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from confluence_mirror.service.api.base import (
    LISTED,
    Cursor,
    Editor,
    Limit,
    TheCore,
    decode_cursor,
    encode_cursor,
    problems,
)
from confluence_mirror.service.api.statuses import at_work
from confluence_mirror.service.contents import live_imports, open_record
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Connection, Mirror, Run
from confluence_mirror.service.problems import Problem, not_found

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


class PlannedRemoval(BaseModel):
    """A page that would leave the store."""

    page_id: str
    title: str
    url: str
    reason: str


class GuardedPlan(BaseModel):
    """What the guard stopped."""

    hash: str
    removals: list[PlannedRemoval]
    cursor: str | None


class Approval(BaseModel):
    """The set that may be removed."""

    hash: Annotated[str, Field(min_length=1, max_length=64)]


class ApprovedRun(BaseModel):
    """The run that may remove it."""

    run_id: UUID


@router.get("/{run_id}/plan", responses=problems(404, 409))
def show_plan(
    run_id: UUID, core: TheCore, caller: Editor, limit: Limit = LISTED, cursor: Cursor = None
) -> GuardedPlan:
    """The removals for which a run was stopped."""
    after = decode_cursor(cursor, (int,))
    begin = after[0] if after else 0
    with core.database.reading() as session:
        run = _stopped_run(session, str(run_id), caller.workspace)
        guard = run.guard or {}
        rows = guard.get("removals", [])
        shown = rows[begin : begin + limit]
        urls = _urls_of(core, session, run, [str(row["page_id"]) for row in shown])
    more = encode_cursor(begin + limit) if len(rows) > begin + limit else None
    removals = [PlannedRemoval(**row, url=urls.get(row["page_id"], "")) for row in shown]
    return GuardedPlan(hash=str(guard["hash"]), removals=removals, cursor=more)


@router.post("/{run_id}/approve", status_code=202, responses=problems(404, 409))
def approve_plan(run_id: UUID, asked: Approval, core: TheCore, caller: Editor) -> ApprovedRun:
    """Let a new run remove just this set. Another one is stopped again."""
    with core.database.writing() as session:
        run = _stopped_run(session, str(run_id), caller.workspace)
        if asked.hash != (run.guard or {}).get("hash"):
            raise Problem("conflict", "The guard stopped another set of removals than this one.")
        mirror = session.get_one(Mirror, run.mirror_id)
        made = core.ledger.enqueue(session, mirror, "manual", approved=asked.hash)
        return ApprovedRun(run_id=UUID(made.id))


def _stopped_run(session: Session, run_id: str, workspace: str) -> Run:
    run = session.get(Run, run_id)
    if run is None or run.workspace != workspace:
        raise not_found()
    found = at_work(session, run)
    if found.status != "failed" or not found.guard:
        raise Problem("conflict", "The removal guard has not stopped this run.")
    return found


def _urls_of(core: Core, session: Session, run: Run, pages: list[str]) -> dict[str, str]:
    mirror = session.get_one(Mirror, run.mirror_id)
    connection = session.get_one(Connection, run.connection_id)
    place = core.place_of(mirror, connection, live_imports(session, mirror.id))
    state_url = core.settings_of(place).state.url.reveal()
    with open_record(state_url, connection.cloud_id, mirror.collection) as record:
        texts = record.texts.of_pages(pages) if record is not None else {}
    return {page: rows[0].url.partition("#")[0] for page, rows in texts.items() if rows}
