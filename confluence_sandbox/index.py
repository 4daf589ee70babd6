"""The search index: what CQL sees. It may lag behind the site, keep rows too long, or miss some."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from confluence_sandbox.clock import Clock
from confluence_sandbox.content import Content


class Index:
    """Rows as they were when a change reached the index. Guarded by the site's lock."""

    def __init__(self, clock: Clock, everything: Callable[[], Iterable[Content]]) -> None:
        """Of the site with this clock; ``everything`` gives rows of all that it holds."""
        self._clock = clock
        self._everything = everything
        self.lag = timedelta(0)
        """How long after a change it is seen here."""
        self.revision = 0
        self._rows: dict[str, Content] = {}
        self._coming: deque[tuple[datetime, str, Content | None]] = deque()
        self._pinned: set[str] = set()
        self._sorted: tuple[int, list[Content]] = (-1, [])

    def note(self, content: Content) -> None:
        """Content changed."""
        self._coming.append((self._clock.now() + self.lag, content.id, copy.copy(content)))
        self.settle()

    def drop(self, content_id: str) -> None:
        """Content is gone."""
        self._coming.append((self._clock.now() + self.lag, content_id, None))
        self.settle()

    def settle(self) -> None:
        """Take in the changes that are due."""
        now = self._clock.now()
        while self._coming and self._coming[0][0] <= now:
            _, content_id, row = self._coming.popleft()
            if content_id in self._pinned:
                continue
            self.revision += 1
            if row is None or row.status != "current":
                self._rows.pop(content_id, None)
            else:
                self._rows[content_id] = row

    def pin(self, content_ids: Iterable[str]) -> None:
        """Keep these rows as they are now, whatever becomes of the content: stale rows that say
        ``current``."""
        self._pinned.update(content_ids)

    def miss(self, content_ids: Iterable[str]) -> None:
        """Know nothing of these, whatever becomes of the content."""
        for content_id in content_ids:
            self._rows.pop(content_id, None)
            self._pinned.add(content_id)
        self.revision += 1

    def rebuild(self) -> None:
        """Be right about everything again, at once."""
        self._coming.clear()
        self._pinned.clear()
        self._rows = {
            content.id: copy.copy(content)
            for content in self._everything()
            if content.status == "current"
        }
        self.revision += 1

    def row(self, content_id: str | None) -> Content | None:
        """What the index knows of an id."""
        return self._rows.get(content_id or "")

    def rows(self) -> list[Content]:
        """Every row, by id."""
        self.settle()
        if self._sorted[0] != self.revision:
            self._sorted = (self.revision, sorted(self._rows.values(), key=lambda row: row.number))
        return self._sorted[1]
