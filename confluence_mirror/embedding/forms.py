"""The form in which texts are embedded: a chunk's words without marks, behind what the model wants
in front of a passage; a question behind what it wants in front of a question."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from confluence_mirror.embedding.base import Embedder
from confluence_mirror.embedding.prefixes import model_prefixes
from confluence_mirror.model import Unembedded
from confluence_mirror.text.plain import PLAIN_REVISION, plain_form

_UNCOMMON = re.compile(r"[^\w\s.,:;!?/@#%&+=()'\"-]")


@dataclass(frozen=True, slots=True)
class TextForm:
    """What stands before each question and each passage. Both are as long as they are: blanks at
    their ends count."""

    query_prefix: str = ""
    passage_prefix: str = ""

    @property
    def name(self) -> str:
        """Changes whenever the vector of a chunk could: recorded with each page."""
        prefix = self.passage_prefix
        digest = f"-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}" if prefix else ""
        return f"plain{PLAIN_REVISION}{digest}"

    def of_chunk(self, markdown: str) -> str:
        """What is embedded for a chunk."""
        return self.passage_prefix + plain_form(markdown)


def text_form(
    model_id: str, query_prefix: str | None = None, passage_prefix: str | None = None
) -> TextForm:
    """The form for a model. A prefix that is given is taken in place of the model's own, the empty
    one too."""
    known = model_prefixes(model_id)
    return TextForm(
        known.query if query_prefix is None else query_prefix,
        known.passage if passage_prefix is None else passage_prefix,
    )


class FormedEmbedder:
    """An embedder that is given each text in its form; a ``ChunkEmbedder`` and an
    ``Embedding`` of ``stores.base``."""

    def __init__(self, embedder: Embedder, form: TextForm) -> None:
        self._embedder = embedder
        self._form = form
        self.form = form.name

    @property
    def concurrency(self) -> int:
        """See ``Embedder``."""
        return self._embedder.concurrency

    @property
    def batch_size(self) -> int:
        """See ``Embedder``."""
        return self._embedder.batch_size

    def __call__(self, texts: Sequence[str]) -> Sequence[list[float] | Unembedded]:
        """One vector per chunk's text (Markdown), in order, or why there is none."""
        return self._embedder([self._form.of_chunk(text) for text in texts])

    def embed_question(self, words: str) -> list[float] | Unembedded:
        """The vector of a question, of a long one as much as the model reads. One that cannot be
        embedded is tried without its less common signs."""
        words = words.encode("utf-8", "replace").decode()  # halves of surrogate pairs
        vector = self._embedder.embed_question(self._form.query_prefix + words)
        common = " ".join(_UNCOMMON.sub(" ", words).split())
        if isinstance(vector, Unembedded) and common not in ("", words):
            vector = self._embedder.embed_question(self._form.query_prefix + common)
        return vector
