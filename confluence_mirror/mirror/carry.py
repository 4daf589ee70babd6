"""Pages that were given up keep their last good chunks when a new collection is built: they are
carried over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from confluence_mirror.errors import Unfinished
from confluence_mirror.manifest import ChunkRow, PageRow
from confluence_mirror.mirror.recorded import StoredMirror


def carry_over(page: PageRow, held: PageRow, old: StoredMirror, new: StoredMirror) -> None:
    """Copy a page's chunks from the old collection into the new one.

    ``page`` is its row in the new generation, ``held`` the one in the old. Like any write: what may
    be there is noted first. Raises ``Unfinished`` where the old collection does not give them all
    back.
    """
    new.record.texts.copy_pages([page.id], old.record.texts)
    rows = _missing_chunks(page.id, old, new)
    if rows:
        chunks = old.store.fetch_chunks(
            old.collection, [row.stored() for row in rows], about=held.title
        )
        got = {chunk.id for chunk in chunks}
        sending = [replace(row, state="sending", ref="") for row in rows if row.id in got]
        new.record.record_found((), sending)
        result = new.store.write_chunks(new.collection, new.embed_chunks(chunks), {})
        new.record.confirm(result.written)
        if lost := [row.id for row in rows if row.id not in result.written]:
            raise Unfinished(
                f"Page {page.id} ({held.title!r}) cannot be mirrored ({page.reason}), and"
                f" {len(lost)} of its last good chunks cannot be carried over into the new"
                f" collection {new.collection.name}; readers stay on the old one.",
                hint="Change or remove the page, then run again.",
            )


def _missing_chunks(page_id: str, old: StoredMirror, new: StoredMirror) -> Sequence[ChunkRow]:
    """The page's chunks that only the old collection has."""
    there = {row.id for row in _chunk_rows(new, page_id) if row.state == "there"}
    return [
        row for row in _chunk_rows(old, page_id) if row.state != "sending" and row.id not in there
    ]


def _chunk_rows(mirror: StoredMirror, page_id: str) -> Sequence[ChunkRow]:
    return mirror.record.chunks_of([page_id])[page_id]
