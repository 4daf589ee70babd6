"""Sorted listings, cursors that name the last row given, and links to the next page."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from confluence_sandbox.replies import Answer, Request, RequestError, v2_error

T = TypeVar("T")
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Listing(Generic[T]):
    """Rows in ascending order of their keys. A cursor is a key, so rows that come or go do not
    shift a page."""

    items: Sequence[T]
    keys: Sequence[Key]
    descending: bool = False

    @classmethod
    def of(
        cls, items: Iterable[T], key: Callable[[T], Key], *, descending: bool = False
    ) -> Listing[T]:
        """Sort once."""
        ordered = sorted(items, key=key)
        return cls(ordered, [key(item) for item in ordered], descending)

    def page(self, after: Key | None, limit: int) -> tuple[list[T], Key | None]:
        """The next rows, and the key to go on from (None: this was the last page)."""
        if self.descending:
            end = len(self.keys) if after is None else bisect_left(self.keys, after)
            start = max(0, end - limit)
            rows = list(self.items[start:end])[::-1]
            return rows, self.keys[start] if start > 0 else None
        start = 0 if after is None else bisect_right(self.keys, after)
        end = start + limit
        return list(self.items[start:end]), self.keys[end - 1] if end < len(self.items) else None

    @property
    def end(self) -> Key | None:
        """The key after which nothing comes."""
        return None if not self.keys else self.keys[0] if self.descending else self.keys[-1]


def encode(content: dict[str, Any]) -> str:
    """An opaque cursor."""
    return base64.b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()


def decode(cursor: str) -> dict[str, Any]:
    """The inverse. ``ValueError`` for anything else, among it a cursor encoded twice."""
    try:
        return dict(json.loads(base64.b64decode(cursor, validate=True)))
    except (binascii.Error, UnicodeDecodeError, TypeError) as error:
        raise ValueError(cursor) from error


def v2_page(
    request: Request,
    listing: Listing[T],
    make: Callable[[T], Any],
    *,
    cap: int,
    base: str,
    usual: int = 25,
) -> Answer:
    """A v2 page: site-relative next link, and the two links of the ``Link`` header."""
    limit = limit_of(request, cap, usual)
    after: Key | None = None
    if request.one("cursor"):
        try:
            after = tuple(decode(request.one("cursor"))["after"])
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(v2_error(400, "Provided value for 'cursor' is not valid")) from error
    rows, following = listing.page(after, limit)
    links = {"base": base}
    headers = {"Link": f'<{base}>; rel="base"'}
    if following is not None:
        kept = [
            (name, value)
            for name, values in request.query.items()
            if name != "cursor"
            for value in values
        ]
        cursor = encode({"after": list(following)})
        links["next"] = (
            f"/wiki{request.path}?{urlencode([*kept, ('cursor', cursor)], quote_via=quote)}"
        )
        headers["Link"] = f'<{links["next"]}>; rel="next", ' + headers["Link"]
    return Answer({"results": [make(row) for row in rows], "_links": links}, headers=headers)


def limit_of(request: Request, cap: int, default: int = 25) -> int:
    """The wanted number of rows, clamped."""
    text = request.one("limit", str(default))
    if not text.isdigit() or int(text) < 1:
        raise RequestError(v2_error(400, f"Provided value {{{text}}} for 'limit' is not valid"))
    return min(int(text), cap)
