"""An embedder that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.stores.words import DIMENSION, HashedWords


class CheapEmbedder:
    """Fulfils ``Embedder``."""

    model_id = "all-MiniLM-L6-v2"
    dimension = DIMENSION
    max_tokens: int | None = None
    concurrency = 3
    batch_size = 2
    tokenizer_path: Path | None = None

    def __init__(self) -> None:
        self._words = HashedWords()

    @property
    def embedded(self) -> int:
        return self._words.texts

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        return self._words(texts)

    def embed_question(self, text: str) -> list[float]:
        return self._words.embed_question(text)

    def close(self) -> None:
        """Nothing is held."""
