"""A report in words."""

from __future__ import annotations

from confluence_mirror import terminal
from confluence_mirror.errors import Exit
from confluence_mirror.mirror.ports import MOST_COUNTED
from confluence_mirror.runs.cost_text import describe_cost
from confluence_mirror.runs.report import RunReport
from confluence_mirror.wording import counted, duration, size

_SHOWN = 8
"""Failed pages and warnings on the screen; all are in the report."""
_MESSAGE_BYTES = 4096
"""What the kubelet keeps of ``/dev/termination-log``."""

_OUTCOMES = {
    Exit.DRIFT: "drift",
    Exit.USAGE: "wrong usage",
    Exit.REFUSED: "refused",
    Exit.UNAVAILABLE: "unavailable",
    Exit.BUG: "failed",
    Exit.STATE: "state unusable",
    Exit.UNFINISHED: "not finished",
    Exit.PERMISSION: "permission refused",
    Exit.SETTINGS: "wrong settings",
    Exit.INTERRUPTED: "interrupted",
    Exit.TERMINATED: "terminated",
}
_DONE = {
    "sync": "mirrored",
    "dry-run": "planned",
    "verify": "verified",
    "repair": "repaired",
    "purge": "purged",
    "search": "searched",
}

_CHANGES = ("added", "changed", "moved", "removed")
_WORDS = {"comment": "thread", "attachment": "file"}
"""What child documents are called, by type."""

_NEXT = {
    Exit.OK: "Nothing to do.",
    Exit.DRIFT: "Run with --repair, or run the sync again.",
    Exit.USAGE: "Fix the command line.",
    Exit.REFUSED: "Look at the scope and the token before you allow it.",
    Exit.UNAVAILABLE: "Run again; if it lasts, look at the site and the store.",
    Exit.BUG: (
        "A bug in this program: report it with the log. The next run goes on where this one"
        " stopped."
    ),
    Exit.STATE: "Look at the disk, the volume and their rights.",
    Exit.UNFINISHED: "Run again; what is done is kept.",
    Exit.PERMISSION: "Check the token, its scopes and its access to the space.",
    Exit.SETTINGS: "Fix the settings.",
    Exit.INTERRUPTED: "Run again; what is done is kept.",
    Exit.TERMINATED: "Run again; what is done is kept.",
}


def outcome(report: RunReport) -> str:
    """One word or two: ``mirrored``, ``planned``, ``drift``, ``refused`` …"""
    if report.exit_code is None:
        return "running"
    return _OUTCOMES.get(report.exit_code, _DONE[report.command])


def scope(report: RunReport) -> str:
    """``DOCS, HR below 123 labelled runbook``, ``space:DOCS, page:7``; long lists cut."""
    in_parts = report.folder is None and any(not i.startswith("space:") for i in report.items)
    named, kind = (report.items, "more item") if in_parts else (report.spaces, "more space")
    words = ", ".join(named[:6]) + (
        f" and {counted(len(named) - 6, kind)}" if len(named) > 6 else ""
    )
    if report.folder:
        words += f" below {report.folder}"
    if report.labels:
        words += f" labelled {', '.join(report.labels[:6])}" + (
            " …" if len(report.labels) > 6 else ""
        )
    return words.strip() or "no space"


def _counts(counts: dict[str, int], names: tuple[str, ...]) -> list[str]:
    return [f"{counts[name]:,} {name.replace('_', ' ')}" for name in names if counts[name]]


