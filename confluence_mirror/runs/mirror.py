"""A mirror, for whoever uses one: the command line, a notebook, a service."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from confluence_mirror.errors import Exit, SyncError
from confluence_mirror.logs import Mask
from confluence_mirror.mirror.events import Emit
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.verify import Drift
from confluence_mirror.progress import Progress, Silent
from confluence_mirror.runs import components
from confluence_mirror.runs.cost import count_requests
from confluence_mirror.runs.outcome import Outcome, outcome_of, part_of_run
from confluence_mirror.runs.report import Command, RunReport
from confluence_mirror.search import Answer, Question
from confluence_mirror.settings import Settings
from confluence_mirror.wording import counted, verb

if TYPE_CHECKING:
    from confluence_mirror.mirror.run import Run
    from confluence_mirror.runs.session import SearchSession

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the mirrors of one process have in common."""

    stop: Stop = field(default_factory=Stop)
    """Ends their runs early."""
    mask: Mask = field(default_factory=Mask)
    """Knows the secrets of all of them. With the one that ``configure_logging`` gave, the log is
    masked, too."""
    notices: tuple[str, ...] = ()
    """What the settings warn of, to be told once for each mirror that a run writes."""


def open_mirror(
    settings: Settings,
    shared: Shared | None = None,
    *,
    remembered_id: str = "",
    progress: Progress | None = None,
    before: Callable[[Emit], None] | None = None,
    after: Callable[[RunReport], None] | None = None,
) -> Mirror:
    """The mirror that these settings describe. Nothing is asked or opened before its first run.

    ``remembered_id``: the collection's id as someone remembers it. ``before`` and ``after`` are
    parts of each run: nothing follows where the first fails, the last is done always.
    """
    shared = shared or Shared()
    shared.mask.add(settings.secrets())
    return Mirror(settings, shared, remembered_id, progress or Silent(), before, after)


