"""An OpenAI-compatible embeddings server: vLLM, text-embeddings-inference, Ollama, OpenAI and their like.

``POST <base>/embeddings`` with ``{"model", "input", "encoding_format"}`` answers ``{"data": [{"index", "embedding"}]}``
(OpenAI API reference, "Create embeddings"), where an embedding is a list of numbers or the base64 of little-endian
32-bit floats. Nothing in such an answer is taken on trust.
"""

from __future__ import annotations

import base64
import math
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import tenacity

from confluence_sync.embedding.base import Embedder
from confluence_sync.embedding.limits import model_limit
from confluence_sync.errors import PermissionRefused, StoreUnavailable, SyncError, WrongSettings

_ATTEMPTS = 6
_LONGEST_WAIT = 60.0  # seconds; a server that asks for more is asked again after this
_TEXTS_AT_ONCE = 64
_GROWING = tenacity.wait_exponential(multiplier=0.5, max=20) + tenacity.wait_random(0, 0.5)
_SAME = 0.99995  # cosine from which two vectors are one: half-precision servers are this exact


class _TryAgainError(Exception):
    def __init__(self, error: SyncError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


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
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
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
        self.location = f"{parts.scheme}://{parts.netloc}"
        self._url = f"{self.location}{path.removesuffix('/embeddings')}/embeddings"
        self._timeout = timeout
        self._dimension = 0
        self._seen_whole = 200  # characters; what every model sees
        self._session = requests.Session()
        self._hidden = (lambda text: text.replace(api_key, "***")) if api_key else str
        if api_key:
            self._session.headers["Authorization"] = f"Bearer {api_key}"
        if ca_bundle:
            self._session.verify = ca_bundle
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_TryAgainError),
            sleep=sleep,
            reraise=True,
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
            return self._checked(self._retry(texts), len(texts))
        except _TooLargeError:
            if len(texts) == 1:
                raise WrongSettings(
                    f"The embedding server refuses a text of {len(texts[0])} characters as too large.",
                    hint="Lower CHUNK_TOKENS.",
                ) from None
            half = len(texts) // 2
            return self._ask(texts[:half]) + self._ask(texts[half:])

    def _retry(self, texts: Sequence[str]) -> Any:
        try:
            return self._retrying(self._once, texts)
        except _TryAgainError as failed:
            raise failed.error from None

    def _once(self, texts: Sequence[str]) -> Any:
        body = {"model": self.model_id, "input": list(texts), "encoding_format": "float"}
        try:
            answer = self._session.post(self._url, json=body, timeout=self._timeout, allow_redirects=False)
        except requests.exceptions.SSLError:
            raise WrongSettings(
                f"The certificate of the embedding server {self.location} is not trusted.",
                hint="Set CA_BUNDLE to the file of your private CA.",
            ) from None
        except requests.RequestException as error:
            raise _TryAgainError(self._unavailable(f"does not answer ({type(error).__name__})")) from None
        status = answer.status_code
        if status == 200:
            try:
                return answer.json()
            except ValueError:
                raise _TryAgainError(self._unavailable("answered something other than JSON")) from None
        if status in (401, 403):
            raise PermissionRefused(
                f"The embedding server {self.location} refuses the key (HTTP {status}).",
                hint="Check EMBEDDING_API_KEY.",
            )
        if status == 413:
            raise _TooLargeError
        if status in (408, 425, 429) or status >= 500:
            wait = _seconds(answer.headers.get("Retry-After"))
            raise _TryAgainError(self._unavailable(f"answered {status}"), wait)
        raise WrongSettings(
            f"The embedding server {self.location} refuses a request for the model {self.model_id} (HTTP {status}: "
            f"{self._hidden(_said(answer))}).",
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
        except (TypeError, ValueError, struct.error):
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
) -> Embedder:
    """An embedder that asks an OpenAI-compatible server.

    ``base_url`` as OpenAI's clients take it (``https://HOST/v1``); without a path ``/v1`` is meant. ``timeout`` in
    seconds, of one request. ``sleep`` waits between attempts. Nothing is asked before the first use.
    """
    return ServerEmbedder(base_url, model_id, api_key, timeout, ca_bundle, sleep)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _TryAgainError) else None
    grown = _GROWING(state)
    return min(max(asked or 0.0, grown), _LONGEST_WAIT)


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.strip().isdigit() else None


def _said(answer: requests.Response) -> str:
    """What the server says of the matter, in a few words."""
    try:
        told = answer.json()
    except ValueError:
        told = answer.text
    if isinstance(told, dict):
        told = told.get("error", told.get("message", told.get("detail", told)))
    if isinstance(told, dict):
        told = told.get("message", told)
    return " ".join(str(told).split())[:200]


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    dot = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return dot / (math.hypot(*a) * math.hypot(*b))
