"""Runs that nobody asks for: each mirror is brought up to date when it is due."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from confluence_mirror.service.db.database import Database
from confluence_mirror.service.db.tables import Connection, Folder, Import, Mirror
from confluence_mirror.service.runs.ledger import Ledger

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""Seconds between looks for mirrors that are due."""


def interval_of(session: Session, mirror: Mirror, standard_s: int) -> float | None:
    """Seconds between the runs of a mirror; None: it is not scheduled. The shortest that its
    imports want, else its folder's, else the setting."""
    shortest = session.scalar(
        select(func.min(Import.schedule_minutes)).where(
            Import.mirror_id == mirror.id, Import.removed_at.is_(None), Import.schedule_minutes > 0
        )
    )
    folder = session.get_one(Folder, mirror.folder_id)
    minutes = shortest or folder.schedule_minutes
    seconds = standard_s if minutes is None else minutes * 60
    return float(seconds) or None


def plan_next(session: Session, mirror: Mirror, standard_s: int, now: float) -> None:
    """Set when the mirror is due next."""
    interval = interval_of(session, mirror, standard_s)
    mirror.due_at = None if interval is None else now + interval


class Schedule:
    """Queues what is due, on a thread. Several processes may do it: the ledger takes one run."""

    def __init__(self, database: Database, ledger: Ledger, standard_s: int) -> None:
        self._database, self._ledger, self._standard_s = database, ledger, standard_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """And wait until it does no more."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> int:
        """Queue the mirrors that are due; how many."""
        with self._database.writing() as session:
            now = self._database.now(session)
            due = session.scalars(
                select(Mirror)
                .join(Folder, Folder.id == Mirror.folder_id)
                .join(Connection, Connection.id == Mirror.connection_id)
                .where(
                    Mirror.due_at <= now,
                    Folder.paused.is_(False),
                    Folder.removed_at.is_(None),
                    Connection.removed_at.is_(None),
                    Mirror.id.in_(select(Import.mirror_id).where(Import.removed_at.is_(None))),
                )
                .with_for_update(skip_locked=True, of=Mirror)
            ).all()
            for mirror in due:
                self._ledger.enqueue(session, mirror, "schedule")
                plan_next(session, mirror, self._standard_s, now)
            return len(due)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except DBAPIError as error:
                log.warning("the database does not answer: %s", type(error.orig).__name__)
            self._stopping.wait(LOOK_S)
