"""Atoms: the smallest spans that a cut may fall between.

Each knows how good a cut before it is, and what must be opened again when a chunk begins with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from confluence_mirror.chunking.blocks import Block

WHOLE_ROW = 9
"""The level of a table's row, divided only if no chunk can hold it (``Divider.divide_row``)."""


class Rank(IntEnum):
    """How good a cut before an atom is; smaller is better. 1 to 6 are the levels of headings."""

    BLOCK = 10
    ITEM_BLOCK = 12
    LED_IN = 14
    IN_QUOTE = 20
    """Added to the rank of a block inside a quote."""
    ITEM = 40
    """Plus the depth of the list item, up to 9."""
    GAP_IN_CODE = 50
    ROW = 52
    LINE_OF_CODE = 54
    SENTENCE = 60
    CELL = 62
    SLICE = 70
    FORBIDDEN = 99


@dataclass(slots=True)
class Atom:
    """``text[start:end]`` of a document."""

    start: int
    end: int
    rank: int
    block: Block
    level: int
    """How often it was divided already: 0 is a whole block."""
    opening: str = ""
    """What a chunk that begins with this atom repeats before it."""
    closing: str = ""
    """What a chunk that ends before this atom adds."""
    tokens: int = -1
    shown: str | None = None
    """What chunks say instead of the document's own text, where that is not it."""
