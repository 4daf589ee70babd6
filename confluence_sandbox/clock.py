"""The site's own clock, so that tests age content and shift time without sleeping."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


def stamp(moment: datetime) -> str:
    """UTC with milliseconds, as both APIs write it: ``2026-01-31T08:15:00.123Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_stamp(text: str) -> datetime:
    """The inverse of ``stamp``; also takes ISO 8601 with an offset, and a date alone. No zone means
    UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Clock:
    """Runs with the machine's clock plus an offset, or stands still."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta(0)
        self._frozen: datetime | None = None
        if start is not None:
            self.set(start)
        if frozen:
            self.freeze()

    def now(self) -> datetime:
        """UTC, cut to milliseconds like every timestamp of the site."""
        with self._lock:
            moment = self._frozen if self._frozen is not None else datetime.now(UTC) + self._offset
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def set(self, moment: datetime) -> None:
        """Show this time from now on."""
        with self._lock:
            if self._frozen is not None:
                self._frozen = moment.astimezone(UTC)
            self._offset = moment - datetime.now(UTC)

    def advance(self, *, hours: float = 0, seconds: float = 0) -> datetime:
        """Move on (or back, with a negative number) and give the new time."""
        step = timedelta(hours=hours, seconds=seconds)
        with self._lock:
            self._offset += step
            if self._frozen is not None:
                self._frozen += step
        return self.now()

    def freeze(self) -> None:
        """Stand still at the present moment."""
        moment = self.now()
        with self._lock:
            self._frozen = moment

    def run(self) -> None:
        """Go on from the moment at which it stood still."""
        with self._lock:
            if self._frozen is not None:
                self._offset = self._frozen - datetime.now(UTC)
                self._frozen = None

    def http_date(self) -> str:
        """The ``Date`` header."""
        return format_datetime(self.now(), usegmt=True)
