"""What the engine's record says of an import's pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from confluence_mirror.errors import SyncError
from confluence_mirror.manifest import Database as ManifestDatabase
from confluence_mirror.manifest import Manifest, Record
from confluence_mirror.manifest.records import GENERATION, PageRow, generation_of
from confluence_mirror.service.db.tables import Import

_COUNT = (
    "SELECT count(*), count(version_number) FROM cs_page WHERE generation = ? AND type IN ('page',"
    " 'blogpost')"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A page in the store."""

    page_id: str
    title: str
    url: str
    chunks: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How many pages of an import are recorded, and how many of them are written."""

    total: int
    written: int


@contextmanager
def open_record(state_url: str, site: str, collection: str) -> Iterator[Record | None]:
    """The record of a mirror; None where there is none yet, or it cannot be read."""
    try:
        database = ManifestDatabase(state_url, read_only=True)
    except SyncError:
        yield None
        return
    with closing(database):
        yield _find_record(Manifest(database), site, collection)


def _find_record(manifest: Manifest, site: str, collection: str) -> Record | None:
    rows = manifest.database.run(
        f"SELECT {GENERATION} FROM cs_generation WHERE site = ? AND collection = ? AND state ="  # noqa: S608
        " 'current' ORDER BY begun_at DESC",
        (site, collection),
    )
    return manifest.of(generation_of(rows[0])) if rows else None


class Contents:
    """The pages of one import of a mirror. ``items``: all imports of the mirror."""

    def __init__(self, record: Record, item: Import, items: Sequence[Import]) -> None:
        self._record = record
        self._item = item
        self._alone = len(items) == 1
        self._tree: frozenset[str] | None = None

    def count(self) -> Counted:
        """Its pages."""
        run, generation = self._record.database.run, self._record.generation.id
        if self._alone:
            rows = run(_COUNT, (generation,))
        elif self._item.import_type == "space":
            rows = run(f"{_COUNT} AND space_id = ?", (generation, self._item.space_id))
        elif self._item.import_type == "page":
            rows = run(f"{_COUNT} AND id = ?", (generation, self._item.page_id))
        else:
            found = list(self._rows())
            return Counted(len(found), sum(row.version is not None for row in found))
        return Counted(int(rows[0][0]), int(rows[0][1]))

    def holds(self, page_id: str) -> bool:
        """Whether a recorded page is one of the import."""
        row = self._record.pages([page_id]).get(page_id)
        if row is not None and row.is_child and row.parent_id:
            row = self._record.pages([row.parent_id]).get(row.parent_id)
        return self._alone if row is None else self._belongs(row)

    def documents(self, after: str, most: int) -> tuple[list[Document], str | None]:
        """Pages in the store, by id, and where the next ones begin."""
        found: list[PageRow] = []
        for row in self._rows():
            if row.id > after and row.version is not None:
                found.append(row)
                if len(found) > most:
                    break
        shown = found[:most]
        chunks = self._record.chunks_of([row.id for row in shown])
        texts = self._record.texts.of_pages([row.id for row in shown])
        made = [
            Document(
                row.id,
                row.title,
                texts[row.id][0].url.partition("#")[0] if texts.get(row.id) else "",
                sum(each.state == "there" for each in chunks[row.id]),
            )
            for row in shown
        ]
        return made, shown[-1].id if len(found) > most else None

    def _rows(self) -> Iterator[PageRow]:
        for batch in self._record.all_pages():
            yield from (row for row in batch if not row.is_child and self._belongs(row))

    def _belongs(self, row: PageRow) -> bool:
        if self._alone:
            return True
        if self._item.import_type == "space":
            return row.space_id == self._item.space_id
        if self._item.import_type == "page":
            return row.id == self._item.page_id
        return row.id in self._below()

    def _below(self) -> frozenset[str]:
        """The page of a tree and all below it, as far as parents are recorded."""
        if self._tree is None:
            children: dict[str, list[str]] = {}
            for batch in self._record.all_pages():
                for row in batch:
                    if row.parent_id and not row.is_child:
                        children.setdefault(row.parent_id, []).append(row.id)
            found, waiting = set(), [str(self._item.page_id)]
            while waiting:
                page = waiting.pop()
                if page not in found:
                    found.add(page)
                    waiting += children.get(page, ())
            self._tree = frozenset(found)
        return self._tree


def count_pages(
    state_url: str, site: str, collection: str, items: Sequence[Import]
) -> dict[str, tuple[int, int]]:
    """By import: its recorded pages, and those that are written."""
    with open_record(state_url, site, collection) as record:
        if record is None:
            return {}
        counted = {item.id: Contents(record, item, items).count() for item in items}
    return {item_id: (each.total, each.written) for item_id, each in counted.items()}


def live_imports(session: Session, mirror_id: str) -> Sequence[Import]:
    """The items of a mirror's scope."""
    return session.scalars(
        select(Import)
        .where(Import.mirror_id == mirror_id, Import.removed_at.is_(None))
        .order_by(Import.created_at, Import.id)
    ).all()
