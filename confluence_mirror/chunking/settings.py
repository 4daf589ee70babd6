"""How large chunks are, and what says that they are cut in another way than before."""

from __future__ import annotations

from dataclasses import dataclass

from confluence_mirror.chunking.tokens import Tokenizer

CHUNKER_REVISION = 2
"""Raised with every change that could change a chunk: every page is then chunked again."""


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """How large a chunk may be, and how much of the text before it opens it again; both in
    tokens."""

    tokens: int = 1000
    overlap: int = 180


def chunking_fingerprint(settings: ChunkSettings, tokenizer: Tokenizer) -> str:
    """Changes whenever the chunks of some page could."""
    return f"chunks{CHUNKER_REVISION}:{tokenizer.name}:{settings.tokens}:{settings.overlap}"
