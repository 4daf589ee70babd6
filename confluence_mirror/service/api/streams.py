"""Progress as server-sent events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from confluence_mirror.service.api.base import Editor, TheCore, problems
from confluence_mirror.service.api.statuses import ImportStatus, read_status
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Import
from confluence_mirror.service.imports import own_row

router = APIRouter(tags=["imports"])

LOOK_S = 0.5
COMMENT_S = 15.0
"""Seconds after which a silent stream says that it is alive."""
_LISTS = {"errors", "failed_pages", "created_documents", "cursor"}


@router.get(
    "/api/v1/confluence/import/{import_id}/events",
    response_class=StreamingResponse,
    responses=problems(
        404,
        also={
            200: {
                "description": "``progress``, ``page_failed`` and ``done``, each with JSON",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
    ),
)
async def stream_import(import_id: UUID, core: TheCore, caller: Editor) -> StreamingResponse:
    """How an import goes on, until its run ends. Read it by ``fetch``: an EventSource cannot send a
    key."""
    first = await run_in_threadpool(_look, core, str(import_id), caller.workspace)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = _events(core, str(import_id), caller.workspace, first)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(
    core: Core, import_id: str, workspace: str, status: ImportStatus
) -> AsyncIterator[str]:
    shown = ""
    failed: set[str] = set()
    spoken = time.monotonic()
    while True:
        progress = status.model_dump_json(exclude=_LISTS)
        if progress != shown:
            yield _event("progress", progress)
            shown, spoken = progress, time.monotonic()
        for page in status.failed_pages:
            if page.page_id not in failed:
                failed.add(page.page_id)
                yield _event("page_failed", page.model_dump_json())
        if status.status not in ("queued", "running"):
            yield _event("done", progress)
            return
        if time.monotonic() - spoken >= COMMENT_S:
            yield ": alive\n\n"
            spoken = time.monotonic()
        await asyncio.sleep(LOOK_S)
        status = await run_in_threadpool(_look, core, import_id, workspace)


def _look(core: Core, import_id: str, workspace: str) -> ImportStatus:
    with core.database.reading() as session:
        item = own_row(session, Import, import_id, workspace)
        return read_status(core, session, item, documents=False)


def _event(name: str, data: str) -> str:
    assert json.loads(data) is not None
    return f"event: {name}\ndata: {data}\n\n"
