"""An OpenAI-compatible embeddings server: vLLM, text-embeddings-inference, Ollama, OpenAI and their like.

``POST <base>/embeddings`` with ``{"model", "input", "encoding_format"}`` answers ``{"data": [{"index", "embedding"}]}``
(OpenAI API reference, "Create embeddings"), where an embedding is a list of numbers or the base64 of little-endian
32-bit floats. Nothing in such an answer is taken on trust.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from confluence_sync.embedding.base import Embedder
from confluence_sync.embedding.limits import model_limit
from confluence_sync.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_sync.net.addresses import shown, split_url
from confluence_sync.net.answers import NotJson, Reply, quote
from confluence_sync.net.reachability import Fault, NoAnswer
from confluence_sync.net.retry import RetryPolicy, TryAgainError
from confluence_sync.net.retry_after import seconds_asked_for
from confluence_sync.net.session import Credential, Session

_TEXTS_AT_ONCE = 64
_SAME = 0.99995  # cosine from which two vectors are one: half-precision servers are this exact


class _TooLargeError(Exception):
    pass


class ServerEmbedder:
    """Vectors from a server; see ``Embedder``.

    A server that embeds only the beginning of a text does not say so (Ollama cuts at its ``num_ctx``, others at the
    model's limit). So whenever a text is notably longer than any before, it is sent a second time with another
    ending: where both vectors are the same, the ending was not read, and the run ends instead of storing vectors
    that are blind to half of a page.
    """

    def __init__(
        self,
        base_url: str,
        model_id: str,
        api_key: str | None = None,
        timeout: float = 60.0,
        ca_bundle: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        check_stop: Callable[[], None] | None = None,
    ) -> None:
        parts = split_url(base_url)
        if parts is None:
            raise WrongSettings(
                "EMBEDDING_BASE_URL is not an http or https address.", hint="It looks like https://HOST/v1."
            )
        if parts.username or parts.password:
            raise WrongSettings(
                "EMBEDDING_BASE_URL holds a credential.", hint="Put it into EMBEDDING_API_KEY, where it is kept secret."
            )
        path = parts.path.rstrip("/") or "/v1"
        self.model_id = model_id
        self.max_tokens = model_limit(model_id)
        self.tokenizer_path: Path | None = None
        self.embedded = 0
        self.location = shown(parts._replace(path=""))
        self._dimension = 0
        self._seen_whole = 200  # characters; what every model sees
        url = f"{self.location}{path.removesuffix('/embeddings')}/embeddings"
        self._credential = Credential.bearer(url, api_key or "")
        self._session = Session(
            url,
            variable="EMBEDDING_BASE_URL",
            credential=self._credential,
            timeout=timeout,
            ca_bundle=ca_bundle,
            waiting=check_stop or (lambda: None),
        )
        self._retry = RetryPolicy(
            f"the embedding server {self.location}", longest=20.0, sleep=sleep, check_stop=check_stop
        )

    @property
    def dimension(self) -> int:
        """See ``Embedder``. Asks the server, the first time."""
        if not self._dimension:
            self._ask(["dimension"])
        return self._dimension

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        """See ``Embedder``."""
        vectors: list[list[float]] = []
        if texts:
            self._see_whole(max(texts, key=len))
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            vectors += self._ask(texts[start : start + _TEXTS_AT_ONCE])
            self.embedded = self.embedded + len(texts[start : start + _TEXTS_AT_ONCE])
        return vectors

    def close(self) -> None:
        """See ``Embedder``."""
        self._session.close()

    def _see_whole(self, text: str) -> None:
        """Find out, once for each notably longer text, whether the server reads a text to its end."""
        if len(text) <= self._seen_whole:
            return
        kept = len(text) - max(len(text) // 10, 40)
        other = text[:kept] + (" zebra quartz violin glacier" * (len(text) // 28 + 1))[: len(text) - kept]
        vector, changed = self._ask([text, other])
        if _cosine(vector, changed) >= _SAME:
            limit = f" ({self.max_tokens} tokens)" if self.max_tokens else ""
            raise WrongSettings(
                f"The embedding server does not read a text of {len(text)} characters to its end: {self.model_id} "
                f"is cut off there{limit}, and nothing was embedded.",
                hint="Lower CHUNK_TOKENS, or raise the server's limit (Ollama: num_ctx of the model).",
            )
        self._seen_whole = len(text) * 5 // 4

    def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of one request's texts; a request that is too large for the server is halved."""
        try:
            return self._checked(self._retry.call(self._once, texts), len(texts))
        except _TooLargeError:
            if len(texts) == 1:
                raise WrongSettings(
                    f"The embedding server refuses a text of {len(texts[0])} characters as too large.",
                    hint="Lower CHUNK_TOKENS.",
                ) from None
            half = len(texts) // 2
            return self._ask(texts[:half]) + self._ask(texts[half:])

    def _once(self, texts: Sequence[str]) -> Any:
        body = {"model": self.model_id, "input": list(texts), "encoding_format": "float"}
        try:
            reply = self._session.send("POST", "", content=json.dumps(body).encode())
        except NoAnswer as failed:
            if failed.fault is Fault.UNTRUSTED:
                raise WrongSettings(
                    f"The embedding server cannot be used: {failed.reason}.", hint=failed.hint
                ) from None
            raise TryAgainError(
                StoreUnavailable(
                    f"The embedding server {self.location} cannot be asked: {failed.reason}.",
                    hint=failed.hint,
                )
            ) from None
        status = reply.status
        if status == 200:
            try:
                return reply.json(finite=False)
            except NotJson:
                raise TryAgainError(self._unavailable(f"answered with {reply.kind}")) from None
        if status in (401, 403):
            raise PermissionRefused(
                f"The embedding server {self.location} refuses the key (HTTP {status}).",
                hint="Check EMBEDDING_API_KEY.",
            )
        if status == 413:
            raise _TooLargeError
        if status in (408, 425, 429) or status >= 500:
            raise TryAgainError(self._unavailable(f"answered {status}"), wait=seconds_asked_for(reply.headers))
        raise WrongSettings(
            f"The embedding server {self.location} refuses a request for the model {self.model_id} (HTTP {status}: "
            f"{quote(self._credential.clean(_said(reply)))}).",
            hint="Check EMBEDDING_BASE_URL and EMBEDDING_MODEL_ID; if the text is too long, lower CHUNK_TOKENS.",
        )

    def _checked(self, answer: Any, count: int) -> list[list[float]]:
        """The vectors in the order of the texts, or ``StoreUnavailable`` for anything that is not just that."""
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or len(rows) != count:
            found = len(rows) if isinstance(rows, list) else "no"
            raise self._unavailable(f"gave {found} vectors for {count} texts")
        vectors: list[list[float] | None] = [None] * count
        for place, row in enumerate(rows):
            index = row.get("index", place) if isinstance(row, dict) else None
            if not isinstance(index, int) or not 0 <= index < count or vectors[index] is not None:
                raise self._unavailable("gave vectors whose index fits no text")
            vectors[index] = self._vector(row.get("embedding"))
        return [vector for vector in vectors if vector is not None]

    def _vector(self, value: Any) -> list[float]:
        try:
            if isinstance(value, str):
                data = base64.b64decode(value, validate=True)
                vector = list(struct.unpack(f"<{len(data) // 4}f", data))
            else:
                vector = [float(number) for number in value]
        except (TypeError, ValueError, OverflowError, struct.error):
            raise self._unavailable("gave a vector that is neither numbers nor base64") from None
        if not all(map(math.isfinite, vector)) or not any(vector):
            raise self._unavailable("gave a vector with NaN or infinity, or of zeros")
        if self._dimension and len(vector) != self._dimension:
            raise self._unavailable(f"gave a vector of {len(vector)} numbers after ones of {self._dimension}")
        self._dimension = len(vector)
        return vector

    def _unavailable(self, what: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"The embedding server {self.location} {what}, so nothing more was embedded.",
            hint="Check the server, then run again.",
        )


def openai_embedder(
    base_url: str,
    model_id: str,
    api_key: str | None = None,
    *,
    timeout: float = 60.0,
    ca_bundle: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    check_stop: Callable[[], None] | None = None,
) -> Embedder:
    """An embedder that asks an OpenAI-compatible server.

    ``base_url`` as OpenAI's clients take it (``https://HOST/v1``); without a path ``/v1`` is meant. ``timeout`` in
    seconds, of one request. ``sleep`` waits between attempts. ``check_stop`` is called once per second while it waits
    for an answer or a next attempt, and ends the wait by what it raises. Nothing is asked before the first use.
    """
    return ServerEmbedder(base_url, model_id, api_key, timeout, ca_bundle, sleep, check_stop)


def _said(reply: Reply) -> str:
    """What the server says of the matter."""
    try:
        told = reply.json()
    except NotJson:
        told = reply.content.decode("utf-8", "replace")
    if isinstance(told, dict):
        told = told.get("error", told.get("message", told.get("detail", told)))
    if isinstance(told, dict):
        told = told.get("message", told)
    return str(told)


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    dot = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return dot / (math.hypot(*a) * math.hypot(*b))
