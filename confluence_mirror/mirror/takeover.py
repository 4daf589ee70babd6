"""What the store's own rows say, taken over into the manifest: after a comparison, and where the
manifest was lost.

A row that the manifest does not know is recorded, and its page planned again, so that the plan
decides whether it stays. A row that says it was written for another scope is another mirror's: a
collection holds one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal

from confluence_mirror.batches import in_batches
from confluence_mirror.errors import Refused
from confluence_mirror.manifest import ChunkRow, PageRow
from confluence_mirror.mirror import metadata
from confluence_mirror.mirror.names import fold_name
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.verify import BATCH, Drift, StoreComparison
from confluence_mirror.model import CHILD_TYPES, DOCUMENT_TYPES, DocumentType, Space, StoredRef
from confluence_mirror.stores.base import Collection, StoredRow
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

Standing = Literal["inside", "outside", "unknown"]


class Takeover:
    """Brings the record of a mirror up to what its collection holds. Nothing is written in the
    store, but that rows which are there twice are removed where a new write would not replace
    both."""

    def __init__(
        self, mirror: StoredMirror, scope: Scope, *, change_scope: bool, writes: bool
    ) -> None:
        self._mirror = mirror
        self._record = mirror.record
        self._scope = scope
        self._change_scope = change_scope
        self._writes = writes

    def adopt_rows(self) -> None:
        """Take over all our rows: every page is read again, and only what differs is sent.

        Raises ``Refused`` where rows are another site's, or from outside the scope.
        """
        chunks = 0
        twice: list[StoredRow] = []
        for part in StoreComparison(self._mirror, deep=True).parts():
            _require_one_site(part, self._mirror.collection)
            outside = self._take_part(part)
            if outside:
                raise _other_scope(self._mirror.collection, outside)
            chunks += part.chunks
            twice += part.twice
        self._send_again(twice)
        if chunks:
            log.info(
                "no manifest: %s found in the store taken over, to be compared page by page",
                counted(chunks, "chunk"),
            )

    def compare_rows(self, *, deep: bool) -> set[str]:
        """Plan again the pages of which the store lacks chunks, holds others, or holds them
        changed.

        Given back are the spaces of rows that another mirror has written: those were left alone.
        """
        outside: set[str] = set()
        counts = {"missing": 0, "changed": 0, "not recorded": 0, "there twice": 0}
        twice: list[StoredRow] = []
        for part in StoreComparison(self._mirror, deep=deep).parts():
            outside |= self._take_part(part)
            twice += part.twice
            counts["missing"] += len(part.missing)
            counts["changed"] += len(part.changed)
            counts["not recorded"] += len(part.stray)
            counts["there twice"] += len(part.twice)
        self._send_again(twice)
        if any(counts.values()):
            said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
            log.warning(
                "the store differs from the manifest (chunks: %s): their pages are compared again",
                said,
            )
        return outside

    def _take_part(self, part: Drift) -> set[str]:
        """Record one part of a comparison; the spaces of rows that another mirror has written."""
        if part.renamed or part.changed:
            # The store's own id of a copy is what a write replaces.
            copies = [
                ChunkRow(row.chunk_id, row.page_id, "there", self._metadata_hash(row), row.ref)
                for row in part.renamed
            ]
            copies += [
                ChunkRow(row.chunk_id, row.page_id, "sending", self._metadata_hash(row), row.ref)
                for row in part.changed
            ]
            self._record.record_found([], copies)
            self._record.replan(sorted({row.page_id for row in part.changed}))
        if part.missing:
            self._record.mark_missing([(chunk, page) for page, chunk in part.missing])
        stands = {row.chunk_id: standing(row, self._scope) for row in part.stray}
        outside = {
            str((row.metadata or {}).get("space_key", ""))
            for row in part.stray
            if stands[row.chunk_id] == "outside"
        }
        taken = [
            row for row in part.stray if stands[row.chunk_id] != "outside" or self._change_scope
        ]
        for rows in in_batches(taken, BATCH):
            self._take_rows(rows, part.spoilt, stands)
        return set() if self._change_scope else outside

    def _take_rows(
        self, rows: Sequence[StoredRow], spoilt: set[str], stands: dict[str, Standing]
    ) -> None:
        pages = {row.page_id: self._page_row(row, stands[row.chunk_id]) for row in rows}
        recorded = self._record.pages(list(pages))
        chunks = [
            ChunkRow(
                row.chunk_id,
                row.page_id,
                "sending" if row.chunk_id in spoilt else "there",
                self._metadata_hash(row),
                row.ref,
            )
            for row in rows
        ]
        self._record.record_found(
            [page for page in pages.values() if page.id not in recorded], chunks
        )
        self._record.replan(list(pages))

    def _send_again(self, twice: Sequence[StoredRow]) -> None:
        """A chunk that is there twice is sent again. A store with row ids replaces every copy by
        that; elsewhere both go first."""
        self._record.mark_missing([(row.chunk_id, row.page_id) for row in twice])
        removes = self._mirror.capabilities.deletes and self._writes
        leaving = [row for row in twice if not row.ref] if removes else []
        for rows in in_batches(leaving, BATCH):
            refs = [StoredRef(row.chunk_id, row.page_id, "", "") for row in rows]
            self._mirror.store.remove_chunks(self._mirror.collection, refs)

    def _metadata_hash(self, row: StoredRow) -> str:
        if row.metadata_hash or row.metadata is None:
            return row.metadata_hash
        return metadata.metadata_hash(
            row.metadata, exact=self._mirror.capabilities.updates_metadata
        )

    def _page_row(self, row: StoredRow, stands: Standing) -> PageRow:
        known = row.metadata or {}
        document_type = _type_of(row)
        parent = str(known.get("parent_page_id", "")) or None
        key = str(known.get("space_key", ""))
        space = next((space.id for space in self._scope.spaces if space.key == key), key)
        title, author = str(known.get("title", "")), str(known.get("author", ""))
        # Without a space it is not ``placed``: the plan is careful with removing it.
        space_id = space if stands == "inside" else ""
        return PageRow(
            row.page_id, document_type, space_id, parent, None, title, author, (), None, "", ""
        )


def _type_of(row: StoredRow) -> DocumentType:
    named = (row.metadata or {}).get("page_type")
    return next((each for each in DOCUMENT_TYPES if each == named), "page")


def standing(row: StoredRow, scope: Scope) -> Standing:
    """Whether a row was written for this scope, as far as its metadata tells: it says how things
    were at that time.

    A folder may have another name by now, so a breadcrumb without it is not a proof.
    """
    known = row.metadata or {}
    key = str(known.get("space_key", ""))
    if not key:
        return "unknown"
    space = next((space for space in scope.spaces if space.key == key), None)
    if space is None and (not scope.all_spaces or key.startswith("~")):
        return "outside"
    document_type = _type_of(row)
    if document_type in CHILD_TYPES and document_type not in scope.child_types():
        return "outside"
    if document_type == "attachment" and scope.by_label:
        return "unknown"  # its labels are its own, not its page's
    borne = {fold_name(label) for label in str(known.get("labels", "")).split(",")}
    if scope.labels and not borne & {fold_name(label) for label in scope.labels}:
        return "outside"
    if borne & {fold_name(label) for label in scope.exclude_labels}:
        return "unknown"  # it was written before it had the label, or before that was excluded
    if space is None or space.id in scope.whole or {row.page_id, _page_of(row)} & {*scope.pages}:
        return "inside"
    return _standing_in_trees(row, scope, space)


def _page_of(row: StoredRow) -> str:
    """The page on which a child document hangs, as its metadata has it."""
    return (
        str((row.metadata or {}).get("parent_page_id", "")) if _type_of(row) in CHILD_TYPES else ""
    )


def _standing_in_trees(row: StoredRow, scope: Scope, space: Space) -> Standing:
    """Of a space that is not mirrored whole."""
    ids = scope.roots_in(space.id, scope.trees)
    if not ids:
        return "outside"
    separator = metadata.BREADCRUMB_SEPARATOR
    titles = f"{separator}{(row.metadata or {}).get('breadcrumb', '')}{separator}"
    roots = [root.title for root in scope.roots if root.id in ids and root.title]
    named = any(f"{separator}{title}{separator}" in titles for title in roots)
    return "inside" if named or row.page_id in ids else "unknown"


def _require_one_site(part: Drift, collection: Collection) -> None:
    if part.sites:
        raise Refused(
            f"Collection {collection.name} holds pages of another site"
            f" ({', '.join(sorted(part.sites))}); no page was read or removed.",
            hint="Set another COLLECTION_ID, or correct CONF_CLOUD_ID.",
        )


def _other_scope(collection: Collection, outside: set[str]) -> Refused:
    return Refused(
        f"Collection {collection.name} holds pages of this site from outside the scope (spaces "
        f"{', '.join(sorted(outside))}); no page was read or removed.",
        hint=(
            "Widen the scope (SCOPE, LABELS), set another COLLECTION_ID, or say that it"
            " is meant: --change-scope."
        ),
    )
