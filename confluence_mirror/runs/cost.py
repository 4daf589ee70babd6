"""The requests that a plan would take, by what a request holds here."""

from __future__ import annotations

from confluence_mirror.confluence import reading
from confluence_mirror.embedding import ServerEmbedder
from confluence_mirror.mirror.events import CostEstimated
from confluence_mirror.runs.components import Components
from confluence_mirror.settings import Settings


def count_requests(cost: CostEstimated, settings: Settings, parts: Components) -> dict[str, int]:
    """Requests by whom they go to: ``confluence`` for bodies, ``embedding``, ``store``."""
    bodies = reading.BATCH if settings.confluence.body_format == "storage" else 1
    found = {
        "confluence": _full_batches(cost.pages, bodies),
        "store": _full_batches(cost.chunks, settings.store.batch_size),
    }
    if isinstance(parts.embedder, ServerEmbedder):
        found["embedding"] = _full_batches(cost.chunks, settings.embedding.batch)
    return found


def _full_batches(count: int, size: int) -> int:
    return -(-count // size)
