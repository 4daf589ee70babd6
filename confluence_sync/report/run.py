"""What a run did: filled by the mirror while it works, then printed, written and counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from confluence_sync import __version__
from confluence_sync.errors import Exit, SyncError
from confluence_sync.report import text
from confluence_sync.report.files import write_whole

SCHEMA_VERSION = 1

Command: TypeAlias = Literal["sync", "dry-run", "verify", "repair", "purge"]
PageOutcome: TypeAlias = Literal["listed", "added", "changed", "moved", "unchanged", "removed"]
ChunkOutcome: TypeAlias = Literal["sent", "kept", "removed", "not_removable"]
PlanAction: TypeAlias = Literal["add", "change", "move", "remove"]
DriftKind: TypeAlias = Literal["missing", "stray", "different"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A page that could not be brought over; its last good chunks are kept."""

    id: str
    title: str
    reason: str
    attempts: int
    """Runs in which it failed, this one included."""
    quarantined: bool
    """Given up until it changes."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A page that a dry run would touch."""

    id: str
    title: str
    why: str


def _zeros(*names: str) -> Callable[[], dict[str, int]]:
    return lambda: dict.fromkeys(names, 0)


@dataclass(slots=True)
class RunReport:
    """One run. Counts are of pages or chunks; moments are aware; durations are seconds.

    Not for several threads at once. ``mask`` is put over every text that leaves the report.
    """

    command: Command = "sync"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: Callable[[], float] = time.monotonic
    mask: Callable[[str], str] = str
    site_id: str = ""
    # Scope
    spaces: tuple[str, ...] = ()
    """Keys of the spaces, as they were found."""
    folder: str | None = None
    labels: tuple[str, ...] = ()
    # Store
    store: str = ""
    """Its kind: ``vector-api`` …"""
    location: str = ""
    """Where it is: an origin or a folder."""
    collection: str = ""
    """Its name."""
    collection_id: str = ""
    """The id that the store gives it."""
    write_mode: str = ""
    limits: tuple[str, ...] = ()
    """What the store cannot do, in sentences."""
    reconciled: bool = False
    watermark: datetime | None = None
    """How far was read, when this run ended."""
    # What was done
    pages: dict[str, int] = field(default_factory=_zeros("listed", "added", "changed", "moved", "unchanged", "removed"))
    chunks: dict[str, int] = field(default_factory=_zeros("sent", "kept", "removed", "not_removable"))
    metadata_updated: int = 0
    """Chunks whose metadata was changed without a new write."""
    embeddings: int = 0
    """Texts that we embedded ourselves."""
    conversions: dict[str, int] = field(default_factory=_zeros("xml", "html", "text"))
    """Pages by the way that read their body."""
    failures: list[Failure] = field(default_factory=list)
    plan: dict[str, list[Planned]] = field(default_factory=dict)
    drift: dict[str, list[str]] = field(default_factory=dict)
    """Chunk ids, by kind."""
    # What it took
    requests: dict[str, dict[str, int]] = field(default_factory=dict)
    """Requests to the gateway: endpoint → status → count."""
    retries: int = 0
    waited_s: float = 0.0
    """For rate limits, in all threads together."""
    received_bytes: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    # How it ended
    exit_code: Exit | None = None
    """None: it has not ended."""
    problem: str = ""
    hint: str = ""
    seconds: float = 0.0
    finished: datetime | None = None
    _began: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def page(self, outcome: PageOutcome, count: int = 1) -> None:
        """Count pages."""
        self.pages[outcome] += count

    def chunk(self, outcome: ChunkOutcome, count: int = 1) -> None:
        """Count chunks; ``not_removable`` ones should have gone, and the store cannot remove them."""
        self.chunks[outcome] += count

    def converted(self, way: Literal["xml", "html", "text"]) -> None:
        """Count a converted page by the way that read its body."""
        self.conversions[way] += 1

    def failed(self, page_id: str, title: str, reason: str, *, attempts: int = 1, quarantined: bool = False) -> None:
        """Note a page that failed, or that stays quarantined; one entry a page, the last one counts."""
        self.failures = [failure for failure in self.failures if failure.id != page_id]
        self.failures.append(Failure(page_id, title, reason, attempts, quarantined))

    def planned(self, action: PlanAction, page_id: str, title: str, why: str = "") -> None:
        """Note what a dry run would do."""
        self.plan.setdefault(action, []).append(Planned(page_id, title, why))

    def drifted(self, kind: DriftKind, chunk_id: str) -> None:
        """Note a chunk that is not in the store as it should be."""
        self.drift.setdefault(kind, []).append(chunk_id)

    def warn(self, warning: str) -> None:
        """Note a warning, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a phase; one that comes again adds up."""
        began = self.clock()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + self.clock() - began

    def traffic(self, stats: Mapping[str, Any]) -> None:
        """Take over the gateway's counts so far: ``requests`` (endpoint → status → count), ``retries``,
        ``waited_seconds``, ``bytes``. Counts are totals of the run, so the last call stands."""
        requests = stats.get("requests", {})
        self.requests = {
            endpoint: {str(status): count for status, count in sorted(by_status.items(), key=lambda item: str(item[0]))}
            for endpoint, by_status in sorted(requests.items())
        }
        self.retries = int(stats.get("retries", 0))
        self.waited_s = float(stats.get("waited_seconds", 0))
        self.received_bytes = int(stats.get("bytes", 0))

    def end(self, exit_code: Exit, problem: str = "", hint: str = "") -> None:
        """The run is over."""
        self.exit_code, self.problem, self.hint = exit_code, problem, hint
        self.seconds = self.clock() - self._began
        self.finished = datetime.now(UTC)

    def end_with(self, error: SyncError) -> None:
        """The run is over because of this."""
        self.end(error.exit, str(Exception.__str__(error)), error.hint)

    @property
    def quarantined(self) -> int:
        """Pages that were given up until they change."""
        return sum(failure.quarantined for failure in self.failures)

    def to_json(self) -> dict[str, Any]:
        """The report of schema version 1 (see ``docs/report.md``), of plain JSON values."""
        report: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "program": f"confluence-sync {__version__}",
            "command": self.command,
            "started": _moment(self.started),
            "finished": _moment(self.finished),
            "seconds": round(self.seconds, 3),
            "exit_code": None if self.exit_code is None else int(self.exit_code),
            "outcome": text.outcome(self),
            "problem": self.problem,
            "hint": self.hint,
            "site_id": self.site_id,
            "scope": {"spaces": list(self.spaces), "folder": self.folder, "labels": list(self.labels)},
            "store": {
                "kind": self.store,
                "location": self.location,
                "collection": self.collection,
                "collection_id": self.collection_id,
                "write_mode": self.write_mode,
                "limits": list(self.limits),
            },
            "reconciled": self.reconciled,
            "watermark": _moment(self.watermark),
            "pages": {**self.pages, "failed": len(self.failures), "quarantined": self.quarantined},
            "failed": [
                {
                    "id": failure.id,
                    "title": failure.title,
                    "reason": failure.reason,
                    "attempts": failure.attempts,
                    "quarantined": failure.quarantined,
                }
                for failure in self.failures
            ],
            "chunks": dict(self.chunks),
            "metadata_updated": self.metadata_updated,
            "embeddings": self.embeddings,
            "conversions": dict(self.conversions),
            "requests": self.requests,
            "retries": self.retries,
            "waited_seconds": round(self.waited_s, 3),
            "received_bytes": self.received_bytes,
            "phases": {name: round(seconds, 3) for name, seconds in self.phases.items()},
            "plan": {
                action: [{"id": page.id, "title": page.title, "why": page.why} for page in pages]
                for action, pages in self.plan.items()
            },
            "drift": {kind: list(ids) for kind, ids in self.drift.items()},
            "warnings": list(self.warnings),
        }
        masked = _masked(report, self.mask)
        assert isinstance(masked, dict)
        return masked

    def write(self, path: Path) -> None:
        """Write the JSON report. Raises ``StateUnusable``."""
        write_whole(path, json.dumps(self.to_json(), ensure_ascii=False, indent=2) + "\n", "the report")

    def summary(self) -> str:
        """What a person wants to know, on one screen; the last line says it all."""
        return self.mask(text.summary(self))

    def plan_text(self, most: int = 50) -> str:
        """The plan of a dry run, the first of each kind."""
        return self.mask(text.plan(self, most))

    def termination_message(self) -> str:
        """Two lines of at most 4,096 bytes for the kubelet: the outcome with its counts, and what to do."""
        return text.termination_message(self, self.mask)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(str(key)): _masked(item, mask) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, mask) for item in value]
    return value
