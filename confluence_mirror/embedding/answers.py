"""What an embedding server's answer means: vectors, "ask again", or a refusal with the server's own
words.

The texts looked for are those of text-embeddings-inference, vLLM, Infinity, Ollama, llama.cpp,
LiteLLM, OpenAI, Azure, Mistral, Voyage, DashScope and SiliconFlow; none of them is relied upon: a
refusal is judged by what else the server embeds (``server``).
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Sequence
from typing import Any

from confluence_mirror.errors import PermissionRefused, StoreUnavailable, SyncError, WrongSettings
from confluence_mirror.net.answers import NotJson, Reply, quote_foreign
from confluence_mirror.net.reachability import Fault, NoAnswer
from confluence_mirror.net.retry import TryAgainError
from confluence_mirror.net.retry_after import read_retry_after
from confluence_mirror.net.session import Credential
from confluence_mirror.wording import counted

_BUSY = frozenset({424, 425, 429, 503, 529})
"""Too many requests, or a model that is not there yet: Hugging Face and its like answer 424, 503 or
529."""
_LOADING = re.compile(
    r"overloaded|warming up|(?:currently|still|is) (?:being )?load(?:ed|ing)|^loading model$", re.I
)
_TOO_MUCH = re.compile(r"request too large|reduce", re.I)
_BROKEN_NUMBER = re.compile(r"\bnan\b|unsupported value|not JSON compliant|\binf(?:inity)?\b", re.I)
_BOUND = re.compile(r"max|most|limit|larger|exceed|allowed|up to|fewer|不得超过", re.I)
_THINGS = re.compile(r"batch|inputs?\b|array|items|texts|list|requests|strings|input数组", re.I)


class RefusedError(Exception):
    """The server returns no vectors for these texts, or for any: the cause is not known yet.

    ``final`` is what the run ends with where the server is. ``limit``: the most texts at once,
    where the server names it. ``late``: no answer came in time, so the server may still be at work.
    ``settled``: how often it had been waited for when the request was sent.
    """

    def __init__(
        self,
        final: SyncError,
        reason: str,
        limit: int | None = None,
        *,
        late: bool = False,
        settled: int = 0,
    ) -> None:
        super().__init__(reason)
        self.final = final
        self.reason = reason
        self.limit = limit
        self.late = late
        self.settled = settled


class Reading:
    """Reads answers of one server for one model."""

    def __init__(self, location: str, model_id: str, credential: Credential) -> None:
        self._location = location
        self._model_id = model_id
        self._credential = credential
        self.dimension = 0
        """Numbers in a vector; 0 until the first came."""

    # -- requests that failed

    def error_without_answer(self, failed: NoAnswer, texts: int, settled: int = 0) -> Exception:
        """An unreachable server is waited for; one that stops answering during the request may
        manage fewer texts."""
        if failed.fault is Fault.UNTRUSTED:
            return WrongSettings(
                f"The embedding server cannot be used: {failed.reason}.", hint=failed.hint
            )
        final = self._unreachable_error(failed)
        if not failed.heavy:
            return TryAgainError(final)
        late = failed.fault is Fault.LATE
        refused = RefusedError(final, failed.reason, late=late, settled=settled)
        return refused if late else TryAgainError(refused, attempts=2 if texts > 1 else 3)

    def error_of_patience(self, failed: NoAnswer) -> TryAgainError:
        """For a server that is waited for as long as there is patience."""
        return TryAgainError(self._unreachable_error(failed), patient=True)

    def _unreachable_error(self, failed: NoAnswer) -> StoreUnavailable:
        return StoreUnavailable(
            f"The embedding server {self._location} cannot be reached: {failed.reason}.",
            hint=failed.hint,
        )

    def parse_success(self, reply: Reply, texts: int) -> Any:
        """The JSON of a success. Raises what another status means."""
        status, words = reply.status, self._server_words(reply)
        answered = f"answered {status}" + (f" ({words})" if words else "")
        if status == 200:
            return self._parse_body(reply)
        if status == 401:
            raise PermissionRefused(
                f"The embedding server {self._location} refuses the key (HTTP 401).",
                hint="Check EMBEDDING_API_KEY.",
            )
        if status < 400 or status in (404, 405):
            raise self._settings_error(status, words)
        if (status in _BUSY or _LOADING.search(words)) and not _TOO_MUCH.search(words):
            raise TryAgainError(
                self.unavailable_error(answered), wait=read_retry_after(reply.headers), patient=True
            )
        if status == 502:
            refused = RefusedError(self.unavailable_error(answered), f"it {answered}")
            raise TryAgainError(refused, wait=read_retry_after(reply.headers))
        if status >= 500 or status == 408:
            refused = RefusedError(self.unavailable_error(answered), f"it {answered}")
            attempts = 1 if _BROKEN_NUMBER.search(words) or status in (408, 504) else 2
            raise TryAgainError(refused, wait=read_retry_after(reply.headers), attempts=attempts)
        raise self._refusal_error(status, words, texts)

    def _refusal_error(self, status: int, words: str, texts: int) -> RefusedError:
        said = _describe_status(status, words)
        if status == 403:
            final: SyncError = PermissionRefused(
                f"The embedding server {self._location} refuses the key (HTTP 403).",
                hint="Check EMBEDDING_API_KEY.",
            )
        else:
            final = self._settings_error(status, words)
        return RefusedError(final, said, batch_limit(words, texts))

    def _settings_error(self, status: int, words: str) -> WrongSettings:
        return WrongSettings(
            f"The embedding server {self._location} refuses a request for the model"
            f" {self._model_id} ({_describe_status(status, words)}).",
            hint=(
                "Check EMBEDDING_BASE_URL and EMBEDDING_MODEL_ID; if the text is too long, lower"
                " CHUNK_TOKENS."
            ),
        )

    def unavailable_error(self, what: str) -> StoreUnavailable:
        """What the run ends with where the server embeds nothing."""
        return StoreUnavailable(
            f"The embedding server {self._location} {what}, so nothing more was embedded.",
            hint="Check the server, then run again.",
        )

    def _server_words(self, reply: Reply) -> str:
        """The server's own, as they may stand in a line."""
        if reply.kind == "an HTML page":
            return "an HTML page"
        return (
            quote_foreign(self._credential.remove_secrets(_error_message(reply)))
            if reply.status != 200
            else ""
        )

    def _parse_body(self, reply: Reply) -> Any:
        try:
            return reply.json(finite=False)
        except NotJson:
            what = f"answered with {reply.kind}"
            raise TryAgainError(
                RefusedError(self.unavailable_error(what), what), attempts=3
            ) from None

    # -- vectors

    def parse_vectors(self, rows: object, count: int) -> list[list[float] | RefusedError]:
        """One for each text, in their order: numbers, or what is wrong with them. ``rows`` as in
        ``ApiStyle``. Raises ``RefusedError``."""
        if not isinstance(rows, list) or len(rows) != count:
            found = counted(len(rows), "vector") if isinstance(rows, list) else "no vectors"
            raise self._invalid_vectors(f"returned {found} for {counted(count, 'text')}")
        vectors: list[list[float] | RefusedError | None] = [None] * count
        for place, row in enumerate(rows):
            index = row.get("index", place) if isinstance(row, dict) else None
            if not isinstance(index, int) or not 0 <= index < count or vectors[index] is not None:
                raise self._invalid_vectors("returned vectors whose index matches no text")
            vectors[index] = self._parse_vector(row.get("embedding"))
        return [vector for vector in vectors if vector is not None]

    def _parse_vector(self, value: Any) -> list[float] | RefusedError:
        try:
            if isinstance(value, str):
                data = base64.b64decode(value, validate=True)
                vector = list(struct.unpack(f"<{len(data) // 4}f", data))
            else:
                vector = [float(number) for number in value]
        except (TypeError, ValueError, OverflowError, struct.error):
            return self._invalid_vectors("returned a vector that is neither numbers nor base64")
        if not all(map(math.isfinite, vector)) or not any(vector):
            return self._invalid_vectors("returned a vector with NaN or infinity, or of zeros")
        if self.dimension and len(vector) != self.dimension:
            return self._invalid_vectors(
                f"returned a vector of {len(vector)} numbers after vectors of {self.dimension}"
            )
        self.dimension = len(vector)
        return vector

    def _invalid_vectors(self, what: str) -> RefusedError:
        return RefusedError(self.unavailable_error(what), f"it {what}")


def batch_limit(words: str, texts: int) -> int | None:
    """The most texts that a server says it takes, where that is fewer than ``texts``; else None."""
    if not (_BOUND.search(words) and _THINGS.search(words)):
        return None
    named = [int(number) for number in re.findall(r"(?<![\d\[.])\d{1,4}(?![\d\]])", words)]
    return max((number for number in named if 0 < number < texts), default=None)


def cosine_similarity(a: Sequence[float], b: Sequence[float]) -> float:
    """Of two vectors that are not of zeros."""
    dot = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return dot / (math.hypot(*a) * math.hypot(*b))


def _describe_status(status: int, words: str) -> str:
    return f"HTTP {status}: {words}" if words else f"HTTP {status}"


def _error_message(reply: Reply) -> str:
    """The server's own explanation."""
    try:
        told = reply.json()
    except NotJson:
        told = reply.content[:4000].decode("utf-8", "replace")
    if isinstance(told, dict):
        told = told.get("error", told.get("message", told.get("detail", told)))
    if isinstance(told, dict):
        told = told.get("message", told)
    return "" if told is None else str(told)
