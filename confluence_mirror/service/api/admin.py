"""What administrators do to a whole workspace."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import select

from confluence_mirror.service.api.base import Admin, TheCore, problems
from confluence_mirror.service.api.folders import RunsStarted
from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.db.tables import Connection, Folder, Mirror

router = APIRouter(prefix="/api/v1/admin", tags=["admin"])


@router.post("/ingest", status_code=202, responses=problems())
def ingest_all(core: TheCore, caller: Admin) -> RunsStarted:
    """Bring every folder of the workspace up to date now."""
    with core.database.writing() as session:
        mirrors = session.scalars(
            select(Mirror)
            .join(Folder, Folder.id == Mirror.folder_id)
            .join(Connection, Connection.id == Mirror.connection_id)
            .where(
                Mirror.workspace == caller.workspace,
                Folder.removed_at.is_(None),
                Connection.removed_at.is_(None),
            )
            .order_by(Mirror.created_at)
        ).all()
        runs = [
            core.ledger.enqueue(session, mirror, "manual")
            for mirror in mirrors
            if live_imports(session, mirror.id)
        ]
        return RunsStarted(run_ids=[UUID(run.id) for run in runs])
