"""What a small Vector API server holds: collections with rows, and the switches that make it
misbehave."""

from __future__ import annotations

import heapq
import itertools
import math
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Row:
    id: str
    text: str
    metadata: dict[str, Any]
    words: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Kept:
    """A collection. ``name`` is what the client asked for, ``id`` what the server made of it."""

    id: str
    name: str
    model: str
    rows: list[Row] = field(default_factory=list)
    shown: list[Row] | None = None
    """What reads are given while the view lags."""
    lag: int = 0
    """So many more reads are given what was there before the last write."""

    def changing(self, lag: int) -> None:
        """Called before its rows change: reads go on showing them for a while."""
        if lag:
            self.shown = list(self.rows) if self.shown is None else self.shown
            self.lag = lag

    def look(self) -> list[Row]:
        """What one read is given."""
        if self.lag:
            self.lag -= 1
            return self.shown or []
        self.shown = None
        return self.rows


@dataclass(slots=True)
class Switches:
    """How the server behaves. Counters (``…_next``) count down, one a request that they touch."""

    delete: bool = True
    """Single documents can be deleted (underscore)."""
    listing: bool = True
    """Documents can be listed (underscore)."""
    upsert: bool = True
    """A document with a known id replaces it (underscore); the dash variant always appends."""
    late: int = 0
    """So many reads of a collection are still given what was there before a write."""
    conflict: bool = False
    """409 to the creation of a collection that is there; else 200."""
    endless: bool = False
    """Underscore: a listing gives the same page again and again, each time with another cursor."""
    drop: bool = True
    """Whole collections can be deleted."""
    fresh_ids: bool = False
    """Dash: a new collection gets an id of the server's own, whatever name was asked for."""
    openapi: bool = True
    aliases: bool = False
    """Underscore: fields are called ``chunks``, ``id``, ``content``, ``ids``."""
    version: str = ""
    """Dash: ``/v1/version`` answers it."""
    models: tuple[str, ...] = ("sentence-transformers/all-MiniLM-L6-v2",)
    """Known embedding models; empty: any is taken and ``/v1/models`` is not there."""
    token: str = ""
    """Bearer token that every request must carry."""
    max_bytes: int = 0
    """413 to a larger body."""
    poison: str = ""
    """422 to a write with this word in a text."""
    refuse: int = 0
    """This status to every write, but to a trial's collection."""
    slow_above: int = 0
    """504 to a write of more rows, not applied."""
    partial: str = ""
    """Underscore: a text with this word is named in ``errors``, the others are stored."""
    down: bool = False
    """503 to everything."""
    html: bool = False
    """200 with a page of HTML to everything."""
    slow: float = 0.0
    """Seconds before each answer."""
    lose_answer_next: int = 0
    """Writes that are applied, whereupon the connection is cut."""
    half_next: int = 0
    """Writes of which the first half is applied, whereupon the connection is cut."""
    fail_next: int = 0
    """Requests that are answered 500, not applied."""
    busy_next: int = 0
    """Requests that are answered 429 with ``Retry-After: 0``, not applied."""

    def change(self, **changes: Any) -> None:
        for name, value in changes.items():
            if not hasattr(self, name):
                raise ValueError(f"no such switch: {name}")
            setattr(self, name, tuple(value) if isinstance(value, list) else value)


class State:
    """Everything a server holds. Every method is called under ``lock``."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.lock = threading.RLock()
        self.collections: dict[str, Kept] = {}
        self.requests: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    def make(self, name: str, model: str, *, fresh: bool) -> Kept:
        kept = Kept(f"vs_{next(self._numbers):04d}" if fresh else name, name, model)
        self.collections[kept.id] = kept
        return kept

    def put(self, kept: Kept, rows: Iterable[Row], *, replace: bool) -> None:
        kept.changing(self.switches.late)
        places = {row.id: place for place, row in enumerate(kept.rows)} if replace else {}
        for row in rows:
            row.words = vector(row.text)
            if row.id in places:
                kept.rows[places[row.id]] = row
                continue
            if replace:
                places[row.id] = len(kept.rows)
            kept.rows.append(row)

    def nearest(self, kept: Kept, query: str, limit: int) -> list[tuple[float, Row]]:
        words = vector(query)
        scored = ((cosine(words, row.words), -place, row) for place, row in enumerate(kept.look()))
        return [
            (score, row) for score, _, row in heapq.nlargest(limit, scored, key=lambda one: one[:2])
        ]

    def lose_data(self) -> None:
        """As after a restart without its disk: the collections are there, empty."""
        for kept in self.collections.values():
            kept.rows.clear()

    def dump(self) -> dict[str, Any]:
        """Everything, as JSON, for tests that look from outside."""
        return {
            "collections": {
                kept.id: {
                    "name": kept.name,
                    "model": kept.model,
                    "rows": [
                        {"id": row.id, "text": row.text, "metadata": row.metadata}
                        for row in kept.rows
                    ],
                }
                for kept in self.collections.values()
            },
            "requests": dict(self.requests),
        }


def vector(text: str) -> Mapping[str, float]:
    """Words as a sparse unit vector: deterministic, quick, without meaning. As models do, it reads
    the start only."""
    words = Counter(
        itertools.islice((found.group() for found in re.finditer(r"\w+", text.lower())), 256)
    )
    length = math.sqrt(sum(count * count for count in words.values())) or 1.0
    return {word: count / length for word, count in words.items()}


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    if len(one) > len(other):
        one, other = other, one
    return sum(weight * other.get(word, 0.0) for word, weight in one.items())
