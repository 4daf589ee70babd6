"""The manifest's rows, and the few transactions in which a page is written.

Order of a page's write (``mirror.apply`` keeps it): ``intend`` → the store takes the new chunks →
``confirm`` → the store drops the stale ones → ``commit``. ``intend`` notes the new ids as possibly
there, takes from the leaving ids the right to vouch for the store, and takes the row's version, in
one transaction: killed at any instant, the next plan contains the page.
"""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Concatenate, ParamSpec, TypeVar

from confluence_mirror.manifest import schema
from confluence_mirror.manifest.database import Database, Row
from confluence_mirror.manifest.records import (
    GENERATION,
    PAGE,
    ChunkRow,
    Generation,
    Intent,
    PageRow,
    State,
    generation_of,
    page_of,
)

BATCH = 500
"""Ids in one ``IN (…)``: far below the parameter limits of both databases."""


_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What a database refuses in a text: a reason may quote a page's body, or a store's answer."""


_P = ParamSpec("_P")
_T = TypeVar("_T")


def _atomic(
    method: Callable[Concatenate[Manifest, _P], _T],
) -> Callable[Concatenate[Manifest, _P], _T]:
    """One transaction, of which nothing or all is done; repeated from its beginning where the
    server broke it off."""

    @functools.wraps(method)
    def whole(self: Manifest, /, *given: _P.args, **named: _P.kwargs) -> _T:
        return self.database.atomically(lambda: method(self, *given, **named))

    return whole


class Manifest:
    """The record. One object serves one run, from one thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        schema.prepare(database)

    # -- generations
    # -------------------------------------------------------------------------------------------

    def generations(self, store: str, place: str, collection: str) -> list[Generation]:
        """Every generation under this name in the store of this kind at this place, of any site,
        newest first.

        ``place`` empty: those of revision 1 that no run has taken over yet.
        """
        rows = self.database.run(
            f"SELECT {GENERATION} FROM cs_generation WHERE store = ? AND place = ? AND collection ="
            " ? ORDER BY begun_at DESC",
            (store, place, collection),
        )
        return [generation_of(row) for row in rows]

    def owners(self, store: str, place: str, collection_id: str) -> list[Generation]:
        """The generations in force or under construction in the collection with this id, whatever
        name is set."""
        rows = self.database.run(
            f"SELECT {GENERATION} FROM cs_generation WHERE store = ? AND place = ? AND"
            " collection_id = ? AND state <> 'retired'",
            (store, place, collection_id),
        )
        return [generation_of(row) for row in rows]

    def begin(
        self,
        site: str,
        store: tuple[str, str],
        collection: str,
        found: tuple[str, str],
        state: State,
        scope: str,
        made_by_us: bool,
    ) -> Generation:
        """Record a new generation; ``store`` is its kind and place, ``found`` the collection's id
        and name in it."""
        kind, place = store
        # The id stands several times in the manifest for each chunk (rows and indexes): a fifth of
        # its size.
        made = Generation(
            uuid.uuid4().hex[:12],
            site,
            kind,
            collection,
            *found,
            state,
            made_by_us,
            scope,
            datetime.now(UTC).isoformat(),
            None,
            None,
            place,
        )
        self.database.run(
            f"INSERT INTO cs_generation ({GENERATION}) VALUES ({_marks(GENERATION.split())}) ON"
            " CONFLICT DO NOTHING",
            (
                made.id,
                site,
                kind,
                collection,
                *found,
                state,
                int(made_by_us),
                scope,
                made.begun_at,
                None,
                None,
                place,
                None,
            ),
        )
        return made

    def place(self, generation: Generation, collection_id: str, name: str) -> Generation:
        """Record which collection the store made for it."""
        self.database.run(
            "UPDATE cs_generation SET collection_id = ?, collection_name = ? WHERE id = ?",
            (collection_id, name, generation.id),
        )
        return replace(generation, collection_id=collection_id, collection_name=name)

    def record_place(self, place: str, generations: Sequence[Generation]) -> None:
        """Record where the store of these generations is: revision 1 did not know it."""
        self.database.many(
            "UPDATE cs_generation SET place = ? WHERE id = ? AND place = ''",
            [(place, each.id) for each in generations],
        )

    def rescope(self, generation: Generation, scope: str) -> Generation:
        """Record another scope. Nothing of it has been read yet, so the watermark goes."""
        self.database.run(
            "UPDATE cs_generation SET scope = ?, watermark = NULL, reconciled_at = NULL WHERE"
            " id = ?",
            (scope, generation.id),
        )
        return replace(generation, scope=scope, watermark=None, reconciled_at=None)

    def finish(self, generation: Generation, started: datetime, *, reconciled: bool) -> None:
        """Move the watermark: everything in the window was applied, or recorded for retry."""
        self.database.run(
            "UPDATE cs_generation SET watermark = ?, reconciled_at = CASE WHEN ? = 1 THEN ? ELSE"
            " reconciled_at END WHERE id = ?",
            (started.isoformat(), int(reconciled), started.isoformat(), generation.id),
        )

    def compared(self, generation: Generation, moment: datetime) -> None:
        """The ids in the store were compared with the recorded ones."""
        self.database.run(
            "UPDATE cs_generation SET compared_at = ? WHERE id = ?",
            (moment.isoformat(), generation.id),
        )

    @_atomic
    def promote(self, generation: Generation) -> None:
        """Move the pointer: the generation under construction becomes the current one."""
        self.database.run(
            "UPDATE cs_generation SET state = 'retired' WHERE store = ? AND place = ? AND"
            " collection = ? AND site = ? AND state = 'current'",
            (generation.store, generation.place, generation.collection, generation.site),
        )
        self.database.run(
            "UPDATE cs_generation SET state = 'current' WHERE id = ?", (generation.id,)
        )

    @_atomic
    def forget_generation(self, generation: Generation) -> None:
        """Drop every row of a generation whose collection is gone."""
        self.clear(generation)
        self.database.run("DELETE FROM cs_generation WHERE id = ?", (generation.id,))

    def clear(self, generation: Generation) -> None:
        """Forget what was written: the store lost it."""
        self.database.run("DELETE FROM cs_chunk WHERE generation = ?", (generation.id,))
        self.database.run("DELETE FROM cs_page WHERE generation = ?", (generation.id,))

    # -- things learned once
    # -------------------------------------------------------------------------------------

    def known(self, name: str) -> str | None:
        """What an earlier run remembered under this name: a server's capabilities, a batch size
        that works …"""
        rows = self.database.run("SELECT value FROM cs_known WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def remember(self, name: str, value: str) -> None:
        """For the runs to come. Writes nothing where it is known already."""
        value = _NO_TEXT.sub("\ufffd", value)
        if self.known(name) != value:
            self.database.run(
                "INSERT INTO cs_known VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value ="
                " excluded.value",
                (name, value),
            )

    def unlearn(self, name: str) -> None:
        """It no longer holds. Unknown names are no error."""
        self.database.run("DELETE FROM cs_known WHERE name = ?", (name,))

    # -- reading
    # ----------------------------------------------------------------------------------------------

    def page_count(self, generation: Generation) -> int:
        """Recorded pages."""
        return int(
            self.database.run(
                "SELECT count(*) FROM cs_page WHERE generation = ?", (generation.id,)
            )[0][0]
        )

    def unplaced_count(self, generation: Generation) -> int:
        """Recorded pages that are not ``placed``."""
        statement = "SELECT count(*) FROM cs_page WHERE generation = ? AND space_id = ''"
        return int(self.database.run(statement, (generation.id,))[0][0])

    def chunk_count(self, generation: Generation, *, confirmed: bool = False) -> int:
        """Recorded chunks: in every state, or those that are in the store for certain."""
        only = " AND state = 'there'" if confirmed else ""
        statement = f"SELECT count(*) FROM cs_chunk WHERE generation = ?{only}"
        return int(self.database.run(statement, (generation.id,))[0][0])

    def pages(self, generation: Generation, ids: Sequence[str]) -> dict[str, PageRow]:
        """Rows of these pages; the unrecorded are left out."""
        found: dict[str, PageRow] = {}
        for batch in _batches(ids):
            rows = self.database.run(
                f"SELECT {PAGE} FROM cs_page WHERE generation = ? AND id IN ({_marks(batch)})",
                (generation.id, *batch),
            )
            found.update((str(row[0]), page_of(row)) for row in rows)
        return found

    def all_pages(self, generation: Generation) -> Iterator[list[PageRow]]:
        """Every row, by id, in batches: memory does not grow with their number."""
        for rows in self._by_id(
            f"SELECT {PAGE} FROM cs_page WHERE generation = ?", (generation.id,)
        ):
            yield [page_of(row) for row in rows]

    def page_ids(self, generation: Generation) -> Iterator[list[str]]:
        """The id of every row, in batches."""
        for rows in self._by_id("SELECT id FROM cs_page WHERE generation = ?", (generation.id,)):
            yield [str(row[0]) for row in rows]

    def pending(self, generation: Generation, fingerprint: str) -> Iterator[list[str]]:
        """Ids that belong into every plan: a write left open, a failure to retry, metadata to be
        learned, another fingerprint; in batches."""
        wanted = "(version_number IS NULL OR reason <> '' OR pending <> '' OR fingerprint <> ?)"
        statement = f"SELECT id FROM cs_page WHERE generation = ? AND {wanted}"
        for rows in self._by_id(statement, (generation.id, fingerprint)):
            yield [str(row[0]) for row in rows]

    def chunks_of(self, generation: Generation, pages: Sequence[str]) -> dict[str, list[ChunkRow]]:
        """Chunk rows of these pages, in every state."""
        found: dict[str, list[ChunkRow]] = {page: [] for page in pages}
        for batch in _batches(pages):
            rows = self.database.run(
                "SELECT id, page, state, metadata_hash, ref FROM cs_chunk "
                f"WHERE generation = ? AND page IN ({_marks(batch)})",
                (generation.id, *batch),
            )
            for row in rows:
                found[str(row[1])].append(ChunkRow(*row))
        return found

    def chunks(self, generation: Generation, ids: Sequence[str]) -> dict[str, ChunkRow]:
        """Rows of these chunks, in every state; the unrecorded are left out."""
        found: dict[str, ChunkRow] = {}
        for batch in _batches(ids):
            rows = self.database.run(
                "SELECT id, page, state, metadata_hash, ref FROM cs_chunk "
                f"WHERE generation = ? AND id IN ({_marks(batch)})",
                (generation.id, *batch),
            )
            found.update((str(row[0]), ChunkRow(*row)) for row in rows)
        return found

    def all_chunks(self, generation: Generation) -> Iterator[list[ChunkRow]]:
        """Every chunk row, by id, in batches."""
        statement = "SELECT id, page, state, metadata_hash, ref FROM cs_chunk WHERE generation = ?"
        for rows in self._by_id(statement, (generation.id,)):
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

    def in_doubt(self, generation: Generation) -> list[ChunkRow]:
        """Chunks whose write or removal an earlier run left open."""
        rows = self.database.run(
            "SELECT id, page, state, metadata_hash, ref FROM cs_chunk WHERE generation = ? AND"
            " state <> 'there'",
            (generation.id,),
        )
        return [ChunkRow(*row) for row in rows]

    # -- the write of a page
    # -----------------------------------------------------------------------------------

    @_atomic
    def intend(self, generation: Generation, intents: Sequence[Intent]) -> None:
        """Note, before anything is sent, what may be in the store from now on."""
        self.database.many(
            f"INSERT INTO cs_page (generation, {PAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, '', '', NULL,"
            " NULL, '', '', 0, '', '', '', '') ON CONFLICT (generation, id) DO UPDATE SET"
            " version_number = NULL, version_at = NULL",
            [
                (
                    generation.id,
                    i.ref.id,
                    i.ref.type,
                    i.ref.space_id,
                    i.ref.parent_id,
                    i.ref.parent_type,
                    i.ref.title,
                )
                for i in intents
            ],
        )
        self.database.many(
            "INSERT INTO cs_chunk (generation, id, page, state, metadata_hash) VALUES (?, ?, ?,"
            " 'sending', ?) ON CONFLICT (generation, id) DO UPDATE SET state = 'sending',"
            " metadata_hash = excluded.metadata_hash",
            [
                (generation.id, chunk, i.ref.id, value)
                for i in intents
                for chunk, value in i.sending.items()
            ],
        )
        self.database.many(
            "UPDATE cs_chunk SET state = 'removing' WHERE generation = ? AND id = ?",
            [(generation.id, chunk) for i in intents for chunk in i.leaving],
        )

    def confirm(self, generation: Generation, written: Mapping[str, str]) -> None:
        """The store has these chunks (id → the store's own id)."""
        if written:
            self._confirm(generation, written)

    @_atomic
    def _confirm(self, generation: Generation, written: Mapping[str, str]) -> None:
        self.database.many(
            "UPDATE cs_chunk SET state = 'there', ref = ? WHERE generation = ? AND id = ?",
            [(ref, generation.id, chunk) for chunk, ref in written.items()],
        )

    @_atomic
    def commit(
        self,
        generation: Generation,
        rows: Sequence[PageRow],
        gone: Sequence[str],
        kept: Sequence[str] = (),
        written: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Pages are written: the store has ``written``, ``gone`` chunks are no longer in it, the
        rows vouch for it.

        ``kept`` are chunks that had to stay although they are stale (an append-only store): they
        stay recorded.
        """
        self._confirm(generation, written)
        self.database.many(
            "DELETE FROM cs_chunk WHERE generation = ? AND id = ?",
            [(generation.id, chunk) for chunk in gone],
        )
        self.database.many(
            "UPDATE cs_chunk SET state = 'removing' WHERE generation = ? AND id = ?",
            [(generation.id, chunk) for chunk in kept],
        )
        self._put(generation, rows)

    @_atomic
    def fail(
        self, generation: Generation, rows: Sequence[PageRow], undone: Sequence[str] = ()
    ) -> None:
        """Pages failed: kept for retry, with their last good chunks; ``undone`` chunks were taken
        back.

        Leaving chunks stay ``removing``: an earlier run may have removed them before it died, so
        they must not vouch.
        """
        self.database.many(
            "DELETE FROM cs_chunk WHERE generation = ? AND id = ?",
            [(generation.id, chunk) for chunk in undone],
        )
        self._put(generation, rows)

    @_atomic
    def leave(self, generation: Generation, pages: Sequence[str]) -> None:
        """Pages are about to leave the store: from now on their rows vouch for nothing."""
        values = [(generation.id, page) for page in pages]
        self.database.many(
            "UPDATE cs_chunk SET state = 'removing' WHERE generation = ? AND page = ?", values
        )
        self.database.many(
            "UPDATE cs_page SET version_number = NULL, version_at = NULL WHERE generation = ? AND"
            " id = ?",
            values,
        )

    @_atomic
    def forget(self, generation: Generation, pages: Sequence[str]) -> None:
        """Pages have left the store: drop their rows and their chunks' in every state."""
        for table, column in (("cs_chunk", "page"), ("cs_page", "id")):
            self.database.many(
                f"DELETE FROM {table} WHERE generation = ? AND {column} = ?",
                [(generation.id, page) for page in pages],
            )

    @_atomic
    def record_found(
        self, generation: Generation, pages: Sequence[PageRow], chunks: Sequence[ChunkRow]
    ) -> None:
        """Adoption: take over what a listing of the store showed."""
        self._put(generation, pages)
        self.database.many(
            "INSERT INTO cs_chunk (generation, id, page, state, metadata_hash, ref) VALUES (?, ?,"
            " ?, ?, ?, ?) ON CONFLICT (generation, id) DO UPDATE SET state = excluded.state, ref ="
            " excluded.ref, metadata_hash = excluded.metadata_hash",
            [(generation.id, c.id, c.page, c.state, c.metadata_hash, c.ref) for c in chunks],
        )

    @_atomic
    def doubt(self, generation: Generation, chunks: Sequence[tuple[str, str]]) -> None:
        """The store lost these chunks (id and page): they vouch for nothing, and their pages are
        planned again."""
        self.database.many(
            "UPDATE cs_chunk SET state = 'sending' WHERE generation = ? AND id = ?",
            [(generation.id, chunk) for chunk, _ in chunks],
        )
        self.replan(generation, sorted({page for _, page in chunks}))

    def replan(self, generation: Generation, pages: Sequence[str]) -> None:
        """Put these pages into the next plan, whatever their version."""
        self.database.many(
            "UPDATE cs_page SET version_number = NULL, version_at = NULL WHERE generation = ? AND"
            " id = ?",
            [(generation.id, page) for page in pages],
        )

    def _put(self, generation: Generation, rows: Sequence[PageRow]) -> None:
        self.database.many(
            f"INSERT INTO cs_page (generation, {PAGE}) VALUES (?, {_marks(PAGE.split())}) ON"
            " CONFLICT (generation, id) DO UPDATE SET type = excluded.type, space_id ="
            " excluded.space_id, parent_id = excluded.parent_id, parent_type ="
            " excluded.parent_type, title = excluded.title, author = excluded.author, labels ="
            " excluded.labels, version_number = excluded.version_number, version_at ="
            " excluded.version_at, metadata_hash = excluded.metadata_hash, fingerprint ="
            " excluded.fingerprint, attempts = excluded.attempts, reason = excluded.reason, tried"
            " = excluded.tried, cause = excluded.cause, pending = excluded.pending",
            [
                (
                    generation.id,
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
                    _NO_TEXT.sub("\ufffd", row.reason),
                    row.tried,
                    row.cause,
                    " ".join(row.pending),
                )
                for row in rows
            ],
        )


def _marks(batch: Sequence[object]) -> str:
    return ", ".join("?" * len(batch))


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]
