"""How long an answer asks its client to wait: the one reading of ``Retry-After``. Whatever is sent,
never an error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 366 * 86400.0
"""Seconds; what asks for more is read as this."""


def read_retry_after(headers: Mapping[str, str], wall: datetime | None = None) -> float | None:
    """Seconds, from 0 to ``LONGEST``; None where the answer does not say, or says nothing that can
    be read.

    ``headers`` must be case-insensitive. ``Retry-After`` is in seconds (fractions are seen too) or
    an HTTP date (RFC 9110, 10.2.3). Where ``RateLimit-Reason`` names a quota, the wait lasts until
    ``X-RateLimit-Reset``, which is ISO 8601 (Atlassian: "Rate limiting", Confluence Cloud). Times
    are compared with the answer's own ``Date``, else with ``wall``, our clock.
    """
    now = parse_http_date(headers.get("Date", "")) or wall or datetime.now(UTC)
    waits = [_parse_retry_after(headers.get("Retry-After", ""), now)]
    if "quota" in headers.get("RateLimit-Reason", "").lower():
        waits.append(_seconds_until(_parse_iso_date(headers.get("X-RateLimit-Reset", "")), now))
    known = [seconds for seconds in waits if seconds is not None]
    return max(known) if known else None


def _parse_retry_after(text: str, now: datetime) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(parse_http_date(text), now)
    return _clamp_seconds(seconds) if math.isfinite(seconds) else None


def _seconds_until(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else _clamp_seconds((moment - now).total_seconds())


def _clamp_seconds(seconds: float) -> float:
    return min(max(0.0, seconds), LONGEST)


def parse_http_date(text: str) -> datetime | None:
    """A date as HTTP writes it; None where it is not one, or is beyond every calendar in use."""
    try:
        return _in_use(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _parse_iso_date(text: str) -> datetime | None:
    try:
        return _in_use(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _in_use(moment: datetime) -> datetime | None:
    """In UTC; with a year that can be computed with, since 9999 and some seconds is an error."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if 1970 <= moment.year <= 9000 else None
