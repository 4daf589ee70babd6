"""Labels: in bulk from the index, one by one from v2, and which pages have them."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from confluence_mirror.confluence import cql, records
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.paging import Row, iter_rows
from confluence_mirror.confluence.refusals import AccessRefused
from confluence_mirror.confluence.routes import (
    BLOGPOST_LABELS,
    LABEL_BLOGPOSTS,
    LABEL_PAGES,
    PAGE_LABELS,
    SEARCH,
    SPACE_LABELS,
)
from confluence_mirror.errors import NOT_ANSWERED, IncompleteEvidence
from confluence_mirror.model import PageRef, Space

_EXPANDED_LIMIT = 200
_IDS_A_QUESTION = 100
_FAILURES = 3
"""After so many pages in a row whose labels cannot be read, the site is at fault, and the others
are not asked for."""

_log = logging.getLogger(__name__)

Labelled = dict[str, tuple[str, ...]]


class Labels:
    """Everything about labels that a source answers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def list_space_labels(self, space_key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Page ids with their labels, as far as the index knows: without pages that have more than
        a row holds."""
        for row in self._search_with_labels(cql.content_in([space_key]), _EXPANDED_LIMIT):
            names = labels_in_row(row)
            if names is not None:
                yield records.row_id(row), names

    def read_labels(self, refs: Sequence[PageRef], most: int | None = None) -> Labelled:
        """Labels of these pages; without those that are no longer visible, or could not be learned
        now.

        ``most``: how many pages at most are asked for on their own route.
        """
        found = self._labels_from_index(
            [ref.id for ref in refs if ref.id.isascii() and ref.id.isdecimal()]
        )
        unknown = [ref for ref in refs if ref.id not in found]
        failures = 0
        for ref in unknown[:most]:
            try:
                names = self._labels_from_own_route(ref)
            except NOT_ANSWERED as failure:
                if isinstance(failure, AccessRefused) and failure.scope:
                    raise
                failures += 1
                _log.info("Labels of page %s: %s", ref.id, failure)
                if failures >= _FAILURES:
                    break
            else:
                failures = 0
                if names is not None:
                    found[ref.id] = names
        wanted = {ref.id for ref in refs}
        return {page_id: names for page_id, names in found.items() if page_id in wanted}

    def _labels_from_index(self, ids: Sequence[str]) -> Labelled:
        """What the index knows of these pages; where it breaks off, each page is asked for by
        itself."""
        found: Labelled = {}
        for start in range(0, len(ids), _IDS_A_QUESTION):
            try:
                for row in self._search_with_labels(
                    cql.content_with_ids(ids[start : start + _IDS_A_QUESTION]), _EXPANDED_LIMIT
                ):
                    if (names := labels_in_row(row)) is not None:
                        found[records.row_id(row)] = names
            except NOT_ANSWERED as failure:
                if isinstance(failure, AccessRefused) and failure.scope:
                    raise
                _log.info("Labels from the index: %s", failure)
                break
        return found

    def read_labels_now(self, ref: PageRef) -> tuple[str, ...]:
        """Labels of one page, strongly consistent."""
        names = self._labels_from_own_route(ref)
        if names is None:
            raise IncompleteEvidence(
                f"The labels of page {ref.id} cannot be read.", hint="The page is not removed."
            )
        return names

    def list_ids_by_label(
        self, spaces: Sequence[Space], label_names: Iterable[str]
    ) -> dict[str, set[str]]:
        """Ids of the content that has each of these labels: by the spaces' label listings, else by
        the index."""
        wanted = {_fold_name(name): name for name in label_names}
        found: dict[str, set[str]] = {name: set() for name in wanted.values()}
        for space in spaces:
            listed = self._label_ids_in_space(space, wanted)
            for label_id, name in listed.items():
                for route in (LABEL_PAGES, LABEL_BLOGPOSTS):
                    params: Params = {"space-id": space.id, "limit": 250}
                    given = iter_rows(self._gateway, route, params, node_id=label_id)
                    found[name].update(records.row_id(row) for row in given)
            if unknown := sorted({*wanted.values()} - {*listed.values()}):
                search: Params = {"cql": cql.content_in([space.key], unknown), "limit": 250}
                ids = {records.row_id(row) for row in iter_rows(self._gateway, SEARCH, search)}
                for name in unknown:  # the index does not say here which of them a page has
                    found[name] |= ids
        return found

    def _label_ids_in_space(self, space: Space, wanted: Mapping[str, str]) -> dict[str, str]:
        """Ids of the wanted labels in a space, with their names; none where the route does not
        answer."""
        ids: dict[str, str] = {}
        try:
            for row in iter_rows(self._gateway, SPACE_LABELS, {"limit": 250}, node_id=space.id):
                name = _fold_name(str(row.get("name", "")))
                if name in wanted and row.get("prefix") not in ("my", "system"):
                    ids[records.row_id(row)] = wanted[name]
        except NOT_ANSWERED as failure:
            _log.info("Labels of %s come from the index instead: %s", space.key, failure)
            return {}
        return ids

    def _search_with_labels(self, question: str, limit: int) -> Iterator[Row]:
        params: Params = {"cql": question, "expand": "metadata.labels", "limit": limit}
        return iter_rows(self._gateway, SEARCH, params)

    def _labels_from_own_route(self, ref: PageRef) -> tuple[str, ...] | None:
        route = PAGE_LABELS if ref.type == "page" else BLOGPOST_LABELS
        try:
            return records.parse_label_names(
                list(iter_rows(self._gateway, route, {"limit": 250}, node_id=ref.id))
            )
        except AccessRefused as refusal:
            if refusal.status == 404 and (refusal.genuine or self._gateway.accepts_credential()):
                return None
            raise


def _fold_name(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def labels_in_row(row: Row) -> tuple[str, ...] | None:
    """The labels in a row of the index; None where they are missing or go on behind a next link."""
    metadata = row.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict) or not isinstance(labels.get("results"), list):
        return None
    links = labels.get("_links")
    if isinstance(links, dict) and links.get("next"):
        return None
    return records.parse_label_names(labels["results"])
