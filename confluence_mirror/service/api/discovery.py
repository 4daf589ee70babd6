"""What a connection sees: spaces, pages, and what is found by words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

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
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.tables import Connection
from confluence_mirror.service.imports import choose_connection
from confluence_mirror.service.problems import Problem, invalid, not_found
from confluence_mirror.service.sites import (
    SpaceTree,
    TreeElement,
    find_space,
    list_spaces,
    open_site,
    read_tree,
    search_words,
)

router = APIRouter(prefix="/api/v1/confluence", tags=["discovery"])

_ANSWERS = (404, 409, 502, 504)
Row = TypeVar("Row")


class SpaceShown(BaseModel):
    """A space."""

    id: str
    key: str
    name: str
    type: str


class SpaceList(BaseModel):
    """Spaces that the connection sees."""

    spaces: list[SpaceShown]
    cursor: str | None


class PageShown(BaseModel):
    """A page or a folder of a space's tree."""

    id: str
    title: str
    type: str
    has_children: bool


class PageList(BaseModel):
    """Children of a page, or the roots of a space."""

    pages: list[PageShown]
    cursor: str | None


class PageFound(BaseModel):
    """A page that words are found in."""

    id: str
    title: str
    type: str
    space_key: str
    url: str


class PagesFound(BaseModel):
    """Pages, best first."""

    results: list[PageFound]


@router.get("/spaces", responses=problems(*_ANSWERS))
def show_spaces(
    core: TheCore,
    caller: Editor,
    connection_id: UUID | None = None,
    limit: Limit = LISTED,
    cursor: Cursor = None,
) -> SpaceList:
    """The spaces that a connection sees; good for a minute."""
    connection = _connection(core, caller.workspace, connection_id)
    begin = _begin(cursor)

    def ask() -> list[SpaceShown]:
        with open_site(core.values, core.login_of(connection)) as gateway:
            found = list_spaces(gateway)
        return [SpaceShown(id=s.id, key=s.key, name=s.name, type=s.type) for s in found]

    shown, more = _part(core.cache.read((connection.id, "spaces"), ask), begin, limit)
    return SpaceList(spaces=list(shown), cursor=more)


@router.get("/spaces/{space_key}/pages", responses=problems(*_ANSWERS))
def show_pages(
    space_key: str,
    core: TheCore,
    caller: Editor,
    connection_id: UUID | None = None,
    parent_id: Annotated[str | None, Query(pattern=r"^[0-9]{1,19}$")] = None,
    limit: Limit = LISTED,
    cursor: Cursor = None,
) -> PageList:
    """The children of a page or folder, or those of the space's root; good for a minute."""
    connection = _connection(core, caller.workspace, connection_id)
    begin = _begin(cursor)

    def ask() -> SpaceTree:
        with open_site(core.values, core.login_of(connection)) as gateway:
            try:
                space = find_space(gateway, space_key, "space_key")
            except Problem as problem:
                raise not_found() if problem.kind == "invalid" else problem from None
            return read_tree(gateway, space)

    tree = core.cache.read((connection.id, "tree", space_key.casefold()), ask)
    if parent_id is not None and parent_id not in tree.known:
        raise not_found()
    children, more = _part(tree.children.get(parent_id or "", []), begin, limit)
    shown = [
        PageShown(
            id=each.id, title=each.title, type=each.type, has_children=each.id in tree.children
        )
        for each in children
    ]
    return PageList(pages=shown, cursor=more)


@router.get("/search", responses=problems(*_ANSWERS))
def search_site(
    q: Annotated[str, Query(min_length=1, max_length=500)],
    core: TheCore,
    caller: Editor,
    connection_id: UUID | None = None,
    limit: Limit = 25,
) -> PagesFound:
    """Pages by the words of their titles and texts, as Confluence finds them."""
    connection = _connection(core, caller.workspace, connection_id)

    def ask() -> list[PageFound]:
        with open_site(core.values, core.login_of(connection)) as gateway:
            rows = search_words(gateway, q, limit)
        return [PageFound.model_validate(row) for row in rows]

    return PagesFound(results=core.cache.read((connection.id, "search", q, limit), ask))


def _show(element: TreeElement, tree: SpaceTree) -> PageShown:
    return PageShown(
        id=element.id,
        title=element.title,
        type=element.type,
        has_children=element.id in tree.children,
    )


def _connection(core: Core, workspace: str, connection_id: UUID | None) -> Connection:
    with core.database.reading() as session:
        named = str(connection_id) if connection_id else None
        return choose_connection(session, workspace, named)


def _begin(cursor: str | None) -> int:
    after = decode_cursor(cursor, (int,))
    begin = after[0] if after else 0
    if begin < 0:
        raise invalid("cursor", "is none that a list gave")
    return int(begin)


def _part(rows: Sequence[Row], begin: int, limit: int) -> tuple[Sequence[Row], str | None]:
    more = encode_cursor(begin + limit) if len(rows) > begin + limit else None
    return rows[begin : begin + limit], more
