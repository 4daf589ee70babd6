"""What must be written: each listed page against its row in the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluence_mirror.manifest import PageRow
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.metadata import page_hash
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.model import PageRef

MOST_LABELS_ASKED = 500
"""Of so many written pages at most, whose labels the index does not tell, the own route is asked in
one run."""

Rows = dict[str, PageRow]


class PageComparison:
    """Compares batches of pages of one listing with their rows."""

    def __init__(
        self,
        source: Source,
        listing: Listing,
        scope: Scope,
        fingerprints: Mapping[str, str],
        *,
        full: bool,
        again: bool,
        labels: bool,
        access: bool,
    ) -> None:
        """``full`` and ``again`` as in ``PlanSettings``."""
        self._source = source
        self._listing = listing
        self._spaces = scope.spaces_by_id()
        self._fingerprints = fingerprints
        self._full = full
        self._again = again
        self._wants_labels = labels
        self._has_access = access
        self._labels_asked = 0
        self._tellable: set[str] = set()
        """Authors whose names were not to be had when their pages were written, and are now."""
        self.unlabelled = 0
        """Pages whose labels could not be learned: they keep the recorded ones."""

    def kinds(self, refs: Sequence[PageRef], rows: Rows) -> dict[str, str]:
        """Why each of these pages must be written; empty if it need not be."""
        labels = self._learn_labels(refs, rows)
        if not self._has_access:
            # Chunks that carry a key from earlier are to have an empty one.
            self._listing.readers.set_keys({key: "" for key, row in rows.items() if row.access})
        keys = self._listing.readers.keys_of([ref.id for ref in refs])
        waiting = {
            ref.author_id for ref in refs if ref.id in rows and "names" in rows[ref.id].pending
        }
        if new := waiting - self._tellable:
            self._tellable.update(self._source.display_names(new))
        return {
            ref.id: self._kind_of_change(
                ref, rows.get(ref.id), labels[ref.id], keys.get(ref.id, "")
            )
            for ref in refs
        }

    def _learn_labels(self, refs: Sequence[PageRef], rows: Rows) -> dict[str, tuple[str, ...]]:
        """What the index did not say is asked for, page by page; a page of which nobody says keeps
        its recorded ones.

        It lags, and its rows hold only so many labels. Of pages that are as they were written a few
        are asked at most.
        """
        if not self._wants_labels:
            return {ref.id: () for ref in refs}
        known = self._listing.labels_of([ref.id for ref in refs])
        unknown = [ref for ref in refs if ref.id not in known]
        written = [ref for ref in unknown if ref.id in rows and rows[ref.id].version is not None]
        urgent = [ref for ref in unknown if ref not in written]
        asked = dict(self._source.labels_of(urgent)) if urgent else {}
        if written:
            asked |= self._source.labels_of(written, max(0, MOST_LABELS_ASKED - self._labels_asked))
            self._labels_asked += len(written)
        self._listing.add_labels(asked)
        kept = {
            ref.id: rows[ref.id].labels if ref.id in rows else ()
            for ref in unknown
            if ref.id not in asked
        }
        self._listing.add_labels(kept, known=False)
        self.unlabelled += len(kept)
        return known | asked | kept

    def _kind_of_change(
        self, ref: PageRef, row: PageRow | None, labels: tuple[str, ...], access: str
    ) -> str:
        if row is None:
            return "add"
        fingerprint = self._fingerprints[ref.type]
        if (
            row.quarantined
            and row.tried == tried(ref, fingerprint)
            and not self._is_tried_again(row)
        ):
            return "quarantined"
        if row.version is None or row.reason:
            return "retry"
        if row.version != ref.version or row.fingerprint != fingerprint:
            return "change"
        if self._is_moved(ref, row, labels, access) or self._has_learned(ref, row):
            return "move"
        return "check" if self._full else ""

    def _is_tried_again(self, row: PageRow) -> bool:
        """A store or an embedder may take tomorrow what it refuses today; a page stays as it is
        until it changes."""
        return self._again or row.cause in ("store", "embedder")

    def _is_moved(self, ref: PageRef, row: PageRow, labels: tuple[str, ...], access: str) -> bool:
        """Whether the metadata of an unchanged page differs from what was written."""
        if self._listing.sees_ancestors(ref):
            space, ancestors = self._spaces[ref.space_id], self._listing.ancestors(ref)
            return row.metadata_hash != page_hash(
                ref, space, ancestors, labels, page_url(self._source, ref), access
            )
        # A breadcrumb that cannot be read in this run is no other one: what the row tells is
        # compared.
        now = (ref.space_id, ref.parent_id, ref.parent_type, labels, access)
        return now != (row.space_id, row.parent_id, row.parent_type, row.labels, row.access)

    def _has_learned(self, ref: PageRef, row: PageRow) -> bool:
        """Whether what the page was written without can be had now."""
        names = "names" in row.pending and ref.author_id in self._tellable
        return names or ("labels" in row.pending and self._listing.knows_labels(ref.id))


def page_url(source: Source, ref: PageRef) -> str:
    """Where a person reads the page: on the site, not the gateway."""
    return source.site_url().rstrip("/") + ref.webui


def tried(ref: PageRef, fingerprint: str) -> str:
    """What a failure was a failure of: the page is given another chance when this changes."""
    return f"{ref.version.number}@{ref.version.created_at}/{fingerprint}"
