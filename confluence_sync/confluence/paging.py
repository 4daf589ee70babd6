"""Walking a listing to its real end.

Only the cursor is taken from a next link, and put to our own address and parameters: links are relative to different
roots on v1 and v2, name the site instead of the gateway, and drop parameters. A short page is not the end, nor is an
empty one: the end is a page without a next link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from confluence_sync.confluence.gateway import ATTEMPTS, Gateway, Params
from confluence_sync.confluence.refusals import Answer, QuestionRefused, Unanswered
from confluence_sync.confluence.routes import Route
from confluence_sync.errors import IncompleteEvidence

Row = Mapping[str, Any]

_EMPTY_PAGES = 5
_LEAST_LIMIT = 25
_NOTHING_REMOVED = "Nothing was removed; run again later."
_NEXT_LINK = re.compile(r'<([^<>]*)>\s*;[^<]*?\brel\s*=\s*"?next"?', re.IGNORECASE)


def rows(
    gateway: Gateway,
    route: Route,
    params: Params,
    *,
    node_id: str = "",
    attempts: int = ATTEMPTS,
    shrink: bool = True,
) -> Iterator[Row]:
    """Every row of a listing. Ending without an exception means: complete.

    Raises ``IncompleteEvidence`` where the listing breaks off: no ``results``, a repeated cursor, a next link that
    cannot be followed, empty pages over and over. With ``shrink`` a page that is too
    heavy (5xx) is asked for with half the limit.
    """
    asked = dict(params)
    seen: set[str] = set()
    empty = 0
    while True:
        try:
            answer = gateway.ask(route, asked, node_id=node_id, attempts=attempts)
        except Unanswered as failure:
            limit = int(str(asked.get("limit", 0)))
            if not shrink or failure.status < 500 or limit <= _LEAST_LIMIT:
                raise
            asked["limit"] = max(_LEAST_LIMIT, limit // 2)
            continue
        except QuestionRefused as refusal:
            if refusal.status == 400 and seen:
                raise IncompleteEvidence(
                    f"The listing {route.name} broke off: its cursor was refused.", hint=_NOTHING_REMOVED
                ) from None
            raise
        results = answer.data.get("results")
        if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
            raise IncompleteEvidence(f"An answer of {route.name} has no list of results.", hint=_NOTHING_REMOVED)
        yield from results
        cursor = next_cursor(answer)
        if cursor is None:
            return
        empty = 0 if results else empty + 1
        if cursor in seen or empty >= _EMPTY_PAGES:
            why = "goes in a circle" if cursor in seen else "gives empty pages without end"
            raise IncompleteEvidence(f"The listing {route.name} {why}.", hint=_NOTHING_REMOVED)
        seen.add(cursor)
        asked["cursor"] = cursor


def next_cursor(answer: Answer) -> str | None:
    """The cursor of the next page, decoded once; None at the end. Whatever else the link says is ignored."""
    links = answer.data.get("_links")
    link = links.get("next") if isinstance(links, dict) else None
    if link is None:
        match = _NEXT_LINK.search(answer.link)
        link = match.group(1) if match else None
    if link is None:
        return None
    # A "+" stands for itself: cursors are base64 and hold no blanks, and servers do not always encode it.
    query = urlsplit(link).query if isinstance(link, str) else ""
    cursors = [unquote(part.removeprefix("cursor=")) for part in query.split("&") if part.startswith("cursor=")]
    if not cursors or not cursors[0]:
        raise IncompleteEvidence("A next link has no cursor.", hint=_NOTHING_REMOVED)
    return cursors[0]
