"""Task lists."""

from __future__ import annotations

from . import blocks, writing
from .names import AC_TASK, AC_TASK_BODY, AC_TASK_LIST, AC_TASK_STATUS
from .source import Element
from .walk import Walker, block


@block(AC_TASK_LIST)
def task_list(walker: Walker, element: Element, out: list[str]) -> None:
    """Tasks with their state. A list of tasks in a list of tasks belongs to the task before it."""
    items: list[tuple[str, list[str]]] = []
    for child in element:
        if child.tag == AC_TASK_LIST:
            walker.nested(task_list, child, items[-1][1] if items else out)
            continue
        if child.tag != AC_TASK:
            items += [("- ", texts)] if (texts := writing.flow(walker.unknown(child))) else []
            continue
        state = (child.findtext(AC_TASK_STATUS) or "").strip()
        inner: list[str] = []
        for part in child:
            if part.tag == AC_TASK_BODY:
                walker.put_in(part, inner)
            elif part.tag == AC_TASK_LIST:
                walker.nested(task_list, part, inner)
        if inner:
            items.append(("- ", blocks.task(inner, state == "complete")))
    out += blocks.listing(items, cell=bool(walker.cell))
