"""Read the store back and compare it with the manifest: drift. Only reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluence_sync.errors import WrongSettings
from confluence_sync.manifest import ChunkRow, Generation, Manifest
from confluence_sync.mirror.metadata import metadata_hash
from confluence_sync.report import RunReport
from confluence_sync.stores.base import Capabilities, Collection, Store, Stored

SHOWN = 10


@dataclass(slots=True)
class Drift:
    """Where the store and the manifest disagree. Pages that failed or are quarantined are no drift."""

    chunks: int = 0
    """Ours, found in the store."""
    foreign: int = 0
    """Rows of others, left alone."""
    missing: list[tuple[str, str]] = field(default_factory=list)
    """(page, chunk) recorded but not in the store."""
    stray: list[Stored] = field(default_factory=list)
    """Ours, in the store, but not recorded."""
    twice: list[Stored] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    """(page, chunk) whose text or metadata in the store is not what was written."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.stray or self.twice or self.changed)

    def tell(self, report: RunReport) -> None:
        """Put chunk ids into the report."""
        for _, chunk in self.missing:
            report.drifted("missing", chunk)
        for row in (*self.stray, *self.twice):
            report.drifted("stray", row.chunk_id)
        for _, chunk in self.changed:
            report.drifted("different", chunk)

    def lines(self) -> list[str]:
        """For people."""
        if not self:
            return [f"no drift: {self.chunks} chunks in the store are what was written ({self.foreign} foreign rows)"]
        kinds: list[tuple[str, Sequence[tuple[str, str]]]] = [
            ("missing in the store", self.missing),
            ("in the store, but not ours to have there", [(row.page_id, row.chunk_id) for row in self.stray]),
            ("in the store twice", [(row.page_id, row.chunk_id) for row in self.twice]),
            ("changed in the store", self.changed),
        ]
        lines = []
        for what, rows in kinds:
            if rows:
                lines.append(f"drift: {len(rows)} chunks {what}")
                lines += [f"  page {page} chunk {chunk}" for page, chunk in rows[:SHOWN]]
                lines += [f"  … and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        return lines


def drift(store: Store, can: Capabilities, collection: Collection, manifest: Manifest, generation: Generation) -> Drift:
    """Compare every row of the store with the manifest: ids, and where the store gives them text and metadata."""
    if not can.lists:
        raise WrongSettings(f"{store.kind} at {store.location} cannot list its chunks, so it cannot be verified.")
    found = Drift()
    seen: set[str] = set()
    batch: list[Stored] = []
    for row in store.rows(collection):
        if not row.chunk_id or (row.site_id and row.site_id != generation.site):
            found.foreign += 1
            continue
        found.chunks += 1
        batch.append(row)
        if len(batch) >= 500:
            _compare(found, batch, seen, can, manifest, generation)
            batch = []
    _compare(found, batch, seen, can, manifest, generation)
    for rows in manifest.all_chunks(generation):
        found.missing += [(row.page, row.id) for row in rows if row.state == "there" and row.id not in seen]
    return found


def _compare(
    found: Drift, batch: Sequence[Stored], seen: set[str], can: Capabilities, manifest: Manifest, generation: Generation
) -> None:
    recorded = {
        row.id: row
        for rows in manifest.chunks_of(generation, sorted({row.page_id for row in batch})).values()
        for row in rows
    }
    for row in batch:
        known = recorded.get(row.chunk_id)
        if known is None:
            found.stray.append(row)
        elif row.chunk_id in seen:
            found.twice.append(row)
        elif known.state == "there" and not _as_written(row, known, can):
            found.changed.append((row.page_id, row.chunk_id))
        seen.add(row.chunk_id)


def _as_written(row: Stored, known: ChunkRow, can: Capabilities) -> bool:
    if row.ref and known.ref and row.ref != known.ref:
        return False
    if row.text is not None and not _is_own_text(row, row.text):
        return False
    if row.metadata_hash:
        return row.metadata_hash == known.metadata_hash
    return row.metadata is None or metadata_hash(row.metadata, exact=can.updates_metadata) == known.metadata_hash


def _is_own_text(row: Stored, text: str) -> bool:
    said = (row.metadata or {}).get("content_hash")
    return said is None or said == hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
