"""A worker: takes runs that are due, and watches over the process of each."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from confluence_mirror.errors import Exit, SyncError, WrongSettings
from confluence_mirror.service.contents import count_pages
from confluence_mirror.service.credentials import open_secret
from confluence_mirror.service.db.database import Database
from confluence_mirror.service.db.tables import Connection, Import, Mirror
from confluence_mirror.service.runs.child import Child, WorkFolder
from confluence_mirror.service.runs.environment import place_of
from confluence_mirror.service.runs.ledger import Ledger, Progress, Taken
from confluence_mirror.service.runs.outcomes import (
    Ending,
    Verdict,
    guarded_plan,
    judge_ending,
    stopped_hash,
)
from confluence_mirror.service.runs.proof import prove_purge
from confluence_mirror.service.settings import NOBODY, load_engine
from confluence_mirror.service.vault import Keyring, SealBroken

log = logging.getLogger(__name__)

IDLE_S = 0.5
"""Seconds between looks for a run that is due."""
HEARTBEAT_S = 1.0
"""Seconds between two renewals of a lease, at most."""
_COUNT_S = 2.0
"""Seconds between two counts of a run's pages, at least."""
_NO_TOKEN = NOBODY["CONF_API_TOKEN"]
"""Of a run that asks Confluence nothing."""
_AWAY_S = 2.0
"""Seconds before the database is asked again."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every run of this process works with."""

    database: Database
    ledger: Ledger
    keyring: Keyring
    variables: Callable[[], Mapping[str, str]]
    """The engine's settings that all mirrors have in common."""
    state_dir: Path
    lease_s: float


@dataclass(frozen=True, slots=True)
class _Job:
    """What a child is started with."""

    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    token: str = field(repr=False)
    is_purge: bool
    count: Callable[[], Mapping[str, tuple[int, int]]]
    """The pages of each import of the mirror that are recorded, and written."""


class _LeaseLost(Exception):
    """The run is somebody else's by now."""


