"""Imports: what is to be mirrored, and how far that is."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlalchemy import select

from confluence_mirror.service.api.base import (
    LISTED,
    Cursor,
    Editor,
    Limit,
    TheCore,
    problems,
    read_part,
)
from confluence_mirror.service.api.statuses import ImportStatus, newest_run, read_status
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Connection, Folder, Import, Mirror
from confluence_mirror.service.imports import (
    Wanted,
    choose_connection,
    keep_folder,
    keep_import,
    own_row,
)
from confluence_mirror.service.problems import Problem, invalid
from confluence_mirror.service.sites import (
    Item,
    find_page,
    find_space,
    open_site,
    parse_page_url,
)

router = APIRouter(tags=["imports"])

WAIT_S = 60.0
_STEP_S = 0.25
_OF_IMPORTS = (404, 409, 502, 504)
SourceType = Literal["page", "space", "page_tree"]
SpaceKey = Annotated[str, Field(pattern=r"^~?[A-Za-z0-9_.:@-]{1,255}$")]
PageId = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
PageUrl = Annotated[str, Field(max_length=2000)]
Minutes = Annotated[int, Field(ge=0, le=525_600)]


class ItemRequest(BaseModel):
    """A page, a page with all below it, or a space."""

    source_type: SourceType | None = None
    confluence_url: PageUrl | None = None
    space_key: SpaceKey | None = Field(None, examples=["DOCS"])
    page_id: PageId | None = None
    target_folder_id: UUID | None = None
    include_attachments: bool = True
    include_comments: bool = False
    recursive: bool = True
    schedule_minutes: Minutes | None = None


class ImportRequest(ItemRequest):
    """An item of a connection."""

    connection_id: UUID | None = None


class BatchRequest(BaseModel):
    """Several items of a connection, all or none."""

    connection_id: UUID | None = None
    items: Annotated[list[ItemRequest], Field(min_length=1, max_length=100)]


class BatchAnswer(BaseModel):
    """The imports, in the order in which they were asked for."""

    imports: list[ImportStatus]


class ImportList(BaseModel):
    """Imports, without their documents."""

    imports: list[ImportStatus]
    cursor: str | None


class VectorizeRequest(BaseModel):
    """A space, or a page, into a folder."""

    connection_id: UUID | None = None
    space_key: SpaceKey | None = Field(None, examples=["DOCS"])
    page_id: PageId | None = None
    confluence_url: PageUrl | None = None
    recursive: bool = False
    folder_id: UUID | None = None
    include_attachments: bool = True
    include_comments: bool = False


@router.post(
    "/vectorize",
    status_code=202,
    responses=problems(
        *_OF_IMPORTS, also={200: {"model": ImportStatus, "description": "It has ended"}}
    ),
)
async def vectorize_item(
    asked: VectorizeRequest,
    core: TheCore,
    caller: Editor,
    response: Response,
    wait: Annotated[bool, Query()] = False,
) -> ImportStatus:
    """Import a space or a page. ``wait``: answered when it has ended, or after a minute."""
    named = [asked.space_key, asked.page_id, asked.confluence_url]
    if sum(each is not None for each in named) != 1:
        raise invalid("space_key", "or page_id or confluence_url is required, and just one of them")
    item = ItemRequest(
        **asked.model_dump(exclude={"connection_id", "folder_id", "recursive"}),
        target_folder_id=asked.folder_id,
    )
    kind: SourceType | None = None
    if asked.confluence_url is None:
        kind = "space" if asked.space_key else "page_tree" if asked.recursive else "page"
    (status,) = await run_in_threadpool(
        _import_items, core, caller.workspace, asked.connection_id, [(item, kind, asked.recursive)]
    )
    until = time.monotonic() + WAIT_S
    while wait and status.status in ("queued", "running") and time.monotonic() < until:
        await asyncio.sleep(_STEP_S)
        status = await run_in_threadpool(_look_again, core, status.import_id)
    response.status_code = 200 if status.status not in ("queued", "running") else 202
    return status


@router.post("/api/v1/confluence/import/page", status_code=202, responses=problems(*_OF_IMPORTS))
def import_page(asked: ImportRequest, core: TheCore, caller: Editor) -> ImportStatus:
    """Import a page, or with ``source_type: page_tree`` all below it, too."""
    return _import_one(asked, core, caller.workspace, asked.source_type or "page")


@router.post("/api/v1/confluence/import/space", status_code=202, responses=problems(*_OF_IMPORTS))
def import_space(asked: ImportRequest, core: TheCore, caller: Editor) -> ImportStatus:
    """Import a space."""
    return _import_one(asked, core, caller.workspace, asked.source_type or "space")


@router.post("/api/v1/confluence/import/batch", status_code=202, responses=problems(*_OF_IMPORTS))
def import_batch(asked: BatchRequest, core: TheCore, caller: Editor) -> BatchAnswer:
    """Import several items, all or none."""
    for number, item in enumerate(asked.items):
        if item.source_type is None:
            raise invalid(f"items.{number}.source_type", "is required")
    items = [(item, item.source_type, item.recursive) for item in asked.items]
    found = _import_items(core, caller.workspace, asked.connection_id, items)
    return BatchAnswer(imports=found)


@router.get("/api/v1/confluence/import/{import_id}/status", responses=problems(404))
def show_status(
    import_id: UUID, core: TheCore, caller: Editor, limit: Limit = LISTED, cursor: Cursor = None
) -> ImportStatus:
    """How far an import is, and what it has brought."""
    with core.database.reading() as session:
        item = own_row(session, Import, str(import_id), caller.workspace)
        return read_status(core, session, item, limit=limit, cursor=cursor)


@router.get("/api/v1/confluence/imports", responses=problems(404))
def list_imports(
    core: TheCore,
    caller: Editor,
    folder_id: UUID | None = None,
    limit: Limit = LISTED,
    cursor: Cursor = None,
) -> ImportList:
    """The imports of the workspace, or of a folder."""
    query = select(Import).where(Import.workspace == caller.workspace, Import.removed_at.is_(None))
    with core.database.reading() as session:
        if folder_id is not None:
            own_row(session, Folder, str(folder_id), caller.workspace)
            query = query.where(Import.folder_id == str(folder_id))
        found, more = read_part(session, query, (Import.created_at, Import.id), limit, cursor)
        shown = [read_status(core, session, item, documents=False) for item in found]
    return ImportList(imports=shown, cursor=more)


@router.post(
    "/api/v1/confluence/import/{import_id}/cancel", status_code=202, responses=problems(404)
)
def cancel_import(import_id: UUID, core: TheCore, caller: Editor) -> ImportStatus:
    """End the run of the import's mirror; what was done is kept."""
    with core.database.writing() as session:
        item = own_row(session, Import, str(import_id), caller.workspace)
        core.ledger.cancel(session, item.mirror_id)
        session.flush()
        return read_status(core, session, item)


