"""Walking a listing to its real end.

Only the cursor is taken from a next link, and put to our own address and parameters: links are
relative to different roots on v1 and v2, name the site instead of the gateway, and drop parameters.
A short page is not the end, nor is an empty one: the end is a page without a next link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from confluence_mirror.confluence.gateway import ATTEMPTS, Gateway, Params
from confluence_mirror.confluence.refusals import GatewayAnswer, QuestionRefused, Unanswered
from confluence_mirror.confluence.routes import Route
from confluence_mirror.errors import IncompleteEvidence

Row = Mapping[str, Any]

_EMPTY_PAGES = 5
_REPEATED_PAGES = 3
_MOST_PAGES = 100_000
"""Of one listing: 25 million rows at 250 per page."""
_LEAST_LIMIT = 25
_NOTHING_REMOVED = "No page is removed because of it; run again later."
_NEXT_LINK = re.compile(r'<([^<>]*)>\s*;[^<]*?\brel\s*=\s*"?next"?', re.IGNORECASE)


def iter_rows(
    gateway: Gateway,
    route: Route,
    params: Params,
    *,
    node_id: str = "",
    attempts: int = ATTEMPTS,
    shrink: bool = True,
) -> Iterator[Row]:
    """Every row of a listing. Ending without an exception means: complete.

    Raises ``IncompleteEvidence`` where the listing breaks off: no ``results``, a repeated cursor, a
    next link that cannot be followed, empty pages or the same rows over and over. With ``shrink`` a
    page that is too heavy (5xx, a time-out, 413) is asked for with half the limit.
    """
    asked = dict(params)
    walk = _Walk(route)
    while True:
        try:
            answer = gateway.request_json(route, asked, node_id=node_id, attempts=attempts)
        except (Unanswered, QuestionRefused) as failure:
            limit = int(str(asked.get("limit", 0)))
            heavy = failure.heavy if isinstance(failure, Unanswered) else failure.too_large
            if shrink and heavy and limit > _LEAST_LIMIT:
                asked["limit"] = max(_LEAST_LIMIT, limit // 2)
                continue
            if failure.status == 400 and walk.pages:
                raise IncompleteEvidence(
                    f"The listing {route.name} broke off: its cursor was refused.",
                    hint=_NOTHING_REMOVED,
                ) from None
            raise
        results = answer.data.get("results")
        if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
            raise IncompleteEvidence(
                f"An answer of {route.name} has no list of results.", hint=_NOTHING_REMOVED
            )
        yield from results
        cursor = next_cursor(answer)
        if cursor is None:
            return
        walk.check_progress(results, cursor)
        asked["cursor"] = cursor


class _Walk:
    """Notices a listing that never ends. Remembers a few bytes per page, none per row."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._cursors: set[int] = set()
        self._given: set[int] = set()
        self._empty = 0
        self._repeated = 0
        self.pages = 0

    def check_progress(self, results: list[Row], cursor: str) -> None:
        """Another page is to follow this one. Raises ``IncompleteEvidence`` where that leads
        nowhere."""
        self.pages += 1
        given = hash(frozenset(str(row.get("id")) for row in results))
        self._empty = 0 if results else self._empty + 1
        self._repeated += bool(results) and given in self._given
        why = ""
        if hash(cursor) in self._cursors or self._repeated >= _REPEATED_PAGES:
            why = "repeats its pages"
        elif self._empty >= _EMPTY_PAGES:
            why = "returns empty pages without end"
        elif self.pages >= _MOST_PAGES:
            why = f"has not ended after {_MOST_PAGES:,} answers"
        if why:
            raise IncompleteEvidence(
                f"The listing {self._route.name} {why}.", hint=_NOTHING_REMOVED
            )
        self._cursors.add(hash(cursor))
        self._given.add(given)


def next_cursor(answer: GatewayAnswer) -> str | None:
    """The cursor of the next page, decoded once; None at the end. Whatever else the link says is
    ignored."""
    links = answer.data.get("_links")
    link = links.get("next") if isinstance(links, dict) else None
    if link is None:
        match = _NEXT_LINK.search(answer.link)
        link = match.group(1) if match else None
    if link is None:
        return None
    # A "+" stands for itself: cursors are base64 and hold no blanks, and servers do not always
    # encode it.
    query = link.partition("#")[0].partition("?")[2] if isinstance(link, str) else ""
    cursors = [
        unquote(part.removeprefix("cursor="))
        for part in query.split("&")
        if part.startswith("cursor=")
    ]
    if not cursors or not cursors[0]:
        raise IncompleteEvidence("A next link has no cursor.", hint=_NOTHING_REMOVED)
    return cursors[0]