class Workers:
    """So many threads, each with a run at a time. ``stop`` gives their runs back."""

    def __init__(self, workshop: Workshop, count: int) -> None:
        self._shop = workshop
        self._stopping = threading.Event()
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._folder = WorkFolder(workshop.state_dir / "runs", self.name)
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        """Begin to take runs."""
        for thread in self._threads:
            thread.start()

    def begin_to_stop(self) -> None:
        """Take no more runs, and give back those at work."""
        self._stopping.set()

    def stop(self) -> None:
        """The same, and wait until that is written."""
        self.begin_to_stop()
        for thread in self._threads:
            thread.join()
        self._folder.close()

    # -- on a thread

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._folder.sweep()
                taken = self._shop.ledger.take(self.name)
            except DBAPIError as error:
                log.warning("the database does not answer: %s", type(error.orig).__name__)
                self._stopping.wait(_AWAY_S)
                continue
            if taken is None:
                self._stopping.wait(IDLE_S)
                continue
            try:
                self._do(taken)
            except Exception:
                log.exception("a bug in confluence-mirror", extra={"run_id": taken.run_id})

    def _do(self, taken: Taken) -> None:
        """One run, from its credential to its end in the ledger."""
        try:
            job = self._prepare(taken)
        except SealBroken:
            problem = "The stored credential does not open with the keys that are set."
            hint = "Connect again, or set the former SERVICE_SECRET_KEYS."
            ending = Ending(None, problem, hint, "credential")
            self._shop.ledger.finish(taken, "failed", ending)
            return
        except WrongSettings as error:
            ending = Ending(None, Exception.__str__(error), error.hint or None, "settings")
            self._shop.ledger.finish(taken, "failed", ending)
            return
        folder = self._folder.path / f"{taken.run_id}.{taken.fence}"
        log.info("a run begins", extra={"run_id": taken.run_id})
        child = Child(folder, job.arguments, job.variables, job.token, taken.run_id)
        try:
            ordered = self._watch(taken, child, job)
            code = child.exit_code
            verdict, ending = judge_ending(
                child.end() if code is None else code, child.report(), ordered=ordered
            )
            ending = self._explain(taken, ending, job, folder)
            self._finish(taken, verdict, ending, job)
        except _LeaseLost:
            child.kill()
            log.warning("the lease of a run was lost", extra={"run_id": taken.run_id})
        finally:
            child.close()

    def _explain(self, taken: Taken, ending: Ending, job: _Job, folder: Path) -> Ending:
        """What a person needs to know beyond the report: the removals that the guard stopped, the
        proof of a purge."""
        if job.is_purge and ending.exit_code == Exit.OK and ending.report is not None:
            return replace(ending, report=ending.report | self._prove_purge(taken, ending, job))
        stopped = stopped_hash(ending)
        if stopped is None:
            return ending
        planned = folder.with_name(f"{folder.name}.plan")
        child = Child(planned, ("plan", "--change-scope"), job.variables, job.token, taken.run_id)
        try:
            self._watch(taken, child, job)
            if child.exit_code is None:
                child.end()
            return replace(ending, guard=guarded_plan(stopped, child.report()))
        finally:
            child.close()

    def _prove_purge(self, taken: Taken, ending: Ending, job: _Job) -> dict[str, Any]:
        with self._shop.database.reading() as session:
            connection = session.get_one(Connection, taken.connection_id)
            secrets = int(bool(connection.secret and connection.removed_at is not None))
        folder = self._shop.state_dir / "mirrors" / taken.mirror_id
        variables = {**job.variables, "CONF_API_TOKEN": _NO_TOKEN}
        try:
            return prove_purge(ending.report or {}, variables, folder, secrets)
        except SyncError as error:
            return {"purged": None, "left": None, "unproved": Exception.__str__(error)}

    def _prepare(self, taken: Taken) -> _Job:
        with self._shop.database.reading() as session:
            mirror = session.get_one(Mirror, taken.mirror_id)
            connection = session.get_one(Connection, taken.connection_id)
            items = session.scalars(
                select(Import).where(Import.mirror_id == mirror.id, Import.removed_at.is_(None))
            ).all()
            token = open_secret(self._shop.keyring, connection) if items else _NO_TOKEN
        place = place_of(mirror, connection, items, self._shop.state_dir)
        if not items:
            arguments: tuple[str, ...] = ("purge", "--yes")
        elif taken.pages is not None:
            named = [part for page in taken.pages for part in ("--page", page)]
            arguments = ("sync", *named)
        else:
            arguments = ("sync", "--change-scope")
            arguments += ("--allow-mass-delete",) if taken.removes else ()
        variables = {**self._shop.variables(), **place.variables()}
        if taken.approved:
            variables["ALLOW_MASS_DELETE"] = taken.approved
        settings = load_engine({**variables, "CONF_API_TOKEN": _NO_TOKEN}, self._shop.state_dir)
        count = partial(
            count_pages, settings.state.url.reveal(), place.site, place.collection, items
        )
        return _Job(arguments, variables, token, not items, count)

    def _watch(self, taken: Taken, child: Child, job: _Job) -> Verdict | None:
        """Until the process has ended (None), or is to be ended: why. Raises ``_LeaseLost``."""
        lease_s = self._shop.lease_s
        held_until = time.monotonic() + lease_s
        count_at = 0.0
        while child.wait(min(HEARTBEAT_S, lease_s / 4)) is None:
            if self._stopping.is_set():
                return "released"
            asked = time.monotonic()
            progress = child.progress()
            if progress is not None and asked >= count_at:
                progress = replace(progress, counts=job.count())
                count_at = time.monotonic() + max(_COUNT_S, 20 * (time.monotonic() - asked))
            try:
                goes_on = self._shop.ledger.renew(taken, progress)
            except DBAPIError:
                if time.monotonic() >= held_until:
                    raise _LeaseLost from None
                continue
            if goes_on is None:
                raise _LeaseLost
            held_until = asked + lease_s
            if not goes_on:
                return "cancelled"
        return None

    def _finish(self, taken: Taken, verdict: Verdict, ending: Ending, job: _Job) -> None:
        """Write the end, for as long as the run is ours."""
        until = time.monotonic() + self._shop.lease_s
        fields = {"run_id": taken.run_id, "exit_code": ending.exit_code}
        while True:
            try:
                self._shop.ledger.renew(taken, Progress("finishing", None, job.count()))
                if self._shop.ledger.finish(taken, verdict, ending):
                    log.info("a run ended: %s", verdict, extra=fields)
                else:
                    log.warning("the lease of a run was lost before its end", extra=fields)
                return
            except DBAPIError:
                if time.monotonic() >= until:
                    return
                time.sleep(min(1.0, _AWAY_S))
