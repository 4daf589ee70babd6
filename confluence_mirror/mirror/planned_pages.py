"""A plan as it is told: in numbers, and by a dry run page by page."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from confluence_mirror.mirror.events import Emit, PagePlanned, PlanAction
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

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


def log_plan(plan: Plan, only: Sequence[str] | None) -> None:
    """How much there is to do. ``only``: ids of the pages that are looked at; None: not named."""
    what = "the whole scope" if plan.reconcile else f"the last {counted(plan.hours, 'hour')}"
    if only is not None:
        what = counted(len(only), "named page")
    work = ", ".join(f"{count} to {kind}" for kind, count in sorted(plan.kinds.items()))
    log.info(
        "plan (%s): %d listed, %s, %d unchanged, %d to remove",
        what,
        plan.listed,
        work or "nothing to write",
        plan.unchanged,
        len(plan.remove),
    )
    for each, child in plan.children.items():
        log.info(
            "plan (%s): %d %ss listed, %d to write, %d unchanged, %d to remove",
            what,
            child.listed,
            each,
            sum(child.kinds.values()),
            child.unchanged,
            child.removed,
        )


def log_other_form(pages: int, only: Sequence[str] | None) -> None:
    """How many pages are embedded anew, whatever changed in them."""
    named = " (of those that are named now, of all others by the next run)"
    log.info(
        "chunks are embedded in another form than before: all chunks of %s are embedded and"
        " written anew, once%s",
        counted(pages, "page"),
        "" if only is None else named,
    )
