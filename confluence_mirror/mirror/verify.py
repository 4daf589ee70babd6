"""Read the store back and compare it with the manifest: drift. Only reads.

Ids are compared, never counts: rows of others and stray ones would make up for lost ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from confluence_mirror.batches import in_batches
from confluence_mirror.chunking import chunk_id
from confluence_mirror.errors import WrongSettings
from confluence_mirror.manifest import ChunkRow
from confluence_mirror.mirror.events import DriftFound, Emit
from confluence_mirror.mirror.metadata import metadata_hash
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.shards import Shards
from confluence_mirror.stores.base import Capabilities, Store, StoredRow
from confluence_mirror.wording import counted, verb

SHOWN = 10
BATCH = 500
MOST_COPIES = 100_000
"""Of one text in one page, where its row does not say how many chunks the page has."""


@dataclass(slots=True)
class Drift:
    """Where the store and the manifest disagree. Pages that failed or are quarantined are no
    drift."""

    chunks: int = 0
    """Ours, found in the store."""
    foreign: int = 0
    """Rows of others, left alone."""
    of_shards: int = 0
    """Rows of other shards of this mirror, left to them."""
    missing: list[tuple[str, str]] = field(default_factory=list)
    """(page, chunk) recorded but not in the store."""
    stray: list[StoredRow] = field(default_factory=list)
    """Ours, in the store, but not recorded."""
    twice: list[StoredRow] = field(default_factory=list)
    changed: list[StoredRow] = field(default_factory=list)
    """Recorded, but text or metadata in the store are not what was written."""
    renamed: list[StoredRow] = field(default_factory=list)
    """As they were written, under another id of the store's own: no drift."""
    spoilt: set[str] = field(default_factory=set)
    """Stray chunks whose text is not the one that their id was made of."""
    readers: list[str] = field(default_factory=list)
    """Pages that are recorded for other readers than Confluence has."""
    sites: set[str] = field(default_factory=set)
    """Other sites that have rows in the collection."""
    documents: list[str] = field(default_factory=list)
    """Paths of documents that are not in the tree, or not as they were written."""

    def __bool__(self) -> bool:
        drifted = self.missing or self.stray or self.twice or self.changed
        return bool(drifted or self.readers or self.documents)

    def add(self, more: Drift) -> None:
        """Take over what another part of the comparison found."""
        self.chunks += more.chunks
        self.foreign += more.foreign
        self.of_shards += more.of_shards
        self.missing += more.missing
        self.stray += more.stray
        self.twice += more.twice
        self.changed += more.changed
        self.renamed += more.renamed
        self.spoilt |= more.spoilt
        self.sites |= more.sites

    def tell(self, emit: Emit) -> None:
        """Name each chunk."""
        for _, chunk in self.missing:
            emit(DriftFound("missing", chunk))
        for row in (*self.stray, *self.twice):
            emit(DriftFound("stray", row.chunk_id))
        for row in self.changed:
            emit(DriftFound("different", row.chunk_id))
        for page in self.readers:
            emit(DriftFound("readers", page))
        for path in self.documents:
            emit(DriftFound("document", path))

    def lines(self) -> list[str]:
        """For people."""
        if not self:
            stored = f"{counted(self.chunks, 'chunk')} {verb(self.chunks, 'is', 'are')}"
            beside = [
                *([counted(self.foreign, "foreign row")] if self.foreign else []),
                *([f"{self.of_shards:,} of other shards"] if self.of_shards else []),
            ]
            others = f" ({', '.join(beside)})" if beside else ""
            return [f"no drift: {stored} in the store as written{others}"]
        kinds: list[tuple[str, Sequence[tuple[str, str]]]] = [
            ("missing in the store", self.missing),
            ("in the store, but not recorded", [(row.page_id, row.chunk_id) for row in self.stray]),
            ("in the store twice", [(row.page_id, row.chunk_id) for row in self.twice]),
            ("changed in the store", [(row.page_id, row.chunk_id) for row in self.changed]),
        ]
        lines = []
        for what, rows in kinds:
            if rows:
                lines.append(f"drift: {counted(len(rows), 'chunk')} {what}")
                lines += [f"  page {page} chunk {chunk}" for page, chunk in rows[:SHOWN]]
                lines += [f"  … and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        if self.readers:
            what = "recorded for other readers than Confluence has"
            lines.append(f"drift: {counted(len(self.readers), 'page')} {what}")
            lines += [f"  page {page}" for page in self.readers[:SHOWN]]
        if self.documents:
            lines.append(
                f"drift: {counted(len(self.documents), 'document')} missing or changed in the tree"
            )
            lines += [f"  {path}" for path in self.documents[:SHOWN]]
            more = len(self.documents) - SHOWN
            lines += [f"  … and {more} more"] if more > 0 else []
        return lines


class StoreComparison:
    """The rows of a mirror in its store against the record of them.

    ``deep`` compares texts too, and metadata on every store. Otherwise metadata is compared where
    the store keeps it exactly or carries a hash of it: a server that hands it back otherwise than
    it took it would look changed in every run.
    """

    def __init__(self, mirror: StoredMirror, *, deep: bool) -> None:
        self._mirror = mirror
        self._record = mirror.record
        self._deep = deep

    def parts(self) -> Iterator[Drift]:
        """What is found, part by part, so that memory does not grow with the collection."""
        with closing(SeenIds()) as seen:
            for rows in in_batches(
                self._mirror.store.list_rows(self._mirror.collection, texts=self._deep), BATCH
            ):
                self._mirror.check()
                yield self._compare_part(rows, seen)
            for recorded in self._record.all_chunks():
                self._mirror.check()
                there = [row for row in recorded if row.state == "there"]
                absent = seen.lack([row.id for row in there])
                yield Drift(missing=[(row.page, row.id) for row in there if row.id in absent])

    def _compare_part(self, rows: Sequence[StoredRow], seen: SeenIds) -> Drift:
        ours = [row for row in rows if is_ours(row, self._mirror.site)]
        sites = {row.site_id for row in rows if row.chunk_id} - {self._mirror.site}
        found = Drift(foreign=len(rows) - len(ours), sites=sites)
        recorded = self._record.chunks([row.chunk_id for row in ours])
        if self._mirror.shards is not None:
            own = self._rows_of_shard(self._mirror.shards, ours, recorded)
            found.of_shards, ours = len(ours) - len(own), own
        found.chunks = len(ours)
        before = seen.add([row.chunk_id for row in ours])
        for row in ours:
            known = recorded.get(row.chunk_id)
            if row.chunk_id in before:
                found.twice.append(row)
            elif known is None:
                found.stray.append(row)
                if row.text is not None and not _is_own_text(row, row.text):
                    found.spoilt.add(row.chunk_id)
            elif known.state == "there" and not self._as_written(row, known):
                found.changed.append(replace(row, page_id=known.page))
            elif known.state == "there" and row.ref != known.ref:
                found.renamed.append(row)
            before.add(row.chunk_id)
        return found

    def _rows_of_shard(
        self, shards: Shards, rows: Sequence[StoredRow], recorded: Mapping[str, ChunkRow]
    ) -> list[StoredRow]:
        """Of the mirror's rows those that are this shard's: what it records, and what none of them
        records where the row's space is its own."""
        others = shards.record_of_others()
        theirs = others.chunks([row.chunk_id for row in rows]) if others else {}
        return [
            row
            for row in rows
            if row.chunk_id in recorded or (row.chunk_id not in theirs and shards.decides_on(row))
        ]

    def _as_written(self, row: StoredRow, known: ChunkRow) -> bool:
        if row.page_id != known.page:
            return False
        if row.text is not None and not _is_own_text(row, row.text):
            return False
        if row.metadata_hash:
            return row.metadata_hash == known.metadata_hash
        exact = self._mirror.capabilities.updates_metadata
        if row.metadata is None or not (self._deep or exact):
            return True
        return metadata_hash(row.metadata, exact=exact) == known.metadata_hash


def _is_own_text(row: StoredRow, text: str) -> bool:
    """A chunk's id is made of its text, and of how often the page has had that text before."""
    count = (row.metadata or {}).get("chunk_count")
    copies = min(count if isinstance(count, int) else MOST_COPIES, MOST_COPIES)
    try:
        return any(
            chunk_id(row.site_id, row.page_id, text, n) == row.chunk_id
            for n in range(max(copies, 1))
        )
    except UnicodeEncodeError:
        return False


def is_ours(row: StoredRow, site: str) -> bool:
    """Whether a row is of this site's mirror. All others are left alone."""
    return bool(row.chunk_id) and row.site_id == site


def find_drift(mirror: StoredMirror) -> Drift:
    """Compare every row of the store with the manifest: ids, and where the store gives them text
    and metadata."""
    require_listing(mirror.store, mirror.capabilities)
    found = Drift()
    for part in StoreComparison(mirror, deep=True).parts():
        found.add(part)
    return found


def require_listing(store: Store, can: Capabilities) -> None:
    """Raise ``WrongSettings`` where the store's rows cannot be read back."""
    if not can.lists:
        raise WrongSettings(
            f"{store.kind} at {store.location} cannot list its chunks, so it cannot be verified."
        )


class SeenIds:
    """Ids that a listing gave. SQLite keeps what does not fit its cache in an unnamed temporary
    file."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, ids: Sequence[str]) -> set[str]:
        """Note them; given back are those that were noted before."""
        before = set(ids) - self.lack(ids)
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(each,) for each in ids])
        self._db.execute("COMMIT")
        return before

    def lack(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids (``BATCH`` at most) that no row bore."""
        marks = ", ".join("?" * len(ids))
        found = self._db.execute(f"SELECT id FROM seen WHERE id IN ({marks})", list(ids))  # noqa: S608 - only marks
        return set(ids) - {row[0] for row in found}

    def close(self) -> None:
        """Drop the temporary file."""
        self._db.close()
