"""What the end of a child process means for its run."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from confluence_mirror.errors import Exit
from confluence_mirror.mirror.evidence import set_hash

Verdict: TypeAlias = Literal["done", "failed", "cancelled", "again", "released"]
"""``again``: another attempt; ``released``: the worker is leaving, and that is no attempt."""
Needs: TypeAlias = Literal["approval", "credential", "settings"]

_NEEDS: dict[int, Needs] = {
    Exit.REFUSED: "approval",
    Exit.PERMISSION: "credential",
    Exit.SETTINGS: "settings",
}
_AGAIN = (Exit.UNAVAILABLE, Exit.UNFINISHED)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child process ended."""

    exit_code: int | None
    """Negative: the signal that ended it; None: it could not be started."""
    problem: str | None = None
    hint: str | None = None
    needs: Needs | None = None
    report: dict[str, Any] | None = None
    guard: dict[str, Any] | None = None
    """The removals that the guard stopped: ``hash`` and ``removals``."""


def judge_ending(
    exit_code: int, report: dict[str, Any] | None, *, ordered: Verdict | None = None
) -> tuple[Verdict, Ending]:
    """What follows from an exit code. ``ordered``: why we ended the process, where we did."""
    problem = str(report.get("problem") or "") if report else ""
    hint = str(report.get("hint") or "") if report else ""
    needs = _NEEDS.get(exit_code)
    ending = Ending(exit_code, problem or None, hint or None, needs, report)
    if exit_code == Exit.OK:
        return "done", ending
    if ordered is not None:
        return ordered, ending
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        return "again", Ending(exit_code, f"The run was ended by {name}.", report=report)
    if exit_code in _AGAIN or exit_code > 128:
        return "again", ending
    if not problem:
        ending = Ending(exit_code, f"The run ended with code {exit_code}.", None, needs, report)
    return "failed", ending


def stopped_hash(ending: Ending) -> str | None:
    """The hash of the removals that the guard stopped; None where that is not how it ended."""
    found = re.search(r"ALLOW_MASS_DELETE=([0-9a-f]+)", ending.hint or "")
    return found[1] if found and ending.exit_code == Exit.REFUSED else None


def guarded_plan(stopped: str, plan: dict[str, Any] | None) -> dict[str, Any] | None:
    """The removals of a plan's report, where they are the set that was stopped."""
    rows = ((plan or {}).get("plan") or {}).get("remove") or []
    if set_hash([str(row["id"]) for row in rows]) != stopped:
        return None
    removals = [
        {"page_id": str(row["id"]), "title": str(row["title"]), "reason": str(row["why"])}
        for row in rows
    ]
    return {"hash": stopped, "removals": removals}
