"""Who may read: conjunctions of audiences, and which of them a caller satisfies.

Whoever reads a page is in the audience of its space, and in that of each restricted element from
the root of its tree down to the page itself. Pure: no clock, no network, no environment. What is
unknown is closed.
"""

from confluence_mirror.access.callers import satisfied_keys
from confluence_mirror.access.conjunctions import (
    CLOSED,
    Conjunction,
    conjoin,
    load_conjunction,
    make_conjunction,
)

__all__ = [
    "CLOSED",
    "Conjunction",
    "conjoin",
    "load_conjunction",
    "make_conjunction",
    "satisfied_keys",
]
