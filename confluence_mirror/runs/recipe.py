"""How large chunks are and what counts them, by what the embedding model sees."""

from __future__ import annotations

import logging

from confluence_mirror import chunking
from confluence_mirror.chunking import ChunkSettings, Tokenizer
from confluence_mirror.embedding import (
    SPECIALS,
    TOKENIZER_SHA256,
    DeferredEmbedder,
    Embedder,
    model_limit,
    safe_tokens,
)
from confluence_mirror.mirror.documents import RecipeSpec
from confluence_mirror.runs.components import form_of
from confluence_mirror.settings.groups import (
    ChunkingSettings,
    ConfluenceSettings,
    EmbeddingSettings,
)
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

_AUTO_TOKENS = 1000


def recipe_spec(
    confluence: ConfluenceSettings,
    chunks: ChunkingSettings,
    embedding: EmbeddingSettings,
    embedder: Embedder | None,
) -> RecipeSpec:
    """Chunk size and counter: never more than the model sees where we embed, advice where the store
    does."""
    intended = ChunkSettings(
        _AUTO_TOKENS if chunks.tokens == "auto" else chunks.tokens, chunks.overlap
    )
    if embedder is None:
        limit = model_limit(embedding.model_id)
        fitted = intended
        if limit and chunks.tokens == "auto":
            fitted = chunking.scale_settings(intended, safe_tokens(limit))
        return RecipeSpec(
            confluence.cloud_id,
            chunking.load_tokenizer(chunks.tokenizer),
            intended,
            fitted,
            confluence.body_format,
            advice=size_advice(chunks, embedding.model_id),
        )
    form = form_of(embedding)
    fitted, tokenizer = _fit_to_embedder(intended, chunks, embedder, form.passage_prefix)
    return RecipeSpec(
        confluence.cloud_id, tokenizer, intended, fitted, confluence.body_format, form=form.name
    )


def _fit_to_embedder(
    intended: ChunkSettings, chunks: ChunkingSettings, embedder: Embedder, prefix: str
) -> tuple[ChunkSettings, Tokenizer]:
    """Chunks that the model sees whole, behind what stands before each passage."""
    limit = embedder.max_tokens
    if isinstance(embedder, DeferredEmbedder) and limit:
        automatic = chunks.tokens == "auto"
        fitted = chunking.scale_settings(intended, safe_tokens(limit)) if automatic else intended
        # Word pieces are never more than letters: the model's own tokenizer is not needed yet.
        fitted = chunking.limit_settings(fitted, max(limit - SPECIALS - len(prefix), 1))
        log.info(
            "chunks: %s of %s, which sees no more",
            counted(fitted.tokens, "token"),
            embedder.model_id,
        )
        return fitted, chunking.LazyTokenizer(embedder.tokenizer_file, TOKENIZER_SHA256)
    counter = chunking.load_tokenizer(chunks.tokenizer)
    if limit is None:
        return intended, counter
    safe = max(safe_tokens(limit) - counter.count_tokens(prefix), 1)
    if chunks.tokens == "auto":
        return chunking.scale_settings(intended, safe), counter
    if safe >= intended.tokens:
        return intended, counter
    log.info("chunks: %s, so that %s sees all of them", counted(safe, "token"), embedder.model_id)
    return chunking.scale_settings(intended, safe), counter


def size_advice(chunks: ChunkingSettings, model_id: str) -> str:
    """What to set where a store embeds with a model that does not see whole chunks; empty where it
    does, or where that is not known."""
    limit = model_limit(model_id)
    if limit is None or chunks.tokens == "auto" or limit >= chunks.tokens:
        return ""
    return (
        f"{model_id} sees {counted(limit, 'token')} of a text: of a chunk of {chunks.tokens} the"
        f" rest is found by its words alone. Set CHUNK_TOKENS=auto (here {safe_tokens(limit)}),"
        " which finds more"
        " on long pages (docs/chunks.md)"
    )
