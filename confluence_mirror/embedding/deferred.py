"""The local model, opened when it is first needed: a run that embeds nothing needs neither its
files nor its packages."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from confluence_mirror.embedding.base import Embedder
from confluence_mirror.embedding.local import (
    DIMENSION,
    MAX_TOKENS,
    TEXTS_AT_ONCE,
    local_embedder,
    require_known,
    usable_cores,
)
from confluence_mirror.embedding.weights import FILES, locate_model
from confluence_mirror.model import Unembedded

TOKENIZER_SHA256 = FILES["tokenizer.json"]
SPECIALS = 2
"""Tokens that the model adds around each text."""


class DeferredEmbedder:
    """Implements ``Embedder``. Raises ``WrongSettings`` for another model at once, for missing
    files when it embeds."""

    dimension = DIMENSION
    max_tokens: int | None = MAX_TOKENS
    batch_size = TEXTS_AT_ONCE

    def __init__(self, model_id: str, model_path: Path | None, *, concurrency: int = 1) -> None:
        require_known(model_id)
        self.model_id = model_id
        self.concurrency = concurrency
        self._model_path = model_path
        self._opened: Embedder | None = None
        self._opening: Future[Embedder] | None = None
        self._lock = threading.Lock()

    @cached_property
    def model_folder(self) -> Path:
        """Where the model's files are. Raises ``WrongSettings`` where they are not."""
        return locate_model(self._model_path).folder

    def tokenizer_file(self) -> Path:
        """The same as ``tokenizer_path``, for whoever needs it later."""
        return self.model_folder / "tokenizer.json"

    @property
    def tokenizer_path(self) -> Path | None:
        """See ``Embedder``."""
        return self.tokenizer_file()

    @property
    def embedded(self) -> int:
        """See ``Embedder``."""
        return self._opened.embedded if self._opened else 0

    def __call__(self, texts: Sequence[str]) -> list[list[float] | Unembedded]:
        """See ``Embedder``."""
        return list(self._open()(texts))

    def embed_question(self, text: str) -> list[float] | Unembedded:
        """See ``Embedder``."""
        return self._open().embed_question(text)

    def close(self) -> None:
        """See ``Embedder``."""
        if self._opened is not None:
            self._opened.close()

    def begin_to_open(self) -> None:
        """Load the model on a thread of its own, for whoever needs it soon and has other things to
        do until then. What fails is raised where the model is first needed."""
        loader = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._opening = loader.submit(self._load)
        loader.shutdown(wait=False)

    def _open(self) -> Embedder:
        with self._lock:
            if self._opened is None:
                self._opened = self._opening.result() if self._opening else self._load()
        return self._opened

    def _load(self) -> Embedder:
        threads = max(1, usable_cores() // self.concurrency)
        return local_embedder(self.model_id, self.model_folder, threads=threads)