class Mirror:
    """One mirror. Each method is one run with connections of its own, and returns how it ended."""

    def __init__(
        self,
        settings: Settings,
        shared: Shared,
        remembered_id: str,
        progress: Progress,
        before: Callable[[Emit], None] | None,
        after: Callable[[RunReport], None] | None,
    ) -> None:
        """``open_mirror`` says more."""
        self._settings = settings
        self._shared = shared
        self._remembered_id = remembered_id
        self._progress = progress
        self._before = before
        self._after = after
        self._stop = shared.stop
        """Of the run at work."""
        self._at_work: RunReport | None = None
        self._untold: tuple[str, ...] = ()
        """Notices of the run at work that its engine was not given yet."""

    def sync(
        self,
        only: Sequence[str] | None = None,
        *,
        full: bool = False,
        change_scope: bool = False,
    ) -> Outcome:
        """Make the store a mirror of the scope.

        ``only``: ids of pages that are brought up to date, and nothing else is; what they mean for
        others (breadcrumbs below a page that moved) is left to the next whole run, as is the
        watermark. One that has left, or is hidden now, is removed on the same evidence as in a
        whole run. ``full``: every page is read and cut, and every text compared; ``change_scope``:
        a scope that is not the recorded one is meant.
        """
        options = partial(self._engine, only=only, full=full, change_scope=change_scope)
        return self._run("sync", lambda parts, report: options(parts, report).sync(), writes=True)

    def plan(self, *, full: bool = False, change_scope: bool = False) -> Outcome:
        """What ``sync`` would do: ``report.plan``. Writes nothing anywhere."""
        options = partial(self._engine, full=full, change_scope=change_scope)

        def look(parts: components.Components, report: RunReport) -> None:
            options(parts, report).dry_run()
            if report.cost is not None:
                report.cost_requests = count_requests(report.cost, self._settings, parts)

        return self._run("dry-run", look)

    def verify(self) -> Outcome:
        """Read the store back and compare it with what was written: ``drift``."""
        return self._run("verify", lambda parts, report: self._engine(parts, report).verify())

    def repair(self, *, change_scope: bool = False) -> Outcome:
        """Put right what ``verify`` finds, and what differs in the scope; ``drift`` is what is
        left."""
        options = partial(self._engine, change_scope=change_scope)
        return self._run(
            "repair", lambda parts, report: options(parts, report).repair(), writes=True
        )

    def purge(self, confirm: Callable[[str, int], None] | None = None) -> Outcome:
        """Remove all that this mirror has stored, and nothing else.

        ``confirm`` is called before, with the place that is emptied and the chunks that are
        recorded there; what it raises is how the run ends.
        """

        def purge(parts: components.Components, report: RunReport) -> None:
            def ask(collection: str, chunks: int) -> None:
                store, documents = parts.store, self._settings.documents.place
                if confirm is not None:
                    confirm(
                        f"collection {collection} of {store.kind} at {store.location}"
                        + (f", its documents from {documents}" if documents else ""),
                        chunks,
                    )

            self._engine(parts, report).purge(ask)

        return self._run("purge", purge)

    def search(self, question: Question, *, as_user: str | None = None) -> Outcome:
        """The passages that answer a question: ``answer``. ``as_user``: for this account id, from
        what it may read alone; None: from all that is stored."""
        answers: list[Answer] = []

        def look(parts: components.Components, _report: RunReport) -> None:
            from confluence_mirror.runs.session import answer_once

            found = answer_once(self._settings, parts, question, as_user, self._remembered_id)
            answers.append(found)

        outcome = self._run("search", look)
        return replace(outcome, answer=answers[0] if answers else None)

    def open_search(self, *, fresh: bool = False) -> SearchSession:
        """For many questions: see ``SearchSession``. Its caller closes it."""
        from confluence_mirror.runs.session import SearchSession

        return SearchSession(
            self._settings,
            remembered_id=self._remembered_id,
            pause=self._stop.pause,
            fresh=fresh,
        )

    def abandon(self, error: SyncError) -> Outcome | None:
        """How the run at work ended, since its thread sits in a call that does not end. For another
        thread, before the process is left; None where no run is at work."""
        report = self._at_work
        if report is None or report.exit_code is not None:
            return None
        report.end_with(error)
        return outcome_of(report)

    # -- how

    def _engine(
        self,
        parts: components.Components,
        report: RunReport,
        *,
        only: Sequence[str] | None = None,
        full: bool = False,
        change_scope: bool = False,
    ) -> Run:
        # Whoever wants nothing but an answer does not wait until the engine is imported.
        from confluence_mirror.mirror.run import Run
        from confluence_mirror.runs.engine import make_mirror_spec

        job = make_mirror_spec(
            self._settings,
            parts,
            only=only,
            full=full,
            change_scope=change_scope,
            remembered_id=self._remembered_id,
            notices=self._untold,
        )
        self._untold = ()
        return Run(job, parts.source, parts.store, report.hear, self._stop)

    def _run(
        self,
        command: Command,
        work: Callable[[components.Components, RunReport], Drift | None],
        *,
        writes: bool = False,
    ) -> Outcome:
        """One run with its report, whatever becomes of it."""
        stop = self._stop = self._shared.stop.for_run(self._settings.run.budget_minutes * 60)
        report = self._at_work = RunReport(
            command,
            mask=self._shared.mask,
            site_id=self._settings.confluence.cloud_id,
            shown=self._progress,
        )
        self._untold = self._shared.notices
        parts: components.Components | None = None
        drift: Drift | None = None
        with part_of_run(report):
            stop.check()
            if self._before is not None:
                self._before(report.hear)
            parts = components.build_components(self._settings, writes=writes, pause=stop.pause)
            drift = work(parts, report)
            if drift is not None:
                drift.tell(report.hear)
            report.end(Exit.DRIFT if drift else Exit.OK)
        for notice in self._untold:
            log.warning("%s", notice)
        if self._after is not None:
            with part_of_run(report):
                self._after(report)
        if parts is not None:
            with part_of_run(report):
                parts.close()
            _account(report, parts)
        return outcome_of(report, drift)


def _account(report: RunReport, parts: components.Components) -> None:
    """What the run took."""
    report.traffic(parts.gateway.stats.snapshot())
    report.embeddings = parts.embedder.embedded if parts.embedder else 0
    if broken := getattr(parts.store, "broken_up", 0):  # of Llama Stack's alone
        report.warn(
            f"{counted(broken, 'special token')} of language models (<|endoftext|> and its like)"
            f" {verb(broken, 'was', 'were')} broken up by a zero-width space, since Llama Stack"
            " refuses texts that hold one"
        )