class RunStarted(BaseModel):
    """The run that does it."""

    run_id: UUID


@router.delete("/api/v1/confluence/import/{import_id}", status_code=202, responses=problems(404))
def remove_import(import_id: UUID, core: TheCore, caller: Editor) -> RunStarted:
    """Take the item out of the scope: its pages leave the store in the run that is answered."""
    with core.database.writing() as session:
        item = own_row(session, Import, str(import_id), caller.workspace)
        item.removed_at = core.database.now(session)
        mirror = session.get_one(Mirror, item.mirror_id)
        session.flush()
        run = core.ledger.enqueue(session, mirror, "manual", removes=True)
        return RunStarted(run_id=UUID(run.id))


def _import_one(asked: ImportRequest, core: Core, workspace: str, kind: SourceType) -> ImportStatus:
    (status,) = _import_items(
        core, workspace, asked.connection_id, [(asked, kind, asked.recursive)]
    )
    return status


def _import_items(
    core: Core,
    workspace: str,
    connection_id: UUID | None,
    items: list[tuple[ItemRequest, SourceType | None, bool]],
) -> list[ImportStatus]:
    """Ask Confluence what each item is, then keep all of them in one transaction."""
    with core.database.reading() as session:
        named = str(connection_id) if connection_id else None
        connection = choose_connection(session, workspace, named)
        for wished in {str(each.target_folder_id) for each, _, _ in items if each.target_folder_id}:
            if session.get(Folder, wished) is not None:
                own_row(session, Folder, wished, workspace)
    if connection.state == "needs_reauth":
        raise Problem("needs-reauth")
    wanted = _resolve_items(core, connection, items)
    with core.database.writing() as session:
        connection = own_row(session, Connection, connection.id, workspace)
        kept = []
        for (item, _, _), each in zip(items, wanted, strict=True):
            folder_id = str(item.target_folder_id) if item.target_folder_id else None
            folder = keep_folder(core, session, workspace, folder_id)
            kept.append(keep_import(core, session, connection, folder, each))
        session.flush()
        return [read_status(core, session, item) for item in kept]


def _resolve_items(
    core: Core, connection: Connection, items: list[tuple[ItemRequest, SourceType | None, bool]]
) -> list[Wanted]:
    parsed = [_parse_item(item, kind, connection.site_url) for item, kind, _ in items]
    found = []
    with open_site(core.values, core.login_of(connection)) as gateway:
        for (item, kind, recursive), named in zip(items, parsed, strict=True):
            page_field = "confluence_url" if item.confluence_url else "page_id"
            space_field = "confluence_url" if item.confluence_url else "space_key"
            if named.page_id and kind != "space":
                tree = kind == "page_tree" or (kind is None and recursive)
                title, space = find_page(gateway, named.page_id, page_field, tree=tree)
                page_id: str | None = named.page_id
                import_type = "page_tree" if tree and recursive else "page"
            else:
                space = find_space(gateway, named.space_key, space_field)
                title, page_id, import_type = space.name, None, "space"
            found.append(
                Wanted(
                    import_type,
                    space.key,
                    space.id,
                    page_id,
                    title,
                    item.include_attachments,
                    item.include_comments,
                    item.schedule_minutes,
                )
            )
    return found


def _parse_item(item: ItemRequest, kind: SourceType | None, site_url: str) -> Item:
    """What an item names. Raises ``Problem`` where that does not fit its type."""
    if item.confluence_url is not None:
        named = parse_page_url(item.confluence_url, site_url)
        if kind in ("page", "page_tree") and not named.page_id:
            raise invalid("confluence_url", "is not the address of a page")
        return named
    if kind == "space" and item.space_key is None:
        raise invalid("space_key", "or confluence_url is required")
    if kind in ("page", "page_tree") and item.page_id is None:
        raise invalid("page_id", "or confluence_url is required")
    return Item(item.space_key or "", item.page_id or "")


def _look_again(core: Core, import_id: UUID) -> ImportStatus:
    with core.database.reading() as session:
        item = session.get_one(Import, str(import_id))
        newest = newest_run(session, item.mirror_id)
        ended = newest is not None and newest[1].status not in ("queued", "running")
        return read_status(core, session, item, documents=ended)
