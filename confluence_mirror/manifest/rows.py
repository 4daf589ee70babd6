"""The rows of one generation, and the few transactions in which a page is written.

Order of a page's write (``mirror.apply`` keeps it): ``intend`` → the store takes the new chunks →
``confirm`` → the store drops the stale ones → ``commit``. ``intend`` notes the new ids as possibly
there, takes from the leaving ids the right to vouch for the store, and takes the row's version, in
one transaction: killed at any instant, the next plan contains the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from confluence_mirror.batches import in_batches
from confluence_mirror.manifest.database import Database, Row, atomic, marks, storable_text
from confluence_mirror.manifest.readers import RecordedReaders
from confluence_mirror.manifest.records import (
    PAGE,
    ChunkRow,
    Generation,
    Intent,
    PageRow,
    TextRow,
    page_of,
)
from confluence_mirror.manifest.texts import Texts
from confluence_mirror.model import CHILD_TYPES

_CHILD = f"type IN ({', '.join(repr(each) for each in CHILD_TYPES)})"
BATCH = 500
"""Ids in one ``IN (…)``: far below the parameter limits of both databases."""


class Record:
    """What we wrote of one site's pages into one collection, and how far we have read."""

    def __init__(
        self, database: Database, generation: Generation, others: tuple[str, ...] = ()
    ) -> None:
        """``others``: ids of generations that are read as one with this: nothing is written then,
        and counts, chunks and rows of named pages are of all."""
        self.database = database
        self.generation = generation
        self._id = generation.id
        self._ids = (generation.id, *others)
        self._among = f"generation IN ({marks(self._ids)})"
        self.texts = Texts(database, generation.id, others)
        """Its text index, which the transactions here keep exact."""
        self.readers = RecordedReaders(database, self._ids)
        """Who may read its pages, where that is recorded."""

    def finish(self, started: datetime, *, reconciled: bool) -> None:
        """Move the watermark: everything in the window was applied, or recorded for retry."""
        self.database.run(
            "UPDATE cs_generation SET watermark = ?, reconciled_at = CASE WHEN ? = 1 THEN ? ELSE"
            " reconciled_at END WHERE id = ?",
            (started.isoformat(), int(reconciled), started.isoformat(), self._id),
        )

    def note_comparison(self, moment: datetime) -> None:
        """The ids in the store were compared with the recorded ones."""
        self.database.run(
            "UPDATE cs_generation SET compared_at = ? WHERE id = ?",
            (moment.isoformat(), self._id),
        )

    @atomic
    def clear(self) -> None:
        """Forget what was written: the store lost it."""
        self.texts.clear()
        self.readers.clear()
        self.database.run("DELETE FROM cs_chunk WHERE generation = ?", (self._id,))
        self.database.run("DELETE FROM cs_page WHERE generation = ?", (self._id,))

    def was_ever_finished(self) -> bool:
        """Whether a run of this mirror ended well, in this collection or in one before it."""
        mirror = self.generation
        statement = (
            "SELECT count(*) FROM cs_generation WHERE site = ? AND store = ? AND place = ? AND"
            " collection = ? AND watermark IS NOT NULL"
        )
        named = (mirror.site, mirror.store, mirror.place, mirror.collection)
        return mirror.watermark is not None or self.database.run(statement, named)[0][0] > 0

    # -- reading

    def page_count(self) -> int:
        """Recorded pages."""
        statement = f"SELECT count(*) FROM cs_page WHERE {self._among}"
        return int(self.database.run(statement, self._ids)[0][0])

    def unplaced_count(self) -> int:
        """Recorded pages that are not ``placed``."""
        statement = "SELECT count(*) FROM cs_page WHERE generation = ? AND space_id = ''"
        return int(self.database.run(statement, (self._id,))[0][0])

    def count_otherwise_embedded(self, form: str) -> int:
        """Recorded pages whose chunks were embedded in another form than this one."""
        statement = (
            "SELECT count(*) FROM cs_page WHERE generation = ? AND fingerprint <> '' AND"
            " substr(fingerprint, 17) <> ?"
        )
        ending = f"+{form}" if form else ""
        return int(self.database.run(statement, (self._id, ending))[0][0])

    def chunk_count(self, *, confirmed: bool = False) -> int:
        """Recorded chunks: in every state, or those that are in the store for certain."""
        only = " AND state = 'there'" if confirmed else ""
        statement = f"SELECT count(*) FROM cs_chunk WHERE {self._among}{only}"
        return int(self.database.run(statement, self._ids)[0][0])

    def pages(self, ids: Sequence[str]) -> dict[str, PageRow]:
        """Rows of these pages; the unrecorded are left out."""
        found: dict[str, PageRow] = {}
        for batch in in_batches(ids, BATCH):
            rows = self.database.run(
                f"SELECT {PAGE} FROM cs_page WHERE {self._among} AND id IN ({marks(batch)})",
                (*self._ids, *batch),
            )
            found.update((str(row[0]), page_of(row)) for row in rows)
        return found

    def children(self) -> Iterator[list[PageRow]]:
        """The rows of child documents, by id, in batches."""
        statement = f"SELECT {PAGE} FROM cs_page WHERE {self._among} AND {_CHILD}"
        for rows in self._by_id(statement, self._ids):
            yield [page_of(row) for row in rows]

    def unreadable_files(self) -> list[PageRow]:
        """Attached files that have no text though they should, by id."""
        statement = (
            f"SELECT {PAGE} FROM cs_page WHERE generation = ? AND unreadable <> '' ORDER BY id"
        )
        return [page_of(row) for row in self.database.run(statement, (self._id,))]

    def all_pages(self) -> Iterator[list[PageRow]]:
        """Every row, by id, in batches: memory does not grow with their number."""
        for rows in self._by_id(f"SELECT {PAGE} FROM cs_page WHERE {self._among}", self._ids):
            yield [page_of(row) for row in rows]

    def page_ids(self) -> Iterator[list[str]]:
        """The id of every row, in batches."""
        statement = f"SELECT id FROM cs_page WHERE {self._among}"
        for rows in self._by_id(statement, self._ids):
            yield [str(row[0]) for row in rows]

    def pending(self, fingerprint: str) -> Iterator[list[str]]:
        """Ids of pages that belong into every plan: a write left open, a failure to retry, metadata
        to be learned, another fingerprint; in batches. Child documents are not among them."""
        wanted = "(version_number IS NULL OR reason <> '' OR pending <> '' OR fingerprint <> ?)"
        statement = f"SELECT id FROM cs_page WHERE generation = ? AND NOT {_CHILD} AND {wanted}"
        for rows in self._by_id(statement, (self._id, fingerprint)):
            yield [str(row[0]) for row in rows]

    def chunks_of(self, pages: Sequence[str]) -> dict[str, list[ChunkRow]]:
        """Chunk rows of these pages, in every state."""
        found: dict[str, list[ChunkRow]] = {page: [] for page in pages}
        for batch in in_batches(pages, BATCH):
            rows = self.database.run(
                "SELECT id, page, state, metadata_hash, ref FROM cs_chunk "
                f"WHERE {self._among} AND page IN ({marks(batch)})",
                (*self._ids, *batch),
            )
            for row in rows:
                found[str(row[1])].append(ChunkRow(*row))
        return found

    def chunks(self, ids: Sequence[str]) -> dict[str, ChunkRow]:
        """Rows of these chunks, in every state; the unrecorded are left out."""
        found: dict[str, ChunkRow] = {}
        for batch in in_batches(ids, BATCH):
            rows = self.database.run(
                "SELECT id, page, state, metadata_hash, ref FROM cs_chunk "
                f"WHERE {self._among} AND id IN ({marks(batch)})",
                (*self._ids, *batch),
            )
            found.update((str(row[0]), ChunkRow(*row)) for row in rows)
        return found

    def all_chunks(self) -> Iterator[list[ChunkRow]]:
        """Every chunk row, by id, in batches."""
        statement = f"SELECT id, page, state, metadata_hash, ref FROM cs_chunk WHERE {self._among}"
        for rows in self._by_id(statement, self._ids):
            yield [ChunkRow(*row) for row in rows]

    def _by_id(self, statement: str, values: Sequence[object]) -> Iterator[list[Row]]:
        """What a statement that ends in a condition gives, in batches; each begins after the last
        one's id."""
        last = ""
        while rows := self.database.run(
            f"{statement} AND id > ? ORDER BY id LIMIT {BATCH}", (*values, last)
        ):
            yield rows
            last = str(rows[-1][0])

    def in_doubt(self) -> list[ChunkRow]:
        """Chunks whose write or removal an earlier run left open."""
        rows = self.database.run(
            "SELECT id, page, state, metadata_hash, ref FROM cs_chunk WHERE generation = ? AND"
            " state <> 'there'",
            (self._id,),
        )
        return [ChunkRow(*row) for row in rows]

    # -- the write of a page

    @atomic
    def intend(self, intents: Sequence[Intent]) -> None:
        """Note, before anything is sent, what may be in the store from now on."""
        self.database.many(
            f"INSERT INTO cs_page (generation, {PAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, '', '', NULL,"
            " NULL, '', ?, 0, '', '', '', '', '', '') ON CONFLICT (generation, id) DO UPDATE SET"
            " version_number = NULL, version_at = NULL, fingerprint = excluded.fingerprint",
            [
                (
                    self._id,
                    i.ref.id,
                    i.ref.type,
                    i.ref.space_id,
                    i.ref.parent_id,
                    i.ref.parent_type,
                    i.ref.title,
                    i.fingerprint,
                )
                for i in intents
            ],
        )
        self.database.many(
            "INSERT INTO cs_chunk (generation, id, page, state, metadata_hash) VALUES (?, ?, ?,"
            " 'sending', ?) ON CONFLICT (generation, id) DO UPDATE SET state = 'sending',"
            " metadata_hash = excluded.metadata_hash",
            [
                (self._id, chunk, i.ref.id, value)
                for i in intents
                for chunk, value in i.sending.items()
            ],
        )
        self.database.many(
            "UPDATE cs_chunk SET state = 'removing' WHERE generation = ? AND id = ?",
            [(self._id, chunk) for i in intents for chunk in i.leaving],
        )

    def confirm(self, written: Mapping[str, str]) -> None:
        """The store has these chunks (id → the store's own id)."""
        if written:
            self._confirm_chunks(written)

    @atomic
    def _confirm_chunks(self, written: Mapping[str, str]) -> None:
        self.database.many(
            "UPDATE cs_chunk SET state = 'there', ref = ? WHERE generation = ? AND id = ?",
            [(ref, self._id, chunk) for chunk, ref in written.items()],
        )

    @atomic
    def commit(
        self,
        rows: Sequence[PageRow],
        gone: Sequence[str],
        kept: Sequence[str] = (),
        written: Mapping[str, str] = MappingProxyType({}),
        texts: Sequence[TextRow] | None = None,
    ) -> None:
        """Pages are written: the store has ``written``, ``gone`` chunks are no longer in it, the
        rows vouch for it.

        ``kept`` are chunks that had to stay although they are stale (an append-only store): they
        stay recorded. ``texts`` are all chunks of these pages, for the text index; None leaves it
        as it is.
        """
        self._confirm_chunks(written)
        self.database.many(
            "DELETE FROM cs_chunk WHERE generation = ? AND id = ?",
            [(self._id, chunk) for chunk in gone],
        )
        self.database.many(
            "UPDATE cs_chunk SET state = 'removing' WHERE generation = ? AND id = ?",
            [(self._id, chunk) for chunk in kept],
        )
        self._put_pages(rows)
        self.texts.remove(gone)
        if texts is not None:
            self.texts.replace([row.id for row in rows], texts)

    @atomic
    def fail(self, rows: Sequence[PageRow], undone: Sequence[str] = ()) -> None:
        """Pages failed: kept for retry, with their last good chunks; ``undone`` chunks were taken
        back.

        Leaving chunks stay ``removing``: an earlier run may have removed them before it died, so
        they must not vouch.
        """
        self.database.many(
            "DELETE FROM cs_chunk WHERE generation = ? AND id = ?",
            [(self._id, chunk) for chunk in undone],
        )
        self.texts.remove(undone)
        self._put_pages(rows)

    @atomic
    def intend_removal(self, pages: Sequence[str]) -> None:
        """Pages are about to leave the store: from now on their rows vouch for nothing."""
        values = [(self._id, page) for page in pages]
        self.database.many(
            "UPDATE cs_chunk SET state = 'removing' WHERE generation = ? AND page = ?", values
        )
        self.database.many(
            "UPDATE cs_page SET version_number = NULL, version_at = NULL WHERE generation = ? AND"
            " id = ?",
            values,
        )

    @atomic
    def commit_removal(self, pages: Sequence[str]) -> None:
        """Pages have left the store: drop their rows and their chunks' in every state."""
        self.texts.remove_pages(pages)
        for table, column in (("cs_chunk", "page"), ("cs_page", "id")):
            self.database.many(
                f"DELETE FROM {table} WHERE generation = ? AND {column} = ?",
                [(self._id, page) for page in pages],
            )

    @atomic
    def record_found(self, pages: Sequence[PageRow], chunks: Sequence[ChunkRow]) -> None:
        """Adoption: take over what a listing of the store showed."""
        self._put_pages(pages)
        self.database.many(
            "INSERT INTO cs_chunk (generation, id, page, state, metadata_hash, ref) VALUES (?, ?,"
            " ?, ?, ?, ?) ON CONFLICT (generation, id) DO UPDATE SET state = excluded.state, ref ="
            " excluded.ref, metadata_hash = excluded.metadata_hash",
            [(self._id, c.id, c.page, c.state, c.metadata_hash, c.ref) for c in chunks],
        )

    @atomic
    def mark_missing(self, chunks: Sequence[tuple[str, str]]) -> None:
        """The store lost these chunks (id and page): they vouch for nothing, and their pages are
        planned again."""
        self.database.many(
            "UPDATE cs_chunk SET state = 'sending' WHERE generation = ? AND id = ?",
            [(self._id, chunk) for chunk, _ in chunks],
        )
        self.texts.remove([chunk for chunk, _ in chunks])
        self.replan(sorted({page for _, page in chunks}))

    def replan(self, pages: Sequence[str]) -> None:
        """Put these pages into the next plan, whatever their version."""
        self.database.many(
            "UPDATE cs_page SET version_number = NULL, version_at = NULL WHERE generation = ? AND"
            " id = ?",
            [(self._id, page) for page in pages],
        )

    def _put_pages(self, rows: Sequence[PageRow]) -> None:
        self.database.many(
            f"INSERT INTO cs_page (generation, {PAGE}) VALUES (?, {marks(PAGE.split())}) ON"
            " CONFLICT (generation, id) DO UPDATE SET type = excluded.type, space_id ="
            " excluded.space_id, parent_id = excluded.parent_id, parent_type ="
            " excluded.parent_type, title = excluded.title, author = excluded.author, labels ="
            " excluded.labels, version_number = excluded.version_number, version_at ="
            " excluded.version_at, metadata_hash = excluded.metadata_hash, fingerprint ="
            " excluded.fingerprint, attempts = excluded.attempts, reason = excluded.reason, tried"
            " = excluded.tried, cause = excluded.cause, pending = excluded.pending, access ="
            " excluded.access, unreadable = excluded.unreadable",
            [
                (
                    self._id,
                    row.id,
                    row.type,
                    row.space_id,
                    row.parent_id,
                    row.parent_type,
                    row.title,
                    row.author,
                    json.dumps(row.labels),
                    row.version.number if row.version else None,
                    row.version.created_at if row.version else None,
                    row.metadata_hash,
                    row.fingerprint,
                    row.attempts,
                    storable_text(row.reason),
                    row.tried,
                    row.cause,
                    " ".join(row.pending),
                    row.access,
                    storable_text(row.unreadable),
                )
                for row in rows
            ],
        )
