"""How a peer that ranks talks with the bench: lines of JSON on its standard input and output.

First comes what is asked: ``gateway`` (as ``bench/gateway.py`` prints it), ``pages`` (ids) and
``questions``. ``embed`` asks the bench for vectors, so that all use the same model. ``answer`` ends
it. Imports nothing but the standard library, so that it runs in each peer's environment.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 50
"""Chunks that each ranking is asked for: more than the peers' own default (2 and 4), so that 1,500
tokens are filled."""
# What the libraries print goes to standard error.
_OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

Ranking = Sequence[tuple[str, str]]
"""Titles of pages and texts, best first."""


def asked() -> dict[str, Any]:
    """What is asked."""
    found: dict[str, Any] = json.loads(sys.stdin.readline())
    return found


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Vectors of length 1. Of a text that is longer than the model sees, the rest has no part in
    it."""
    _say({"embed": list(texts)})
    vectors: list[list[float]] = json.loads(sys.stdin.readline())
    return vectors


def answer(rankings: Mapping[str, Sequence[Ranking]], chunks: int) -> None:
    """``rankings``: by their name, one of each question."""
    _say({"rankings": rankings, "chunks": chunks})


def _say(what: Mapping[str, Any]) -> None:
    _OUT.write(json.dumps(what) + "\n")
    _OUT.flush()
