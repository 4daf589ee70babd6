"""One page against what the manifest has of it: what is sent, patched and removed, and the row that
is recorded afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from confluence_mirror.manifest import Cause, ChunkRow, Intent, PageRow
from confluence_mirror.mirror.compare import tried
from confluence_mirror.mirror.documents import Document, Recipe, is_otherwise_embedded
from confluence_mirror.mirror.events import PageNotWritten
from confluence_mirror.model import Chunk, PageRef, Unembedded, Vector
from confluence_mirror.stores.base import Capabilities, WriteResult


class NeedsRotation(Exception):
    """Something must go, or change, that this store cannot remove or replace."""


@dataclass(slots=True)
class PageDiff:
    """What changes in the store for one page, and what became of it."""

    document: Document
    kind: str
    fingerprint: str
    send: list[Chunk]
    """New text, or a copy that must be written anew for its metadata or its vector."""
    patch: list[Chunk]
    """Stored as they should be, but for metadata that the store can update."""
    stale: list[ChunkRow]
    kept: int
    """Chunks whose text was there already."""
    refs: dict[str, str]
    """Chunk id → the store's own id of the copy that is there."""
    known: frozenset[str]
    """Chunks that were, or may have been, in the store before."""
    written: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    """Chunk id → why the store refuses it, or why it has no vector."""

    def intent(self) -> Intent:
        """What may be in the store from now on."""
        sending = {chunk.id: chunk.metadata_hash for chunk in (*self.send, *self.patch)}
        leaving = tuple(row.id for row in self.stale)
        return Intent(self.document.ref, sending, leaving, self.fingerprint)

    def note_result(self, chunk_id: str, result: WriteResult) -> None:
        """What the store said of one chunk."""
        if chunk_id in result.written:
            self.written[chunk_id] = result.written[chunk_id]
        elif chunk_id in result.rejected:
            self.rejected[chunk_id] = f"the store refuses it: {result.rejected[chunk_id]}"
        else:
            raise AssertionError(f"the store said nothing of chunk {chunk_id}")

    def receive_vectors(self, vectors: Mapping[str, Vector | Unembedded]) -> None:
        """By chunk id; other pages' may be among them."""
        for place, chunk in enumerate(self.send):
            match vectors.get(chunk.id):
                case None:
                    continue
                case Unembedded(reason):
                    self.rejected[chunk.id] = f"it is not embedded: {reason}"
                case vector:
                    self.send[place] = replace(chunk, vector=vector)

    def refusal(self) -> str:
        """Why the page is not written, where chunks of it are ``rejected``."""
        first = next(iter(self.rejected.values()))
        return f"of its chunks {len(self.rejected)} cannot be stored; of the first: {first}"


def diff_page(
    document: Document,
    kind: str,
    fingerprint: str,
    row: PageRow | None,
    stored: Sequence[ChunkRow],
    can: Capabilities,
    recipe: Recipe,
    *,
    append_only: bool,
) -> PageDiff:
    """Compare a page's chunks with the ``stored`` ones, as they are recorded, with the page's row.

    Each is sent again where they were embedded in another form. Raises ``NeedsRotation`` where
    something must go or change that the store cannot remove or replace, unless stale chunks may
    stay (``append_only``).
    """
    anew = is_otherwise_embedded(row, recipe)
    wanted = {chunk.id: chunk for chunk in document.chunks}
    there = {row.id: row for row in stored if row.state == "there" and not anew}
    known = frozenset(row.id for row in stored)
    differs = [
        c for c in wanted.values() if c.id in there and there[c.id].metadata_hash != c.metadata_hash
    ]
    send = [chunk for chunk in wanted.values() if chunk.id not in there]
    patch: list[Chunk] = []
    if can.updates_metadata:
        patch = differs
    elif not append_only:
        send += differs
    stale = [row for row in stored if row.id not in wanted]
    copies = any(chunk.id in known for chunk in send)
    if not append_only and ((stale and not can.deletes) or (copies and not can.replaces)):
        raise NeedsRotation(document.ref.id)
    refs = {row.id: row.ref for row in stored if row.ref}
    kept = len(wanted) - len(send)
    return PageDiff(document, kind, fingerprint, send, patch, stale, kept, refs, known)


def written_row(document: Document, fingerprint: str) -> PageRow:
    """The row of a page that is in the store as it should be."""
    return replace(
        _unwritten_row(document.ref),
        author=document.author,
        labels=document.labels,
        version=document.ref.version,
        metadata_hash=document.metadata_hash,
        fingerprint=fingerprint,
        pending=document.pending,
        access=document.access,
        unreadable=document.unreadable,
    )


def failed_row(
    ref: PageRef, row: PageRow | None, reason: str, cause: Cause, fingerprint: str, *, counts: bool
) -> PageRow:
    """The row of a page that failed: as it was (``row``), for another try.

    ``counts``: towards giving it up, since the failure is known to lie in the page.
    """
    this_try = tried(ref, fingerprint)
    before = row.attempts if row and row.tried == this_try else 0
    return replace(
        row or _unwritten_row(ref),
        attempts=before + int(counts),
        reason=reason[:500],
        tried=this_try,
        cause=cause,
    )


def tell_failed_row(row: PageRow) -> PageNotWritten:
    """A page that failed, as its row has it."""
    return PageNotWritten(row.id, row.title, row.reason, row.attempts, row.quarantined, row.type)


def _unwritten_row(ref: PageRef) -> PageRow:
    return PageRow(
        ref.id,
        ref.type,
        ref.space_id,
        ref.parent_id,
        ref.parent_type,
        ref.title,
        author="",
        labels=(),
        version=None,
        metadata_hash="",
        fingerprint="",
    )
