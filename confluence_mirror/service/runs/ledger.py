"""The ledger: which run is due, who works at it, and how it ended.

The table ``runs`` is the truth. A run is taken with a lease, which a heartbeat renews, and a fence,
which every taking raises: whoever holds an older one writes nothing. At most one run per mirror is
queued and at most one runs (partial unique indexes). What has to wait because another one of its
mirror is queued already is merged into it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from confluence_mirror.service.db.database import Clock, Database
from confluence_mirror.service.db.tables import Connection, Import, Mirror, Run
from confluence_mirror.service.runs.outcomes import Ending, Verdict

MOST_ATTEMPTS = 8
ATTEMPTS_WITHIN_S = 3600.0
"""Seconds after the first start of a run in which it is tried again."""
FIRST_BACKOFF_S = 2.0
LONGEST_BACKOFF_S = 600.0
MOST_NAMED_PAGES = 500
"""A run over more named pages than these looks at the whole scope."""
FINAL = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Taken:
    """A run that somebody works at, by its fence."""

    run_id: str
    fence: int
    mirror_id: str
    connection_id: str
    pages: tuple[str, ...] | None
    removes: bool
    approved: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    phase: str
    eta_seconds: float | None
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By import: pages that are recorded, and those that are written."""


class Ledger:
    """The runs of all workspaces. ``jitter`` gives the part of a backoff that is waited."""

    def __init__(
        self,
        database: Database,
        *,
        lease_s: float,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._lease_s = lease_s
        self._clock: Clock = clock or database.now
        self._jitter = jitter

    # -- for who wants a run

    def enqueue(
        self,
        session: Session,
        mirror: Mirror,
        trigger: str,
        *,
        pages: Sequence[str] | None = None,
        removes: bool = False,
        approved: str | None = None,
        delay_s: float = 0.0,
    ) -> Run:
        """The queued run of this mirror, which does this too: a new one, or the one that waits
        already. ``pages``: only these are looked at."""
        now = self._clock(session)
        found = session.scalars(
            select(Run)
            .where(Run.mirror_id == mirror.id, Run.status == "queued", Run.merged_into.is_(None))
            .with_for_update()
        ).one_or_none()
        if found is None:
            found = Run(
                workspace=mirror.workspace,
                folder_id=mirror.folder_id,
                connection_id=mirror.connection_id,
                mirror_id=mirror.id,
                trigger=trigger,
                pages=None if pages is None else sorted(set(pages)),
                removes=removes,
                approved=approved,
                status="queued",
                cancel_asked=False,
                attempts=0,
                fence=0,
                queued_at=now,
                due_at=now + delay_s,
                counts={},
            )
            session.add(found)
            session.flush()
            return found
        found.pages = _merge_pages(found.pages, pages)
        found.removes = found.removes or removes
        found.approved = approved or found.approved
        if found.attempts == 0 and pages is None:
            found.due_at = min(found.due_at, now + delay_s)
        return found

    def cancel(self, session: Session, mirror_id: str) -> None:
        """End this mirror's runs: a queued one at once, a running one by its worker."""
        now = self._clock(session)
        waiting = [
            run
            for run in session.scalars(
                select(Run).where(Run.mirror_id == mirror_id, Run.status.in_(("queued", "running")))
            )
            if run.merged_into is None
        ]
        for run in waiting:
            if run.status == "running":
                run.cancel_asked = True
            else:
                _close(session, run, "cancelled", now, None)

    # -- for who works

    def take(self, worker: str) -> Taken | None:
        """A run that is due, for this worker; None where there is none. Runs whose worker is dead
        are queued again first."""
        with self._database.writing() as session:
            now = self._clock(session)
            self._requeue_lost(session, now)
            running = select(Run.mirror_id).where(Run.status == "running")
            barred = select(Connection.id).where(Connection.state.in_(("needs_reauth",)))
            found = session.scalars(
                select(Run)
                .where(
                    Run.status == "queued",
                    Run.merged_into.is_(None),
                    Run.due_at <= now,
                    Run.mirror_id.not_in(running),
                    Run.connection_id.not_in(barred),
                )
                .order_by(Run.due_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if found is None:
                return None
            found.status, found.worker = "running", worker
            found.fence += 1
            found.attempts += 1
            found.started_at = now
            found.first_started_at = found.first_started_at or now
            found.lease_until = now + self._lease_s
            found.exit_code = found.problem = found.hint = found.needs = None
            try:
                session.flush()
            except IntegrityError:  # another worker took one of this mirror's at the same moment
                session.rollback()
                return None
            _tell_imports(session, found, "running")
            pages = None if found.pages is None else tuple(found.pages)
            return Taken(
                found.id,
                found.fence,
                found.mirror_id,
                found.connection_id,
                pages,
                found.removes,
                found.approved,
            )

    def renew(self, taken: Taken, progress: Progress | None = None) -> bool | None:
        """Renew the lease and record how far the run has come. True: go on; False: somebody asked
        to cancel it; None: it is no longer ours."""
        with self._database.writing() as session:
            run = self._held(session, taken)
            if run is None:
                return None
            run.lease_until = self._clock(session) + self._lease_s
            if progress is not None:
                run.phase, run.eta_seconds = progress.phase, progress.eta_seconds
                run.counts = _largest_counts(run.counts, progress.counts)
            return not run.cancel_asked

    def finish(self, taken: Taken, verdict: Verdict, ending: Ending) -> bool:
        """How a run ended. False, and nothing written, where it is no longer ours."""
        with self._database.writing() as session:
            now = self._clock(session)
            run = self._held(session, taken)
            if run is None:
                return False
            run.exit_code, run.problem, run.hint = ending.exit_code, ending.problem, ending.hint
            run.report = ending.report if ending.report is not None else run.report
            run.guard = ending.guard
            if verdict == "again":
                self._requeue(session, run, now)
            elif verdict == "released":
                run.attempts -= 1
                self._requeue(session, run, now, backoff=False)
            else:
                _close(session, run, verdict, now, ending.needs)
            return True

    # -- how

    def _held(self, session: Session, taken: Taken) -> Run | None:
        """The row of a run, where it is still held by this fence and lease."""
        return session.scalars(
            select(Run)
            .where(
                Run.id == taken.run_id,
                Run.status == "running",
                Run.fence == taken.fence,
                Run.lease_until > self._clock(session),
            )
            .with_for_update()
        ).one_or_none()

    def _requeue_lost(self, session: Session, now: float) -> None:
        lost = session.scalars(
            select(Run)
            .where(Run.status == "running", Run.lease_until <= now)
            .with_for_update(skip_locked=True)
        )
        for run in lost:
            run.problem = "Its worker ended before it did."
            self._requeue(session, run, now, backoff=False)

    def _requeue(self, session: Session, run: Run, now: float, *, backoff: bool = True) -> None:
        """Queue a run again; what is queued of its mirror already is merged into it."""
        if run.cancel_asked:
            _close(session, run, "cancelled", now, None)
            return
        since = now - (run.first_started_at or now)
        if run.attempts >= MOST_ATTEMPTS or since > ATTEMPTS_WITHIN_S:
            _close(session, run, "failed", now, None)
            return
        other = session.scalars(
            select(Run)
            .where(
                Run.mirror_id == run.mirror_id, Run.status == "queued", Run.merged_into.is_(None)
            )
            .with_for_update()
        ).one_or_none()
        if other is not None:
            run.pages = _merge_pages(run.pages, other.pages)
            run.removes = run.removes or other.removes
            run.approved = other.approved or run.approved
            other.merged_into = run.id
            session.flush()
        wait = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** max(0, run.attempts - 1))
        run.status, run.worker, run.lease_until = "queued", None, None
        run.fence += 1
        run.due_at = now + (wait * (0.5 + self._jitter() / 2) if backoff else 0.0)
        _tell_imports(session, run, "queued")


def _largest_counts(
    before: Mapping[str, Any], now: Mapping[str, tuple[int, int]]
) -> dict[str, Any]:
    """Neither number of a run ever falls."""
    merged = dict(before)
    for name, counted in now.items():
        merged[name] = [max(pair) for pair in zip(before.get(name, (0, 0)), counted, strict=True)]
    return merged


def _merge_pages(one: Sequence[str] | None, other: Sequence[str] | None) -> list[str] | None:
    """The pages of both; None, the whole scope, where one of them is that or they are many."""
    if one is None or other is None:
        return None
    both = sorted({*one, *other})
    return both if len(both) <= MOST_NAMED_PAGES else None


def _close(session: Session, run: Run, status: str, now: float, needs: str | None) -> None:
    """A final state, of this run and of those that were merged into it."""
    run.status, run.finished_at, run.needs = status, now, needs
    run.worker, run.lease_until, run.eta_seconds = None, None, None
    merged = session.scalars(select(Run).where(Run.merged_into == run.id, Run.status == "queued"))
    for other in merged:
        other.status, other.finished_at, other.needs = status, now, needs
        other.exit_code, other.problem, other.hint = run.exit_code, run.problem, run.hint
        other.report, other.guard = run.report, run.guard
        other.started_at = other.first_started_at = run.started_at
        other.counts = run.counts
    _tell_imports(session, run, status)


def _tell_imports(session: Session, run: Run, status: str) -> None:
    values: dict[str, Any] = {"sync_status": status}
    if status == "done":
        values["last_sync_at"] = func.current_timestamp()
    session.execute(
        update(Import)
        .where(Import.mirror_id == run.mirror_id, Import.removed_at.is_(None))
        .values(values)
    )
