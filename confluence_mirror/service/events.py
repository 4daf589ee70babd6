"""Events: only a hint which pages to read again. What a body says is not believed."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.db.database import Database
from confluence_mirror.service.db.tables import Folder, Import, Mirror, Run
from confluence_mirror.service.runs.ledger import Ledger

TOGETHER_S = 2.0
"""Seconds in which events of a mirror become one run."""
_PLACES = (
    *("page.id", "blog.id", "blogpost.id", "attachedTo.id", "labeled.id"),
    *("content.container.id", "comment.container.id", "comment.parent.id"),
    *("attachment.container.id", "content.id", "page_id", "pageId", "content_id", "id"),
)
"""Where the dialects have the id of a page; that on which something hangs before its own."""
_ON_PAGES = ("comment", "attachment")
_MARGIN_S = 0.3
"""Seconds before a run is due in which its pages count as read already."""
_MOST_KNOWN = 10_000
_ID = re.compile(r"[0-9]{1,19}")


def page_of_event(body: bytes) -> str | None:
    """The id of the page that an event is about; None where it names none."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for place in _PLACES:
        found = event
        for name in place.split("."):
            if name == "id" and isinstance(found, dict) and found.get("type") in _ON_PAGES:
                found = None  # its own id is that of no page
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, int | str) and not isinstance(found, bool):
            text = str(found)
            if _ID.fullmatch(text):
                return text
    return None


class EventQueue:
    """Turns events into queued runs. What this process knows to be queued and not yet due is not
    asked of the database again: a flood of one page's events is a few questions."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._ledger, self._clock = database, ledger, clock
        self._lock = threading.Lock()
        self._covered: dict[tuple[str, str | None], float] = {}
        """Until when a run that waits will read this page of this connection."""

    def add(self, connection_id: str, page_id: str | None) -> None:
        """Have a connection's mirrors read a page again; their whole scope where none is named."""
        about = (connection_id, page_id)
        with self._lock:
            if self._clock() < self._covered.get(about, 0.0):
                return
        asked = self._clock()
        wait_s = self._queue(connection_id, page_id)
        with self._lock:
            if len(self._covered) >= _MOST_KNOWN:
                self._covered.clear()
            self._covered[about] = asked + wait_s - _MARGIN_S

    def _queue(self, connection_id: str, page_id: str | None) -> float:
        """Seconds until the first of the runs that do it is due."""
        due: list[float] = []
        with self._database.reading() as session:
            now = self._database.now(session)
            missing = []
            for mirror in _mirrors_of(session, connection_id):
                if page_id is None or _may_hold(live_imports(session, mirror.id), page_id):
                    found = _due_of_queued(session, mirror.id, page_id)
                    if found is None:
                        missing.append(mirror.id)
                    else:
                        due.append(found)
        if missing:
            pages = None if page_id is None else [page_id]
            with self._database.writing() as session:
                for mirror_id in missing:
                    mirror = session.get_one(Mirror, mirror_id)
                    run = self._ledger.enqueue(
                        session, mirror, "webhook", pages=pages, delay_s=TOGETHER_S
                    )
                    due.append(run.due_at)
        return min(due, default=now + TOGETHER_S) - now


def _mirrors_of(session: Session, connection_id: str) -> Sequence[Mirror]:
    return session.scalars(
        select(Mirror)
        .join(Folder, Folder.id == Mirror.folder_id)
        .where(Mirror.connection_id == connection_id, Folder.removed_at.is_(None))
    ).all()


def _may_hold(items: Sequence[Import], page_id: str) -> bool:
    """Whether a page can be in this scope: a space or a tree shows that only when it is read."""
    return any(item.import_type != "page" or item.page_id == page_id for item in items)


def _due_of_queued(session: Session, mirror_id: str, page_id: str | None) -> float | None:
    """When the queued run that reads this page is due; None where there is none."""
    queued = select(Run.pages, Run.due_at).where(
        Run.mirror_id == mirror_id, Run.status == "queued", Run.merged_into.is_(None)
    )
    for pages, due_at in session.execute(queued):
        if pages is None or (page_id is not None and page_id in pages):
            return float(due_at)
    return None
