"""How far a run looks: the whole scope, or what changed in the last hours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from confluence_mirror.manifest import Generation

OVERLAP_HOURS = 2
"""The index lags by seconds to minutes, and schedules jitter: a window reaches back further than
the last run."""
RECONCILE_SLACK = timedelta(hours=1)
CLOCK_TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What decides how far a plan looks and what it may remove."""

    since_hours: int = 24
    reconcile_hours: int = 0
    max_delete_ratio: float = 0.2
    allow_mass_delete: str = ""
    """Empty, ``true``, or the hash of one very set of removals."""
    only: tuple[str, ...] | None = None
    """Page ids: nothing else is looked at. None: the whole scope, or what changed in it."""
    full: bool = False
    again: bool = False
    """Pages that were given up are tried once more."""
    rebuilds: bool = False
    """Whatever is written goes into a new collection (``WRITE_MODE=rotate``)."""
    replaces: bool = True
    """What a page says can change in the collection that is there."""
    concurrency: int = 4
    """Listings at a time."""
    labels: bool = True
    """Pages carry their labels as metadata. Where labels narrow the scope they do in any case."""
    access: bool = False
    """Pages carry the key of those who may read them. Restrictions move no version and no date, so
    every run that is not of named pages compares the whole scope."""
    applied: bool = False
    """The plan is made to be applied, so that its pages may be read while it is made."""
    scope_meant: bool = False
    """Pages that lie outside the scope may be removed, whoever wrote them."""


def is_reconcile_due(
    generation: Generation, settings: PlanSettings, now: datetime, skew_s: float
) -> bool:
    """Whether this run compares the whole scope.

    Measured from start to start with an hour's slack; a watermark in the future, or clocks far
    apart, force it.
    """
    if generation.watermark is None or generation.reconciled_at is None or settings.full:
        return True
    if settings.access:
        return True
    if settings.since_hours == 0 or settings.reconcile_hours == 0:
        return True
    if clocks_disagree(generation, now, skew_s):
        return True
    return (
        now - generation.reconciled_at
        >= timedelta(hours=settings.reconcile_hours) - RECONCILE_SLACK
    )


def clocks_disagree(generation: Generation, now: datetime, skew_s: float) -> bool:
    """A watermark in the future, or clocks far apart: no window can be trusted."""
    ahead = generation.watermark is not None and generation.watermark > now + timedelta(
        seconds=CLOCK_TOLERANCE_S
    )
    return ahead or abs(skew_s) > CLOCK_TOLERANCE_S


def window_hours(generation: Generation, settings: PlanSettings, now: datetime) -> int:
    """Back to the start of the last completed run and an overlap, at least ``SINCE_HOURS``."""
    assert generation.watermark is not None
    since_last = math.ceil((now - generation.watermark).total_seconds() / 3600)
    return max(settings.since_hours, since_last + OVERLAP_HOURS)
