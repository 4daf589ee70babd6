"""What must hold of somebody who reads: to be in every one of several audiences.

A conjunction of disjunctions without negation has exactly one form in which no audience contains
another (a monotone function has one smallest conjunctive normal form), so that two conjunctions
with the same readers, whoever they are, are equal and have equal keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from confluence_mirror.model import Audience

_KEY_DIGITS = 16


@dataclass(frozen=True)
class Conjunction:
    """Audiences of which somebody who reads must be in each. Made by ``make_conjunction``."""

    audiences: frozenset[Audience]
    """None of them contains another."""

    @cached_property
    def key(self) -> str:
        """16 hex digits of SHA-256: equal for equal conjunctions."""
        return hashlib.sha256(self.dump().encode()).hexdigest()[:_KEY_DIGITS]

    @property
    def closed(self) -> bool:
        """Whether it lets nobody read."""
        return frozenset() in self.audiences

    def admits(self, principals: Iterable[str]) -> bool:
        """Whether whoever is these users and groups (``model.Audience``) may read."""
        who = frozenset(principals)
        return all(audience & who for audience in self.audiences)

    def implies(self, other: Conjunction) -> bool:
        """Whether all who satisfy this one satisfy the other one: that has the same readers, or
        more."""
        return all(any(mine <= theirs for mine in self.audiences) for theirs in other.audiences)

    def dump(self) -> str:
        """As JSON: a sorted list of sorted lists."""
        return json.dumps(sorted(sorted(audience) for audience in self.audiences))


CLOSED = Conjunction(frozenset({frozenset()}))
"""Lets nobody read: an audience without anybody."""


def make_conjunction(audiences: Iterable[Audience | None]) -> Conjunction:
    """The conjunction of these audiences; ``CLOSED`` where one is unknown (None), or where there
    is none at all: a page always has the audience of its space."""
    given = set(audiences)
    known = {audience for audience in given if audience is not None}
    if not given or len(known) < len(given):
        return CLOSED
    least = {each for each in known if not any(other < each for other in known)}
    return Conjunction(frozenset(least))


def conjoin(conjunctions: Iterable[Conjunction]) -> Conjunction:
    """What is read by those alone who satisfy each of these."""
    return make_conjunction(
        audience for conjunction in conjunctions for audience in conjunction.audiences
    )


def load_conjunction(text: str) -> Conjunction:
    """From ``Conjunction.dump``; ``CLOSED`` for a text that is none."""
    try:
        audiences = json.loads(text)
        if all(isinstance(name, str) for audience in audiences for name in audience):
            return make_conjunction(map(frozenset, audiences))
    except (ValueError, TypeError):
        pass
    return CLOSED
