"""How one run of a mirror ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluence_mirror.errors import Exit, SyncError, of_the_system
from confluence_mirror.mirror.verify import Drift
from confluence_mirror.runs.report import RunReport
from confluence_mirror.search import Answer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. No run raises a ``SyncError``: it ends with its exit code."""

    exit: Exit
    problem: str
    """What stopped it; empty where nothing did."""
    hint: str
    """What to do about that."""
    report: RunReport
    """All that was done. Nothing changes it any more."""
    drift: Drift | None = None
    """Of ``verify`` and ``repair`` that came to their end."""
    answer: Answer | None = None
    """Of ``search``."""


def outcome_of(report: RunReport, drift: Drift | None = None) -> Outcome:
    """The outcome of a run that has ended."""
    assert report.exit_code is not None
    return Outcome(report.exit_code, report.problem, report.hint, report, drift)


@contextmanager
def part_of_run(report: RunReport) -> Iterator[None]:
    """What is raised here is how the run ended, unless it had failed already: the first error
    stands."""
    try:
        yield
    except SyncError as error:
        if report.exit_code:
            log.error("%s", error)
        else:
            report.end_with(error)
    except Exception as error:
        if known := of_the_system(error):
            log.error("%s", known) if report.exit_code else report.end_with(known)
            return
        log.exception("a bug in confluence-mirror; the next run goes on from what was committed")
        if not report.exit_code:
            report.end(Exit.BUG, f"{type(error).__name__}: {error}")
