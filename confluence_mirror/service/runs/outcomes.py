"""What the end of a child process means for its run."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from confluence_mirror.errors import Exit

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
