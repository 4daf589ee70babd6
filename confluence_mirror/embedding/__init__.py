"""Vectors for stores that take them: a local model, or any OpenAI-compatible server."""

from confluence_mirror.embedding.base import Embedder
from confluence_mirror.embedding.client import ServerOptions
from confluence_mirror.embedding.deferred import SPECIALS, TOKENIZER_SHA256, DeferredEmbedder
from confluence_mirror.embedding.forms import FormedEmbedder, TextForm, text_form
from confluence_mirror.embedding.limits import model_limit, safe_tokens
from confluence_mirror.embedding.local import local_embedder
from confluence_mirror.embedding.server import ServerEmbedder

__all__ = [
    "SPECIALS",
    "TOKENIZER_SHA256",
    "DeferredEmbedder",
    "Embedder",
    "FormedEmbedder",
    "ServerEmbedder",
    "ServerOptions",
    "TextForm",
    "local_embedder",
    "model_limit",
    "safe_tokens",
    "text_form",
]
