"""The status of an import, as every route shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from confluence_mirror.service.api.base import decode_cursor, encode_cursor, show_time
from confluence_mirror.service.contents import Contents, live_imports, open_record
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Connection, Import, Mirror, Run

Status = Literal["queued", "running", "done", "failed", "cancelled"]


class FailedPage(BaseModel):
    """A page that is not in the store, or not as it is in Confluence."""

    page_id: str
    title: str
    reason: str


class CreatedDocument(BaseModel):
    """A page in the store."""

    page_id: str
    title: str
    url: str
    chunks: int


class ImportStatus(BaseModel):
    """An import and its newest run."""

    import_id: UUID
    folder_id: UUID
    run_id: UUID | None
    status: Status
    total_pages: int
    processed_pages: int
    eta_seconds: float | None
    last_sync_at: str | None
    errors: list[str]
    failed_pages: list[FailedPage]
    created_documents: list[CreatedDocument]
    problem: str | None
    hint: str | None
    needs: Literal["approval", "credential", "settings"] | None
    cursor: str | None


def newest_run(session: Session, mirror_id: str) -> tuple[str, Run] | None:
    """The id of a mirror's newest run, and the run that tells how it goes: itself, or the one that
    does its work."""
    newest = session.scalars(
        select(Run)
        .where(Run.mirror_id == mirror_id)
        .order_by(Run.queued_at.desc(), Run.id)
        .limit(1)
    ).first()
    return (newest.id, at_work(session, newest)) if newest else None


def at_work(session: Session, run: Run) -> Run:
    """The run that does this one's work."""
    while run.merged_into is not None and run.status == "queued":
        run = session.get_one(Run, run.merged_into)
    return run


def read_status(
    core: Core,
    session: Session,
    item: Import,
    *,
    limit: int = 50,
    cursor: str | None = None,
    documents: bool = True,
) -> ImportStatus:
    """The status of an import, with a part of its documents."""
    newest = newest_run(session, item.mirror_id)
    run_id, run = newest or (None, None)
    mirror = session.get_one(Mirror, item.mirror_id)
    connection = session.get_one(Connection, item.connection_id)
    items = live_imports(session, item.mirror_id)
    after = decode_cursor(cursor, (str,))
    state_url = core.settings_of(core.place_of(mirror, connection, items)).state.url.reveal()
    total, processed = run.counts.get(item.id, (0, 0)) if run else (0, 0)
    failed: list[FailedPage] = []
    created: list[CreatedDocument] = []
    more = None
    with open_record(state_url, connection.cloud_id, mirror.collection) as record:
        if record is not None:
            contents = Contents(record, item, items)
            failed = _failed_pages(run, contents)
            if documents:
                found, more = contents.documents(after[0] if after else "", limit)
                created = [CreatedDocument.model_validate(asdict(each)) for each in found]
    return ImportStatus(
        import_id=UUID(item.id),
        folder_id=UUID(item.folder_id),
        run_id=UUID(run_id) if run_id else None,
        status=run.status if run else "queued",  # type: ignore[arg-type]
        total_pages=total,
        processed_pages=processed,
        eta_seconds=run.eta_seconds if run else None,
        last_sync_at=show_time(item.last_sync_at),
        errors=[f"{each.title} (page {each.page_id}): {each.reason}" for each in failed],
        failed_pages=failed,
        created_documents=created,
        problem=run.problem if run else None,
        hint=run.hint if run else None,
        needs=run.needs if run else None,  # type: ignore[arg-type]
        cursor=encode_cursor(more) if more else None,
    )


def _failed_pages(run: Run | None, contents: Contents) -> list[FailedPage]:
    rows = (run.report or {}).get("failed", []) if run else []
    return [
        FailedPage(page_id=str(row["id"]), title=str(row["title"]), reason=str(row["reason"]))
        for row in rows
        if contents.holds(str(row["id"]))
    ][:100]
