"""Events: only a hint which pages to read again. What a body says is not believed."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from confluence_mirror.service.contents import live_imports
from confluence_mirror.service.db.database import Database
from confluence_mirror.service.db.tables import Folder, Import, Mirror
from confluence_mirror.service.runs.ledger import MOST_NAMED_PAGES, Ledger

log = logging.getLogger(__name__)

TOGETHER_S = 2.0
"""Seconds in which events of a mirror become one run."""
_PLACES = (
    *("page.id", "blog.id", "blogpost.id", "attachedTo.id", "labeled.id"),
    *("content.container.id", "comment.container.id", "comment.parent.id"),
    *("attachment.container.id", "content.id", "page_id", "pageId", "content_id", "id"),
)
"""Where the dialects have the id of a page; that on which something hangs before its own."""
_ON_PAGES = ("comment", "attachment")
_FLUSH_S = 0.2
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
    """Turns events into queued runs, on a thread of its own: whoever posts one is answered whatever
    the database does. Events of one page that come close together are one."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database, self._ledger = database, ledger
        self._lock = threading.Lock()
        self._waiting: dict[str, set[str] | None] = {}
        """By connection, its pages; None: the whole scope."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to queue."""
        self._thread.start()

    def stop(self) -> None:
        """Queue what is left, and no more."""
        self._stopping.set()
        self._thread.join()

    def add(self, connection_id: str, page_id: str | None) -> None:
        """Have a connection's mirrors read a page again; their whole scope where none is named."""
        with self._lock:
            pages = self._waiting.setdefault(connection_id, set())
            if page_id is None or (pages is not None and len(pages) >= MOST_NAMED_PAGES):
                self._waiting[connection_id] = None
            elif pages is not None:
                pages.add(page_id)

    def flush(self) -> None:
        """Queue what waits. What the database does not take waits on."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for connection_id, pages in waiting.items():
            try:
                self._queue(connection_id, pages)
            except DBAPIError as error:
                log.warning("the database does not answer: %s", type(error.orig).__name__)
                for page_id in pages if pages is not None else (None,):
                    self.add(connection_id, page_id)

    def _queue(self, connection_id: str, pages: set[str] | None) -> None:
        with self._database.writing() as session:
            for mirror in _mirrors_of(session, connection_id):
                wanted = _pages_of(live_imports(session, mirror.id), pages)
                if wanted is None or wanted:
                    self._ledger.enqueue(
                        session, mirror, "webhook", pages=wanted, delay_s=TOGETHER_S
                    )

    def _run(self) -> None:
        while not self._stopping.wait(_FLUSH_S):
            self.flush()
        self.flush()


def _mirrors_of(session: Session, connection_id: str) -> Sequence[Mirror]:
    return session.scalars(
        select(Mirror)
        .join(Folder, Folder.id == Mirror.folder_id)
        .where(Mirror.connection_id == connection_id, Folder.removed_at.is_(None))
    ).all()


def _pages_of(items: Sequence[Import], pages: set[str] | None) -> list[str] | None:
    """Those of the pages that can be in this scope: of a space or a tree that shows only when they
    are read."""
    if not items:
        return []
    if pages is None or any(item.import_type != "page" for item in items):
        return None if pages is None else sorted(pages)
    return sorted(pages & {str(item.page_id) for item in items})
