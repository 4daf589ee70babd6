"""Labels: in bulk from the index, one by one from v2, and which pages bear them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from confluence_sync.confluence import cql, records
from confluence_sync.confluence.gateway import Gateway, Params
from confluence_sync.confluence.paging import Row, rows
from confluence_sync.confluence.refusals import AccessRefused, QuestionRefused
from confluence_sync.confluence.routes import (
    BLOGPOST_LABELS,
    LABEL_BLOGPOSTS,
    LABEL_PAGES,
    PAGE_LABELS,
    SEARCH,
    SPACE_LABELS,
)
from confluence_sync.errors import IncompleteEvidence
from confluence_sync.model import PageRef, Space

_EXPANDED_LIMIT = 200
_IDS_A_QUESTION = 100
_SPACES_A_QUESTION = 50

_log = logging.getLogger(__name__)

Labelled = dict[str, tuple[str, ...]]


class Labels:
    """Everything about labels that a source answers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def of_space(self, space_key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Page ids with their labels, as far as the index knows.

        Where its cursor grows too long (413) or its listing never ends, what it gave by then.
        """
        named = 0
        try:
            for row in self._search(cql.content_in([space_key]), _EXPANDED_LIMIT):
                names = _names(row)
                if names is not None:
                    named += 1
                    yield records.row_id(row), names
        except QuestionRefused as refusal:
            if not refusal.too_large:
                raise
        except IncompleteEvidence as broken:
            _log.warning("Labels of %s, of which the index named %d pages: %s", space_key, named, broken)

    def of(self, refs: Sequence[PageRef]) -> Labelled:
        """Labels of these pages; those that are no longer visible are left out."""
        found: Labelled = {}
        numeric = [ref.id for ref in refs if ref.id.isdecimal()]
        for start in range(0, len(numeric), _IDS_A_QUESTION):
            question = cql.content_with_ids(numeric[start : start + _IDS_A_QUESTION])
            # Where the index breaks off, each page is asked itself, below.
            with suppress(IncompleteEvidence):
                for row in self._search(question, _EXPANDED_LIMIT):
                    if (names := _names(row)) is not None:
                        found[records.row_id(row)] = names
        for ref in refs:
            if ref.id not in found and (names := self._from_own_route(ref)) is not None:
                found[ref.id] = names
        wanted = {ref.id for ref in refs}
        return {page_id: names for page_id, names in found.items() if page_id in wanted}

    def now(self, ref: PageRef) -> tuple[str, ...]:
        """Labels of one page, strongly consistent."""
        names = self._from_own_route(ref)
        if names is None:
            raise IncompleteEvidence(f"The labels of page {ref.id} are not to be seen.", hint="Nothing was removed.")
        return names

    def bearers(self, spaces: Sequence[Space], label_names: Iterable[str]) -> set[str]:
        """Ids of what bears any of these labels: by the spaces' label listings, else by the index."""
        wanted = {name.casefold() for name in label_names} - {""}
        found: set[str] = set()
        for space in spaces:
            label_ids, known = self._listed(space, wanted)
            for label_id in label_ids:
                for route in (LABEL_PAGES, LABEL_BLOGPOSTS):
                    params: Params = {"space-id": space.id, "limit": 250}
                    found.update(records.row_id(row) for row in rows(self._gateway, route, params, node_id=label_id))
            if unknown := sorted(wanted - known):
                question = cql.content_in([space.key], unknown)
                search: Params = {"cql": question, "limit": 250}
                found.update(records.row_id(row) for row in rows(self._gateway, SEARCH, search))
        return found

    def _listed(self, space: Space, wanted: set[str]) -> tuple[list[str], set[str]]:
        """Ids of the wanted labels in a space, and which names they have; nothing where the route is refused."""
        ids: list[str] = []
        known: set[str] = set()
        try:
            for row in rows(self._gateway, SPACE_LABELS, {"limit": 250}, node_id=space.id):
                name = str(row.get("name", "")).casefold()
                if name in wanted and row.get("prefix") not in ("my", "system"):
                    ids.append(records.row_id(row))
                    known.add(name)
        except (AccessRefused, QuestionRefused):
            return [], set()
        return ids, known

    def _search(self, question: str, limit: int) -> Iterator[Row]:
        params: Params = {"cql": question, "expand": "metadata.labels", "limit": limit}
        return rows(self._gateway, SEARCH, params)

    def _from_own_route(self, ref: PageRef) -> tuple[str, ...] | None:
        route = PAGE_LABELS if ref.type == "page" else BLOGPOST_LABELS
        try:
            return records.label_names(list(rows(self._gateway, route, {"limit": 250}, node_id=ref.id)))
        except AccessRefused as refusal:
            if refusal.status == 404 and (refusal.genuine or self._gateway.accepts_credential()):
                return None
            raise


def _names(row: Row) -> tuple[str, ...] | None:
    """The labels in a row of the index; None where they are missing or go on behind a next link."""
    metadata = row.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(labels, dict) or not isinstance(labels.get("results"), list):
        return None
    links = labels.get("_links")
    if isinstance(links, dict) and links.get("next"):
        return None
    return records.label_names(labels["results"])
