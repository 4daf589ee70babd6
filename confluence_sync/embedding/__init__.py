"""Vectors for stores that take them: a local model, or any OpenAI-compatible server."""

from confluence_sync.embedding.base import Embedder
from confluence_sync.embedding.deferred import SPECIALS, TOKENIZER_SHA256, DeferredEmbedder
from confluence_sync.embedding.limits import model_limit
from confluence_sync.embedding.local import local_embedder
from confluence_sync.embedding.server import openai_embedder

__all__ = [
    "SPECIALS",
    "TOKENIZER_SHA256",
    "DeferredEmbedder",
    "Embedder",
    "local_embedder",
    "model_limit",
    "openai_embedder",
]
