"""Markdown → token chunks with stable ids. Pure: no clock, no network, no environment.

``docs/chunks.md`` says where cuts fall and why, and states the id as a contract.
"""

from __future__ import annotations

from pathlib import Path

from confluence_mirror.chunking.chunker import (
    CHUNKER_REVISION,
    ChunkSettings,
    Cut,
    chunk_page,
    chunk_sections,
    chunking_fingerprint,
    cut_document,
)
from confluence_mirror.chunking.ids import chunk_id
from confluence_mirror.chunking.tokens import (
    VENDORED,
    HuggingFaceTokenizer,
    LazyTokenizer,
    Tokenizer,
    first_tokens,
    load_tokenizer,
)

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
