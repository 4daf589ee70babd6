"""Runs to report on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from confluence_mirror.errors import Exit
from confluence_mirror.mirror.events import PageNotWritten, PagesRemoved, PageWritten
from confluence_mirror.runs.report import RunReport


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Counts:
    """What a gateway counted."""

    requests: dict[tuple[str, int], int] = field(
        default_factory=lambda: {
            ("GET /wiki/api/v2/pages", 429): 1,
            ("GET /wiki/api/v2/pages", 200): 250,
        }
    )
    retries: int = 1
    rate_limit_seconds: float = 5.25
    bytes_received: int = 12_345_678


def nightly(clock: Clock | None = None, **fields: object) -> RunReport:
    """A night with a bit of everything, not ended yet."""
    clock = clock or Clock()
    report = RunReport(clock=clock, started=datetime(2026, 1, 31, 2, 17, tzinfo=UTC), **fields)  # type: ignore[arg-type]
    report.site_id = "11111111-2222-3333-4444-555555555555"
    report.spaces = ("DOCS", "HR")
    report.store, report.location = "vector-api", "http://vector-api:8000"
    report.collection, report.collection_id, report.write_mode = "confluence", "vs_1", "upsert"
    report.listed, report.unchanged = 12_408, 12_259
    report.reconciled = True
    report.watermark = datetime(2026, 1, 31, 2, 17, tzinfo=UTC)
    for kind, count in {"add": 31, "change": 112}.items():
        for _ in range(count):
            report.hear(PageWritten(kind, touched=True, read_as="xml"))
    report.hear(PagesRemoved(4))
    report.hear(PageNotWritten("7001", "Broken", "the body cannot be converted", 1, False))
    report.hear(PageNotWritten("7002", "Worse", "the store refuses a chunk", 2, False))
    report.chunks |= {"sent": 1204, "kept": 33_000, "removed": 96}
    report.traffic(Counts())
    report.progress.phase("listing")
    clock.now += 72
    report.progress.phase("writing", 143)
    clock.now += 120
    return report


def ended(exit_code: Exit = Exit.UNFINISHED, **fields: object) -> RunReport:
    """The same night, over."""
    report = nightly(**fields)
    report.end(exit_code)
    return report
