"""What PDF and Word files are made of here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """One block of a document: exactly one of these."""

    heading: str = ""
    text: str = ""
    items: Sequence[str] = ()
    """A list."""
    table: Sequence[Sequence[str]] = ()
    """Rows; the first is the head."""
