"""What an embedder is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from confluence_mirror.model import Unembedded


class Embedder(Protocol):
    """Texts to vectors. One object serves one run; texts may be given to it from ``concurrency``
    threads at a time, and the rest is used from one.

    A text that the model cannot embed while it embeds others fails alone: ``Unembedded`` takes the
    place of its vector. Raises ``WrongSettings`` for what only another setting can fix,
    ``PermissionRefused`` for a refused key and ``StoreUnavailable`` where a server does not answer,
    or embeds nothing.
    """

    @property
    def model_id(self) -> str:
        """The model, by the name that the operator gave."""

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""

    @property
    def max_tokens(self) -> int | None:
        """Tokens that the model reads of a text, its special tokens included; None where that is
        not known."""

    @property
    def tokenizer_path(self) -> Path | None:
        """The model's ``tokenizer.json``, where it is on this machine."""

    @property
    def concurrency(self) -> int:
        """Calls at a time that make it quicker: the requests that may be in flight."""

    @property
    def batch_size(self) -> int:
        """Texts that a call is best given: those of one request."""

    @property
    def embedded(self) -> int:
        """Texts embedded so far."""

    def __call__(self, texts: Sequence[str]) -> Sequence[list[float] | Unembedded]:
        """One vector per text, in the order of the texts, or why there is none."""

    def embed_question(self, text: str) -> list[float] | Unembedded:
        """The vector of a question; of one that the model does not read whole, of its beginning.
        Raises as for other texts, but for their length."""

    def close(self) -> None:
        """Let go of connections and memory. Idempotent."""
