"""The local model, once for all tests: its files come with ``make test``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from confluence_mirror.embedding import Embedder, local_embedder


@pytest.fixture(scope="session")
def model() -> Iterator[Embedder]:
    pytest.importorskip("onnxruntime", reason="the chroma extra is not installed")
    embedder = local_embedder()
    yield embedder
    embedder.close()
