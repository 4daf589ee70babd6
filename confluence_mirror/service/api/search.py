"""Search over folders."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from confluence_mirror.model import Filter
from confluence_mirror.search import MOST_RESULTS, Question
from confluence_mirror.service.answers import FolderResult, Place
from confluence_mirror.service.api.base import Reader, TheCore, problems
from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Connection, Folder, Mirror
from confluence_mirror.service.imports import own_row
from confluence_mirror.service.problems import invalid

router = APIRouter(prefix="/api/v1", tags=["search"])

Word = Annotated[str, Field(min_length=1, max_length=255)]


class SearchRequest(BaseModel):
    """A question."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    limit: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 5
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    folder_ids: Annotated[list[UUID], Field(max_length=1000)] | None = None
    space_keys: Annotated[list[Word], Field(max_length=1000)] | None = None
    labels: Annotated[list[Word], Field(max_length=1000)] | None = None
    modified_after: datetime | None = None
    on_behalf_of: Word | None = None


class ResultShown(BaseModel):
    """A passage that answers."""

    title: str
    heading: str
    url: str
    text: str
    score: float
    why: Literal["dense", "lexical", "both"]
    page_id: str
    page_type: str
    space_key: str
    folder_id: UUID
    modified_at: str


class SearchAnswer(BaseModel):
    """Passages, best first."""

    results: list[ResultShown]
    took_ms: int


@router.post("/search", responses=problems(404))
def search_folders(asked: SearchRequest, core: TheCore, caller: Reader) -> SearchAnswer:
    """Find passages by meaning and by words, in the folders that are named, or in all."""
    begun = time.monotonic()
    if not asked.query.strip():
        raise invalid("query", "needs words to search for")
    account = caller.account_id or asked.on_behalf_of
    with core.database.reading() as session:
        places = places_of(core, session, caller.workspace, asked.folder_ids, account)
    question = Question(asked.query, asked.limit, asked.max_tokens, _filter_of(asked))
    found = core.answers.ask(places, question, as_user=account)
    took = round((time.monotonic() - begun) * 1000)
    return SearchAnswer(results=[_show(each) for each in found], took_ms=took)


def _filter_of(asked: SearchRequest) -> Filter:
    since = ""
    if asked.modified_after is not None:
        moment = asked.modified_after
        utc = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        since = utc.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    return Filter(
        space_keys=tuple(asked.space_keys or ()),
        labels=tuple(asked.labels or ()),
        modified_since=since,
    )


def places_of(
    core: Core,
    session: Session,
    workspace: str,
    folder_ids: Sequence[UUID | str] | None,
    account: str | None,
) -> list[Place]:
    """The mirrors of these folders; with their tokens where an account asks, since Confluence is
    asked what it may read."""
    query = (
        select(Mirror, Connection)
        .join(Connection, Connection.id == Mirror.connection_id)
        .join(Folder, Folder.id == Mirror.folder_id)
        .where(Mirror.workspace == workspace, Folder.removed_at.is_(None))
    )
    if folder_ids is not None:
        for folder_id in folder_ids:
            own_row(session, Folder, str(folder_id), workspace)
        query = query.where(Mirror.folder_id.in_([str(each) for each in folder_ids]))
    places = []
    for mirror, connection in session.execute(query):
        if account and connection.removed_at is not None:
            continue  # nobody can be asked what the account may read
        place = core.place_of(mirror, connection, live_imports(session, mirror.id))
        login = core.login_of(connection).variables() if account else {"CONF_API_TOKEN": "none"}
        places.append(Place(place.mirror_id, place.folder_id, {**place.variables, **login}))
    return places


def _show(found: FolderResult) -> ResultShown:
    result = found.result
    return ResultShown(
        title=result.title,
        heading=result.heading,
        url=result.url,
        text=result.text,
        score=result.score,
        why=result.why,
        page_id=result.page_id,
        page_type=result.page_type,
        space_key=result.space_key,
        folder_id=UUID(found.folder_id),
        modified_at=result.modified_at,
    )