def _enumerated(parts: list[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last


def _failed(report: RunReport) -> list[str]:
    again = len(report.failures) - report.quarantined
    parts = [f"{again:,} failed, retried next run"] if again else []
    return parts + ([f"{report.quarantined:,} quarantined"] if report.quarantined else [])


def _purged(report: RunReport) -> list[str]:
    if not report.collection:
        return ["nothing to purge: no mirror is recorded for this collection"]
    removed = [f"{counted(report.chunks['removed'], 'chunk')} removed"]
    if report.removed:
        removed.append(f"of {counted(report.removed, 'page')}")
    return [f"purged collection {report.collection}: {' '.join(removed)}"]


def last_line(report: RunReport) -> str:
    """The line that answers the operator's question."""
    took = duration(report.seconds)
    if report.command == "dry-run" and report.exit_code == Exit.OK:
        parts = [
            f"{len(pages):,} to {action}" for action, pages in sorted(report.plan.items())
        ] or ["nothing to do"]
        return " · ".join(
            [f"planned {scope(report)}: {parts[0]}", *parts[1:], "nothing was written", took]
        )
    if report.command == "verify" and report.exit_code in (Exit.OK, Exit.DRIFT):
        parts = [f"{len(ids):,} {kind}" for kind, ids in sorted(report.drift.items())] or [
            "no drift"
        ]
        return " · ".join([f"verified {scope(report)}: {parts[0]}", *parts[1:], took])
    if report.command == "purge" and report.exit_code == Exit.OK:
        return " · ".join([*_purged(report), took])
    parts = _counts(report.page_counts(), _CHANGES)
    end = "" if report.exit_code in (Exit.OK, None) else f" (exit {int(report.exit_code)})"
    # The watermark moves when all was applied or kept for retry: what failed is then the exception,
    # not the outcome.
    whole = report.exit_code == Exit.OK or (
        report.exit_code == Exit.UNFINISHED and report.watermark is not None
    )
    if not whole and not parts and not report.failures and not report.chunks["sent"]:
        changed = "no page was brought up to date" if report.touched else "nothing was changed"
        return f"{outcome(report)}: {changed} · {took}{end}"
    done = _DONE[report.command] if whole else f"{outcome(report)} after"
    for name, counts in report.child_counts().items():
        parts += [
            f"{counted(counts[fate], _WORDS[name])} {fate}" for fate in _CHANGES if counts[fate]
        ]
    touched = bool(parts or report.failures or report.chunks["sent"] or report.chunks["removed"])
    if report.command == "repair" and whole:
        if not touched:
            pages = counted(report.listed, "page")
            return f"nothing to repair in {pages} of {scope(report)} · {took}{end}"
        done = "repaired what differed in"
    parts = [
        *(parts or (["no page changed"] if touched else ["no change"])),
        *_failed(report),
        f"{counted(report.chunks['sent'], 'chunk')} sent",
        *_stray_removed(report),
        took,
    ]
    listed = [counted(report.listed, "page")]
    for name, counts in report.child_counts().items():
        listed += [counted(counts["listed"], _WORDS[name])] if counts["listed"] else []
    return f"{done} {_enumerated(listed)} of {scope(report)}: {' · '.join(parts)}{end}"


def _stray_removed(report: RunReport) -> list[str]:
    """Of a repair, whose work this may be alone."""
    removed = report.chunks["removed"] if report.command == "repair" else 0
    return [f"{counted(removed, 'chunk')} removed"] if removed else []


def _row(name: str, parts: list[str]) -> list[str]:
    return [f"  {name:<9} {' · '.join(parts)}"] if parts else []


def _shortened(lines: list[str], what: str) -> list[str]:
    rest = len(lines) - _SHOWN
    return lines[:_SHOWN] + (
        [f"            … and {rest:,} more {what}, in the report"] if rest > 0 else []
    )


def _clip(text: str, most: int = 160) -> str:
    line = " ".join(terminal.one_line(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def summary(report: RunReport) -> str:
    """What was done and what it took, on one screen (at most about 30 lines); the last line says it
    all."""
    pages = _counts(
        report.page_counts(), ("listed", "added", "changed", "moved", "removed", "unchanged")
    ) + _failed(report)
    chunks = _counts(report.chunk_counts(), ("sent", "kept", "removed", "not_removable"))
    if report.chunks["metadata_updated"]:
        chunks.append(f"{report.chunks['metadata_updated']:,} with new metadata")
    documents = _counts(report.document_counts(), ("written", "moved", "removed"))
    if report.embeddings:
        chunks.append(f"{report.embeddings:,} embedded")
    total = sum(count for by_status in report.requests.values() for count in by_status.values())
    traffic = []
    if total:
        traffic = [
            f"{total:,} to Confluence",
            f"{report.retries:,} retried",
            f"{size(report.received_bytes)} read",
        ]
        traffic += (
            [f"waited {duration(report.waited_s)} for rate limits"] if report.waited_s else []
        )
    lines = _row("scope", [scope(report)] if report.spaces else [])
    lines += _row(
        "store",
        (
            [
                _clip(
                    (f"{report.collection} in " if report.collection else "")
                    + f"{report.store} at {report.location}"
                )
            ]
            if report.store
            else []
        ),
    )
    lines += _row("pages", pages)
    for name, counts in report.child_counts().items():
        names = ("listed", *_CHANGES, "unchanged", "failed")
        lines += _row(f"{_WORDS[name]}s", _counts(counts, names))
    lines += _row("chunks", chunks)
    lines += _row("documents", documents) + _row("requests", traffic)
    lines += _row("cost", describe_cost(report))
    lines += _row(
        "time", [f"{name} {duration(seconds)}" for name, seconds in report.phases.items()]
    )
    if report.files_left:
        more = " or more" if report.files_left >= MOST_COUNTED else ""
        left = f"{report.files_left:,}{more} on these pages are not mirrored: ATTACHMENTS=true does"
        lines += _row("files", [left])
    notes = []
    for failure in report.failures.values():
        state = "quarantined" if failure.quarantined else f"attempt {failure.attempts}"
        notes.append(
            "  failed    "
            + _clip(f"{failure.id} “{failure.title}”: {failure.reason}", 140)
            + f" ({state})"
        )
    lines += _shortened(notes, "failed pages")
    lines += _shortened(
        [
            "  no text   " + _clip(f"{file.id} “{file.filename}”: {file.reason}", 140)
            for file in report.newly_unreadable
        ],
        "files without text",
    )
    lines += _shortened(
        ["  warning   " + _clip(warning) for warning in report.warnings], "warnings"
    )
    if report.problem:
        lines.append(_clip(f"{report.problem} {report.hint}", 1000))
    lines.append(_clip(last_line(report), 1000))
    return report.mask("\n".join(lines))


def plan(report: RunReport, most: int = 50) -> str:
    """The pages of a dry run's plan, the first ``most`` of each kind."""
    lines = []
    for action, pages in sorted(report.plan.items()):
        lines.append(f"{counted(len(pages), 'page')} to {action}:")
        lines += [
            "  " + _clip(f"{page.id} {page.title}" + (f" ({page.why})" if page.why else ""))
            for page in pages[:most]
        ]
        if len(pages) > most:
            lines.append(f"  … and {len(pages) - most:,} more")
    return report.mask("\n".join(lines))


def termination_message(report: RunReport) -> str:
    """Two lines of at most 4,096 bytes for the kubelet: the outcome with its counts, and what to
    do."""
    mask = report.mask
    where = f" [collection {report.collection_id}]" if report.collection_id else ""
    first = _clip(mask(last_line(report) + where), 1000)
    advice = report.hint or _NEXT.get(report.exit_code or Exit.OK, "")
    second = _clip(mask(f"{report.problem} {advice}"), 3000)
    encoded = f"{first}\n{second}".encode("utf-8", "replace")
    # Counted in bytes; a letter that would be cut in two is left out.
    return encoded[: _MESSAGE_BYTES - 1].decode("utf-8", "ignore") + "\n"
