"""A server that embeds: vLLM, text-embeddings-inference, Ollama, OpenAI, Azure and their like.

An embedding is a list of numbers or the base64 of little-endian 32-bit floats. Nothing in an answer
is taken on trust.

The cause of a refusal is found by further requests: a batch is halved down to the text that is
refused alone, then the server is asked for harmless words. Where it embeds those, the text is at
fault, and only its page fails. Where it does not, the server is, and the run ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from confluence_mirror.embedding.answers import RefusedError, cosine_similarity
from confluence_mirror.embedding.client import EmbeddingClient, ServerOptions
from confluence_mirror.embedding.limits import model_limit, safe_tokens
from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import Unembedded
from confluence_mirror.net.batch_size import BatchSize
from confluence_mirror.wording import counted

_ALWAYS_SEEN = 200
"""Characters that every model sees."""
_SAME = 0.99995
"""Cosine from which two vectors are one: half-precision servers are this exact."""
_HARMLESS = "some words about nothing in particular"


class ServerEmbedder:
    """Vectors from an OpenAI-compatible server; see ``Embedder``. Nothing is asked before the first
    use.

    ``base_url`` as clients of its style take it (OpenAI: ``https://HOST/v1``; without a path
    ``/v1`` is meant). ``sleep`` as in ``EmbeddingClient``. ``shorten`` gives as much of a
    question's beginning as has so many tokens.

    A server that embeds only the beginning of a text does not say so (Ollama cuts at its
    ``num_ctx``, others at the model's limit). So whenever a text is notably longer than any before,
    it is sent a second time with another ending: where both vectors are the same, the ending was
    not read, and no vector is stored that is blind to half of a page.
    """

    def __init__(
        self,
        base_url: str,
        model_id: str,
        options: ServerOptions = ServerOptions(),
        *,
        sleep: Callable[[float], None] = time.sleep,
        shorten: Callable[[str, int], str] = lambda text, tokens: text[: 4 * tokens],
    ) -> None:
        self.model_id = model_id
        self.max_tokens = model_limit(model_id)
        self.tokenizer_path: Path | None = None
        self.embedded = 0
        self.concurrency = options.concurrency
        self._client = EmbeddingClient(base_url, model_id, options, sleep)
        self.location = self._client.location
        self._shorten = shorten
        self._seen_whole = _ALWAYS_SEEN  # characters
        self._longest_embedded = 0  # characters
        self._size = BatchSize(options.batch)
        self._quick = options.timeout / 4
        """Seconds: a batch of twice as many texts is still far from its time-out."""
        self._counting = threading.Lock()
        self._looking = threading.Lock()
        """Held while it is found out whether texts are read to their end: once for all threads."""

    @property
    def dimension(self) -> int:
        """See ``Embedder``. Asks the server, the first time."""
        if not self._client.reading.dimension:
            self._require_working_server()
        return self._client.reading.dimension

    @property
    def batch_size(self) -> int:
        """See ``Embedder``."""
        return self._size.now

    def __call__(self, texts: Sequence[str]) -> list[list[float] | Unembedded]:
        """See ``Embedder``."""
        if not texts:
            return []
        longest = max(texts, key=len)
        if (cut_off := self._find_truncation(longest)) is not None:
            rest = iter(
                self._in_batches([text for text in texts if text != longest], self._size.now)
            )
            return [cut_off if text == longest else next(rest) for text in texts]
        return self._in_batches(texts, self._size.now)

    def embed_question(self, text: str) -> list[float] | Unembedded:
        """See ``Embedder``. What is refused is tried by its first half, since servers say in many
        ways that a text is too long. One that reads only the beginning may do so."""
        if self.max_tokens and len(text) > self.max_tokens:
            text = self._shorten(text, safe_tokens(self.max_tokens))
        found = self._vector_or_refusal(text)
        if isinstance(found, RefusedError):
            self._require_working_server()
        while isinstance(found, RefusedError) and len(text) > _ALWAYS_SEEN:
            text = text[: max(len(text) // 2, _ALWAYS_SEEN)]
            found = self._vector_or_refusal(text)
        return Unembedded(found.reason) if isinstance(found, RefusedError) else found

    def close(self) -> None:
        """See ``Embedder``."""
        self._client.close()

    # -- what is learned for the next run

    @property
    def limit_key(self) -> str:
        """See ``mirror.ports.LimitLearner``."""
        return f"embedding-batch {self.location} {self.model_id}"

    def restore_limit(self, value: str) -> None:
        """See ``mirror.ports.LimitLearner``."""
        self._size.restore_limit(value)

    def learned_limit(self) -> str:
        """The number of texts that the server takes at once."""
        return str(self._size.now)

    # -- batches

    def _in_batches(self, texts: Sequence[str], most: int) -> list[list[float] | Unembedded]:
        found: list[list[float] | Unembedded] = []
        while len(found) < len(texts):
            some = texts[len(found) : len(found) + min(most, self._size.now)]
            found += self._embed_batch(some)
        return found

    def _embed_batch(self, texts: Sequence[str]) -> list[list[float] | Unembedded]:
        """One request; what is wrong with it is found by halving."""
        began = time.monotonic()
        try:
            vectors = self._client.request_vectors(texts)
        except RefusedError as refused:
            return self._embed_halves(texts, refused)
        with self._counting:
            if time.monotonic() - began < self._quick:
                self._size.record_success(len(texts))
            self._longest_embedded = max(self._longest_embedded, *map(len, texts))
            self.embedded += sum(not isinstance(vector, RefusedError) for vector in vectors)
        return [
            (
                self._embed_single(text, vector, among=len(texts))
                if isinstance(vector, RefusedError)
                else vector
            )
            for text, vector in zip(texts, vectors, strict=True)
        ]

    def _embed_halves(
        self, texts: Sequence[str], refused: RefusedError
    ) -> list[list[float] | Unembedded]:
        if len(texts) == 1:
            return [self._embed_single(texts[0], refused, among=1)]
        if refused.limit is not None:
            self._size.shrink_to(refused.limit)
            return self._in_batches(texts, refused.limit)
        self._require_working_server(refused)
        half = (len(texts) + 1) // 2
        found = self._in_batches(texts[:half], half) + self._in_batches(texts[half:], half)
        if refused.late or not any(isinstance(each, Unembedded) for each in found):
            self._size.shrink_to(half)
        return found

    def _embed_single(
        self, text: str, refused: RefusedError, *, among: int
    ) -> list[float] | Unembedded:
        """A text with which something is wrong: by itself, or because of the others, or of the
        server?"""
        if among > 1:
            return self._embed_batch([text])[0]
        self._require_working_server(refused)
        if refused.late:
            found = self._client.ask_alone(lambda: self._vector_or_refusal(text))
            if not isinstance(found, RefusedError):
                with self._counting:
                    self.embedded += 1
                return found
        if len(text) > self._longest_embedded:
            self._require_length_accepted(len(text))
        return Unembedded(refused.reason)

    # -- evidence

    def _require_working_server(self, failed: RefusedError | None = None) -> None:
        """The server embeds a few harmless words; else this raises what the run ends with. It is
        given time to come back from a request that was given up (``failed``)."""
        if failed is not None and failed.late:
            self._client.wait_until_well(lambda: self._ask_harmless(patient=True), failed)
        else:
            self._ask_harmless(patient=False)

    def _ask_harmless(self, *, patient: bool) -> None:
        try:
            found = self._client.request_vectors([_HARMLESS], patient=patient)[0]
        except RefusedError as refused:
            found = refused
        if isinstance(found, RefusedError):
            raise found.final

    def _require_length_accepted(self, length: int) -> None:
        """Raise what the run ends with unless the server embeds harmless words of this length."""
        refused = self._refusal_of(_harmless_text(length))
        if refused is None:
            self._longest_embedded = length
            return
        if isinstance(refused.final, StoreUnavailable):
            raise refused.final
        raise WrongSettings(
            f"The embedding server {self.location} refuses a text of {length} characters, whatever"
            f" it says ({refused.reason}).",
            hint="Lower CHUNK_TOKENS.",
        )

    def _refusal_of(self, text: str) -> RefusedError | None:
        found = self._vector_or_refusal(text)
        return found if isinstance(found, RefusedError) else None

    def _vector_or_refusal(self, text: str) -> list[float] | RefusedError:
        try:
            return self._client.request_vectors([text])[0]
        except RefusedError as refused:
            return refused

    def _find_truncation(self, text: str) -> Unembedded | None:
        """Find out, once for each notably longer text, whether the server reads a text to its end.

        Where it does not, and reads harmless words of this length to theirs, the text is to blame.
        """
        if len(text) <= self._seen_whole:
            return None
        with self._looking:
            if len(text) <= self._seen_whole or self._reads_to_the_end(text):
                self._seen_whole = max(self._seen_whole, len(text) * 5 // 4)
                return None
        limit = f" ({counted(self.max_tokens, 'token')})" if self.max_tokens else ""
        said = (
            f"does not read a text of {len(text)} characters to its end: {self.model_id} is cut off"
            f" there{limit}"
        )
        if self._reads_to_the_end(_harmless_text(len(text))):
            return Unembedded(f"it {said}")
        raise WrongSettings(
            f"The embedding server {said}.",
            hint="Lower CHUNK_TOKENS, or raise the server's limit (Ollama: num_ctx of the model).",
        )

    def _reads_to_the_end(self, text: str) -> bool:
        """Whether another ending gives another vector. A text that is refused is judged where it is
        embedded."""
        kept = len(text) - max(len(text) // 10, 40)
        other = (
            text[:kept]
            + (" zebra quartz violin glacier" * (len(text) // 28 + 1))[: len(text) - kept]
        )
        vectors = []
        try:
            for some in ([text, other],) if self._size.now > 1 else ([text], [other]):
                vectors += self._client.request_vectors(some)
        except RefusedError:
            return True
        vector, changed = vectors
        if isinstance(vector, RefusedError) or isinstance(changed, RefusedError):
            return True
        return cosine_similarity(vector, changed) < _SAME


def _harmless_text(length: int) -> str:
    """So many characters that no model has trouble with, as harmless words."""
    return (f"{_HARMLESS} " * (length // len(_HARMLESS) + 1))[:length]
