"""Pages of a first load, read and cut while the listing goes on.

Nothing is written before the listing is complete: only then it is known what is in the scope, who
may read it and where it stands. A body, and the pieces that it is cut into, depend on none of that.
So they are made meanwhile and kept in a private temporary database, as many as it may hold. What
the plan then does not ask for is forgotten with it; what the plan asks for and is not there, or is
there in another version, is read in the ordinary way.
"""

from __future__ import annotations

import logging
import pickle
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from confluence_mirror.batches import in_batches
from confluence_mirror.errors import PageFailed, StateUnusable, SyncError
from confluence_mirror.mirror.documents import (
    CutBody,
    Draft,
    Names,
    Recipe,
    cut_ahead,
    mentioned_accounts,
)
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.own_bodies import read_bodies
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.workers import ENOUGH_PAGES, Workers
from confluence_mirror.model import Body, PageRef, Version

log = logging.getLogger(__name__)

GROUP = 25
MOST_BYTES = 200_000_000
"""What is kept of pages on disk. The listing of a million pages takes as much again and more."""
MOST_PAGES = 30_000
MOST_WAITING = 5_000
"""Listed pages in hand that are still to be read; those beyond are left to the ordinary reading."""

_Outcome = Body | PageFailed | None
_Group = tuple[list[tuple[str, _Outcome]], Future[list[bytes | str]]]


class EarlyPages:
    """The pages of one listing. ``offer`` is called from its threads, ``finish`` and what follows
    from the run's own."""

    def __init__(
        self,
        source: Source,
        scope: Scope,
        recipe: Recipe,
        check: Callable[[], None],
        *,
        own: bool,
    ) -> None:
        """``check`` is called while pages under way are waited for; ``own``: see ``read_bodies``
        of ``own_bodies``."""
        self._source = source
        self._spaces = scope.spaces_by_id()
        self._recipe = recipe
        self._check = check
        self._own = own
        self.names = Names(source)
        """Display names that were learned."""
        self.taken: set[str] = set()
        """Ids of the pages that ``select_planned`` gave."""
        self._waiting: deque[PageRef] = deque()
        self._versions: dict[str, Version] = {}
        """Of the pages that were read or are being read, as they were listed."""
        self._changed = threading.Condition()
        self._over = self._closed = False
        self._thread: threading.Thread | None = None
        self._workers: Workers | None = None
        self._fault: BaseException | None = None
        self._bytes = 0
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("CREATE TABLE early (id TEXT PRIMARY KEY, outcome BLOB) WITHOUT ROWID")

    def offer(self, refs: Sequence[PageRef]) -> None:
        """Pages that the listing shows. Reading begins when there are enough for processes of their
        own to be worth it."""
        with self._changed:
            if self._over:
                return
            self._waiting.extend(refs[: MOST_WAITING - len(self._waiting)])
            self._changed.notify()
            if self._thread is None and len(self._waiting) >= ENOUGH_PAGES:
                self._thread = threading.Thread(
                    target=self._read_beside, name="early-pages", daemon=True
                )
                self._thread.start()

    def finish(self) -> Workers | None:
        """Read no more, and wait for what is under way. Given back are the processes that
        convert; None where nothing was begun."""
        self._end()
        if self._thread is None:
            return None
        while self._thread.is_alive():
            self._check()
            self._thread.join(timeout=0.5)
        if self._fault is not None:
            raise self._fault
        return self._workers

    def select_planned(self, listing: Listing) -> Iterator[tuple[str, Body | PageFailed | None]]:
        """Of what was read, that which is planned in the version in which it was listed then, as
        ``Source.read_bodies`` gives it."""
        for ids in in_batches([row[0] for row in self._db.execute("SELECT id FROM early")], GROUP):
            planned = listing.scheduled_among(ids)
            marks = ", ".join("?" * len(ids))
            for page_id, outcome in self._db.execute(
                f"SELECT id, outcome FROM early WHERE id IN ({marks})",  # noqa: S608 - only marks
                ids,
            ).fetchall():
                if page_id in planned and planned[page_id].version == self._versions[page_id]:
                    self.taken.add(page_id)
                    yield page_id, pickle.loads(outcome)  # noqa: S301 - our own, and private

    def close(self) -> None:
        """Forget all of it, and end the processes. A thread that still reads fails; nobody waits
        for it any more."""
        self._end()
        with self._changed:
            self._closed = True
            workers = self._workers
        if workers is not None:
            workers.close()
        self._db.close()

    def _end(self) -> None:
        with self._changed:
            self._over = True
            self._waiting.clear()
            self._changed.notify()

    # -- on a thread of its own

    def _read_beside(self) -> None:
        """What stands in the way of reading here stands in the way of the run, which meets it in
        its own time; a fault of ours is kept for it."""
        try:
            self._recipe.require()
            workers = self._start_workers()
            if workers is not None:
                self._read_all(workers)
        except SyncError as failure:
            log.info("pages are no longer read beside the listing: %s", failure)
        except BaseException as fault:
            self._fault = fault

    def _start_workers(self) -> Workers | None:
        with self._changed:
            if not self._closed:
                self._workers = Workers(self._recipe, ENOUGH_PAGES)
            return self._workers

    def _read_all(self, workers: Workers) -> None:
        bodies = read_bodies(
            self._source, self._arriving(), self._recipe.body_format, own=self._own
        )
        begun: deque[_Group] = deque()
        for group in in_batches(bodies, GROUP):
            begun.append(self._begin_group(workers, group))
            if len(begun) > workers.ahead:
                self._keep_group(*begun.popleft())
        for each in begun:
            self._keep_group(*each)

    def _arriving(self) -> Iterator[PageRef]:
        """Listed pages, as they come, until there are enough, or the listing is over."""
        while self._bytes < MOST_BYTES and len(self._versions) < MOST_PAGES:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over)
                if self._over:
                    return
                ref = self._waiting.popleft()
            if ref.id not in self._versions:  # a listing may show a page twice
                self._versions[ref.id] = ref.version
                yield ref
        self._end()

    def _begin_group(
        self, workers: Workers, group: Sequence[tuple[str, Body | PageFailed | None]]
    ) -> _Group:
        """Hand a group's bodies to a worker. A page that moved away meanwhile, or mentions somebody
        whose name is not to be had now, is left to the ordinary reading."""
        mentioned = {
            page_id: mentioned_accounts(body) for page_id, body in group if isinstance(body, Body)
        }
        self.names.learn(set().union(*mentioned.values()))
        kept: list[tuple[str, _Outcome]] = []
        drafts: list[Draft] = []
        for page_id, body in group:
            if isinstance(body, Body):
                names = self.names.select(mentioned[page_id])
                space = self._spaces.get(body.ref.space_id)
                if space is None or len(names) < len(mentioned[page_id]):
                    continue
                site = self._source.site_url()
                drafts.append(Draft(body, space, (), (), "", "", site, names))
            kept.append((page_id, body))
        return kept, workers.submit_each(cut_ahead, drafts)

    def _keep_group(
        self, group: Sequence[tuple[str, _Outcome]], made: Future[list[bytes | str]]
    ) -> None:
        cuts = iter(made.result())
        rows = []
        for page_id, body in group:
            outcome = body
            if isinstance(body, Body):
                outcome = CutBody(body.ref, "", body.format, cut=next(cuts))
            rows.append((page_id, pickle.dumps(outcome)))
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO early VALUES (?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StateUnusable(f"The temporary folder has no room for pages ({error}).") from None
        self._bytes += sum(len(row[1]) for row in rows)
