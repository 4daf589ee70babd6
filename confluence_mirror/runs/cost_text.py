"""What a plan would cost, in words."""

from __future__ import annotations

from confluence_mirror.mirror.events import CostEstimated
from confluence_mirror.runs.report import RunReport
from confluence_mirror.wording import counted, duration

_WHOM = {"confluence": "Confluence", "embedding": "the embedding server", "store": "the store"}


def describe_cost(report: RunReport) -> list[str]:
    """The parts of one line; none where nothing would be written, or nothing was planned."""
    cost = report.cost
    if cost is None or not cost.pages:
        return []
    requests = [
        f"{counted(count, 'request')} to {_WHOM[whom]}"
        for whom, count in sorted(report.cost_requests.items())
    ]
    return [
        *(["a new collection is built from all pages"] if cost.rebuilds else []),
        counted(cost.pages, "page"),
        f"about {counted(cost.chunks, 'chunk')}{'' if cost.by_record else ' (3 per page assumed)'}",
        f"about {counted(cost.tokens, 'token')}",
        *requests,
        _describe_time(cost),
    ]


def _describe_time(cost: CostEstimated) -> str:
    if cost.seconds is None:
        return "how long it takes is known after the first run"
    return f"about {duration(max(cost.seconds, 1.0))} at the last run's rate"
