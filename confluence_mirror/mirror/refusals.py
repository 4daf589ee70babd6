"""A store refuses chunks: because of these very chunks, or would it refuse every one?

A quota, a schema that was changed, a rule of a proxy: today's refusals must not become pages that
were given up. So a refusal is laid to a page's charge only where the store took another chunk
beside it: one of this batch, or one that it holds already and is sent once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from confluence_mirror.errors import WrongSettings
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.model import Chunk

SYSTEMATIC = 5
"""So many pages in a row, all refused by a store that shows no other way whether it takes
anything."""
_LOOKED_AT = 1000
"""Rows in which a chunk is looked for that can be sent once more."""


class Refusals:
    """Judges the refusals of one run."""

    def __init__(self, mirror: StoredMirror) -> None:
        self._mirror = mirror
        self._store = mirror.store
        self._collection = mirror.collection
        self._can = mirror.capabilities
        self._site = mirror.site
        self._in_a_row: list[str] = []
        self._took_any = False

    def took(self) -> None:
        """The store took a chunk."""
        self._took_any = True
        self._in_a_row.clear()

    def lie_in_pages(self, reasons: Sequence[str]) -> bool:
        """Whether it is known that these pages, all refused, are to blame for it: one reason for
        each.

        Raises ``WrongSettings`` where the store refuses whatever it is sent.
        """
        proof = self._can.proves_refusals or self._takes_what_it_holds()
        if proof:
            self._in_a_row.clear()
            return True
        self._in_a_row += reasons
        if proof is False or len(self._in_a_row) >= SYSTEMATIC:
            raise self._systematic_refusal()
        return False

    def end(self) -> None:
        """All was tried. Raises ``WrongSettings`` where the store is empty and took nothing."""
        if self._in_a_row and not self._took_any and not self._store.holds_data(self._collection):
            raise self._systematic_refusal()

    def _takes_what_it_holds(self) -> bool | None:
        """Send a chunk once more, exactly as it lies there. None: there is none that can be."""
        if not (self._can.lists and self._can.replaces):
            return None
        for row in islice(self._store.list_rows(self._collection), _LOOKED_AT):
            if row.chunk_id and row.site_id == self._site and row.text and row.metadata:
                chunk = Chunk(row.chunk_id, row.page_id, row.text, row.metadata, row.metadata_hash)
                embedded = self._mirror.embed_chunks([chunk])
                result = self._store.write_chunks(self._collection, embedded, {})
                return chunk.id in result.written if embedded else None
        return None

    def _systematic_refusal(self) -> WrongSettings:
        reason = self._in_a_row[0] if self._in_a_row else ""
        return WrongSettings(
            f"{self._store.kind} at {self._store.location} refuses every chunk that it is sent"
            f" ({reason}); the pages are kept for the next run.",
            hint=(
                "Is there a quota, a changed schema, or a rule of a proxy? No page is given up for"
                " this."
            ),
        )
