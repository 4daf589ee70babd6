"""Markdown → token chunks with stable ids. Pure: no clock, no network, no environment.

``docs/chunks.md`` says where cuts fall and why, and states the id as a contract. What cuts is
imported when it is first asked for: most nights cut nothing.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluence_mirror.chunking.ids import chunk_id
from confluence_mirror.chunking.settings import (
    CHUNKER_REVISION,
    ChunkSettings,
    chunking_fingerprint,
)
from confluence_mirror.chunking.tokens import (
    VENDORED,
    HuggingFaceTokenizer,
    LazyTokenizer,
    Tokenizer,
    first_tokens,
    load_tokenizer,
)

if TYPE_CHECKING:
    from confluence_mirror.chunking.chunker import Cut, chunk_page, chunk_sections, cut_document

__all__ = [
    "CHUNKER_REVISION",
    "VENDORED",
    "ChunkSettings",
    "Cut",
    "LazyTokenizer",
    "Tokenizer",
    "chunk_id",
    "chunk_page",
    "chunk_sections",
    "chunking_fingerprint",
    "cut_document",
    "first_tokens",
    "fit_to_model",
    "limit_settings",
    "load_tokenizer",
    "scale_settings",
]

_OF_THE_CHUNKER = ("Cut", "chunk_page", "chunk_sections", "cut_document")


def __getattr__(name: str) -> Any:
    if name in _OF_THE_CHUNKER:
        return getattr(import_module("confluence_mirror.chunking.chunker"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def fit_to_model(
    settings: ChunkSettings, max_tokens: int, tokenizer_path: Path
) -> tuple[ChunkSettings, Tokenizer]:
    """Settings and tokenizer for a model that sees ``max_tokens`` of a text and cuts off the rest
    in silence.

    Counted with the model's own tokenizer, less the special tokens that it puts around each text.
    The overlap shrinks in proportion. Settings that fit already keep their numbers, now in the
    model's tokens.
    """
    counter = HuggingFaceTokenizer(tokenizer_path)
    return limit_settings(settings, max_tokens - counter.specials), counter


def limit_settings(settings: ChunkSettings, most: int) -> ChunkSettings:
    """Settings for chunks of at most ``most`` tokens."""
    tokens = min(settings.tokens, most)
    return ChunkSettings(tokens, settings.overlap * tokens // settings.tokens)


def scale_settings(intended: ChunkSettings, tokens: int) -> ChunkSettings:
    """Settings for chunks of ``tokens`` tokens: an overlap that is intended for larger ones shrinks
    in proportion."""
    return ChunkSettings(tokens, intended.overlap * tokens // max(intended.tokens, tokens))
