"""Known models' limits are found by any of the names that servers use for them."""

from __future__ import annotations

import pytest

from confluence_mirror.embedding import model_limit


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("all-MiniLM-L6-v2", 256),
        ("sentence-transformers/all-MiniLM-L6-v2", 256),
        ("all-minilm:latest", 256),
        ("nomic-ai/nomic-embed-text-v1.5", 8192),
        ("nomic-embed-text:v1.5", 8192),
        ("nomic-embed-text", 2048),
        ("BAAI/bge-m3", 8192),
        ("intfloat/multilingual-e5-large", 512),
        ("thenlper/gte-large", 512),
        ("text-embedding-3-small", 8192),
        ("openai/text-embedding-3-large", 8192),
        ("qwen3-embedding:8b", 32768),
        ("a-model-of-our-own", None),
        ("", None),
    ],
)
def test_a_models_limit_is_known_by_its_name(name: str, limit: int | None) -> None:
    assert model_limit(name) == limit
