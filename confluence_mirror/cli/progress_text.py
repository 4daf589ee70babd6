"""The progress of a run in words."""

from __future__ import annotations

from confluence_mirror.progress import Snapshot
from confluence_mirror.waits import Wait
from confluence_mirror.wording import counted, duration

_STILL_S = 30.0
"""Seconds without anything that moved, from which it is told."""


def describe_progress(now: Snapshot) -> str:
    """One line: what is being done, how much of it is done, how long it will take, and what is
    waited for."""
    parts = [_describe_work(now)]
    if now.chunks and now.phase == "mirroring":
        parts.append(counted(now.chunks, "chunk"))
    if now.per_second is not None:
        parts.append(_describe_rate(now.per_second))
    if now.eta_s is not None:
        parts.append(f"about {duration(max(now.eta_s, 1.0))} left")
    if now.wait is not None and not now.wait.idle:
        parts.append(f"waiting for {now.wait.what} for {duration(now.waited_s)}")
    elif now.wait is None and now.still_s >= _STILL_S:
        parts.append(f"nothing has moved for {duration(now.still_s)}")
    return ", ".join(parts)


def describe_status(now: Snapshot) -> str:
    """The same behind the time since the start, which changes every second."""
    minutes, seconds = divmod(int(now.since_start_s), 60)
    return f"{minutes}:{seconds:02} {describe_progress(now)}"


def _describe_work(now: Snapshot) -> str:
    if now.phase == "waiting" and now.wait is not None:
        return f"waiting for {now.wait.what}, {_describe_wait(now, now.wait)}"
    if now.phase == "listing":
        return f"listing {counted(now.done, 'page')}" if now.done else "listing"
    if now.phase not in ("mirroring", "removing"):
        return now.phase
    if now.total is None:
        return f"{now.phase} {counted(now.done, 'page')}"
    return f"{now.phase} {now.done:,} of {counted(now.total, 'page')}"


def _describe_wait(now: Snapshot, wait: Wait) -> str:
    """Pauses before one try after another are one wait."""
    waited = f"{duration(now.still_s)} so far"
    if wait.seconds is None:
        return waited
    return f"{waited}, {duration(max(wait.seconds - now.waited_s, 0.0))} to go"


def _describe_rate(per_second: float) -> str:
    if per_second >= 1:
        return f"{per_second:,.1f} per second"
    return f"{per_second * 60:,.1f} per minute"
