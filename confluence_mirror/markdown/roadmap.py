"""The Roadmap Planner: what it draws stands in one parameter, as JSON, and nowhere else."""

from __future__ import annotations

import json
from calendar import monthrange
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

from . import tables, writing
from .macros import Macro, macro
from .walk import Walker

_DAYS = {"WEEK": 7.0, "DAY": 1.0}


@macro("roadmap", "roadmap-planner")
def render_roadmap(walker: Walker, found: Macro) -> str:
    """A table of its bars, each with its lane, and its markers below. One that cannot be read
    leaves its title."""
    try:
        plan = json.loads(unquote(found.value("source", "roadmap", "data")))
        title = _text(plan.get("title"))
        unit = _text((plan.get("timeline") or {}).get("displayOption")).upper()
        rows = [row for lane in plan.get("lanes") or () for row in _read_bars(lane, unit)]
        markers = [_read_marker(one) for one in plan.get("markers") or ()]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return writing.block([writing.bold(found.value("title"))] if found.value("title") else [])
    out = [writing.bold(title)] if title else []
    if rows:
        names = ["Lane", "Bar", "Start", "End", "Description"]
        kept = names if any(row[4] for row in rows) else names[:4]
        cells = [
            [(" ".join(writing.plain(text).split()), False) for text in row[: len(kept)]]
            for row in rows
        ]
        out += [
            "<br>".join(tables.in_line(kept, cells))
            if walker.cell
            else tables.write_table(kept, cells)
        ]
    lines = [f"- {writing.plain(text)}" for text in markers if text]
    out += ["<br>".join(lines) if walker.cell else "\n".join(lines)] if lines else []
    return writing.block(out)


def _read_bars(lane: dict[str, Any], unit: str) -> list[list[str]]:
    """Lane, bar, start, end and description; a lane without bars is a row of its own."""
    name = _text(lane.get("title"))
    rows = []
    for bar in lane.get("bars") or ():
        start = _text(bar.get("startDate"))[:10]
        link = bar.get("pageLink") or {}
        description = _text(bar.get("description")) or _text(
            link.get("title") if isinstance(link, dict) else ""
        )
        rows.append(
            [
                name,
                _text(bar.get("title")),
                start,
                _end_date(start, bar.get("duration"), unit),
                description,
            ]
        )
    return rows or [[name, "", "", "", ""]]


def _read_marker(marker: dict[str, Any]) -> str:
    return ": ".join(
        part for part in (_text(marker.get("title")), _text(marker.get("markerDate"))[:10]) if part
    )


def _end_date(start: str, duration: Any, unit: str) -> str:
    """The day at which a bar ends: so many months (or weeks) after its start; empty where it is not
    known."""
    try:
        first, length = date.fromisoformat(start), float(duration)
        if unit in _DAYS:
            return (first + timedelta(days=round(length * _DAYS[unit]))).isoformat()
        months = first.year * 12 + first.month - 1 + int(length)
        whole = first.replace(year=months // 12, month=months % 12 + 1, day=1)
        days = monthrange(whole.year, whole.month)[1]
        return (
            whole + timedelta(days=min(first.day, days) - 1 + round((length - int(length)) * days))
        ).isoformat()
    except (ValueError, TypeError, OverflowError):
        return ""


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
