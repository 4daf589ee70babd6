"""Embedding models by the names that servers have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Fact = TypeVar("Fact")


def look_up(facts: Mapping[str, Fact], model_id: str) -> Fact | None:
    """What a table says of this model; None for one that it does not have.

    Names are compared without the organisation before the last ``/``, without Ollama's tag and
    without regard to case: ``sentence-transformers/all-MiniLM-L6-v2`` and
    ``all-minilm-l6-v2:latest`` are one.
    """
    name = model_id.lower().rsplit("/", 1)[-1]
    for each in (name, name.replace(":", "-"), name.partition(":")[0]):
        if each in facts:
            return facts[each]
    return None
