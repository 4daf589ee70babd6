"""A plan as a dry run tells it: page by page."""

from __future__ import annotations

from confluence_mirror.mirror.events import Emit, PagePlanned, PlanAction
from confluence_mirror.mirror.plan import Plan

_ACTIONS: dict[str, PlanAction] = {
    "add": "add",
    "change": "change",
    "retry": "change",
    "check": "change",
    "move": "move",
}
_WHY = {
    "retry": "kept for retry, or a write that was cut short",
    "check": "read again, as --full asks",
}


def emit_plan(plan: Plan, emit: Emit) -> None:
    """Name each page that this plan would touch."""
    for kind, action in _ACTIONS.items():
        for page_id, title in plan.listing.titles(kind):
            emit(PagePlanned(action, page_id, title, _WHY.get(kind, "")))
    for page_id, title in (plan.remove | plan.withheld).items():
        why = "withheld by the guard" if plan.withheld else ""
        emit(PagePlanned("remove", page_id, title, why))
