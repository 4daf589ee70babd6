"""A report as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluence_mirror import __version__, terminal
from confluence_mirror.runs import text
from confluence_mirror.runs.report import RunReport
from confluence_mirror.whole_files import write_whole

SCHEMA_VERSION = 1


def to_json(report: RunReport) -> dict[str, Any]:
    """The report of schema version 1 (see ``docs/report.md``), of plain JSON values."""
    found: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "program": f"confluence-mirror {__version__}",
        "command": report.command,
        "started": _moment(report.started),
        "finished": _moment(report.finished),
        "seconds": round(report.seconds, 3),
        "exit_code": None if report.exit_code is None else int(report.exit_code),
        "outcome": text.outcome(report),
        "problem": report.problem,
        "hint": report.hint,
        "site_id": report.site_id,
        "scope": {
            "spaces": list(report.spaces),
            "folder": report.folder,
            "labels": list(report.labels),
            "items": list(report.items),
        },
        "store": {
            "kind": report.store,
            "location": report.location,
            "collection": report.collection,
            "collection_id": report.collection_id,
            "write_mode": report.write_mode,
            "limits": list(report.limits),
        },
        "reconciled": report.reconciled,
        "watermark": _moment(report.watermark),
        "pages": report.page_counts(),
        "comments": report.child_counts().get("comment", {}),
        "failed": [
            {
                "id": failure.id,
                "type": failure.type,
                "title": failure.title,
                "reason": failure.reason,
                "attempts": failure.attempts,
                "quarantined": failure.quarantined,
            }
            for failure in report.failures.values()
        ],
        "files": {
            **report.child_counts().get("attachment", {}),
            "unreadable": [
                {
                    "id": file.id,
                    "page_id": file.page_id,
                    "filename": file.filename,
                    "reason": file.reason,
                }
                for file in report.unreadable
            ],
        },
        "chunks": report.chunk_counts(),
        "documents": {"place": report.tree, **report.document_counts()},
        "embeddings": report.embeddings,
        "conversions": dict(report.conversions),
        "requests": report.requests,
        "retries": report.retries,
        "waited_seconds": round(report.waited_s, 3),
        "received_bytes": report.received_bytes,
        "phases": {name: round(seconds, 3) for name, seconds in report.phases.items()},
        "plan": {
            action: [{"id": page.id, "title": page.title, "why": page.why} for page in pages]
            for action, pages in report.plan.items()
        },
        "cost": _cost(report),
        "drift": {kind: list(ids) for kind, ids in report.drift.items()},
        "warnings": list(report.warnings),
    }
    masked = _masked(found, report.mask)
    assert isinstance(masked, dict)
    return masked


def to_log(report: RunReport) -> dict[str, Any]:
    """What the log's last line says of a run; failed pages have lines of their own."""
    found = to_json(report)
    names = ("command", "exit_code", "outcome", "problem", "hint", "seconds", "pages", "chunks")
    return {name: found[name] for name in names}


def write(report: RunReport, path: Path) -> None:
    """Write the JSON report. Raises ``StateUnusable``."""
    content = terminal.escaped_json(json.dumps(to_json(report), ensure_ascii=False, indent=2))
    write_whole(path, f"{content}\n", "the report")


def _cost(report: RunReport) -> dict[str, Any]:
    cost = report.cost
    if cost is None:
        return {}
    return {
        "pages": cost.pages,
        "chunks": cost.chunks,
        "tokens": cost.tokens,
        "requests": dict(report.cost_requests),
        "seconds": None if cost.seconds is None else round(cost.seconds, 1),
        "rebuilds": cost.rebuilds,
    }


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
