"""How the kinds of embedding servers are asked, and where their answers have the vectors.

openai: OpenAI API reference, "Create embeddings"; vLLM, text-embeddings-inference, Ollama and
LiteLLM answer there too. azure: Azure OpenAI in Foundry, REST API reference, "Embeddings - Create".
ollama: Ollama's API, "Generate embeddings". tei: the OpenAPI description of
text-embeddings-inference, ``POST /embed``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from confluence_mirror.model import EmbeddingApi


@dataclass(frozen=True, slots=True)
class ApiStyle:
    """One kind of server."""

    path: Callable[[str, str], str]
    """Of the request, from that of the base address and the model."""
    body: Callable[[str, Sequence[str]], Mapping[str, object]]
    """Of the request, from the model and the texts."""
    rows: Callable[[Any], object]
    """Of a success, from its JSON: a list of objects with ``embedding`` and, where the order may be
    another, ``index``. Whatever else is there is no such list."""
    key_header: str = ""
    """That has the key; empty: ``Authorization``, as a Bearer token."""
    has_version: bool = False
    """Asked with ``api-version``."""


def _openai_path(base: str, _model: str) -> str:
    return f"{(base or '/v1').removesuffix('/embeddings')}/embeddings"


def _azure_path(base: str, model: str) -> str:
    resource = base.partition("/openai")[0]
    return f"{resource}/openai/deployments/{quote(model, safe='')}/embeddings"


def _native_path(route: str) -> Callable[[str, str], str]:
    """Beside ``/v1``, which is the address of the same server for clients of OpenAI."""
    return lambda base, _model: base.removesuffix("/v1").removesuffix(route) + route


def _rows_of_lists(lists: object) -> object:
    return [{"embedding": each} for each in lists] if isinstance(lists, list) else None


def _member(answer: object, name: str) -> object:
    return answer.get(name) if isinstance(answer, dict) else None


STYLES: Mapping[EmbeddingApi, ApiStyle] = {
    "openai": ApiStyle(
        _openai_path,
        lambda model, texts: {"model": model, "input": list(texts), "encoding_format": "float"},
        lambda answer: _member(answer, "data"),
    ),
    "azure": ApiStyle(
        _azure_path,
        lambda _model, texts: {"input": list(texts), "encoding_format": "float"},
        lambda answer: _member(answer, "data"),
        key_header="api-key",
        has_version=True,
    ),
    "ollama": ApiStyle(
        _native_path("/api/embed"),
        lambda model, texts: {"model": model, "input": list(texts), "truncate": False},
        lambda answer: _rows_of_lists(_member(answer, "embeddings")),
    ),
    "tei": ApiStyle(
        _native_path("/embed"),
        lambda _model, texts: {"inputs": list(texts), "truncate": False, "normalize": True},
        _rows_of_lists,
    ),
}
