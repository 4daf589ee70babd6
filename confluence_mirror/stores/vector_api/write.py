"""Writing to a Vector API: batches that are too large or too slow are split, a text that is refused
is isolated, and an answer that was lost is looked up before anything is sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import Chunk
from confluence_mirror.net.batch_size import BatchSize
from confluence_mirror.stores.base import WriteResult
from confluence_mirror.stores.http import OutcomeUnknown, StoreAnswer, TooSlow
from confluence_mirror.stores.vector_api.wire import Dialect, hits_of, refused_of
from confluence_mirror.wording import counted

LOOKUP_LIMIT = 50
"""Hits asked for when one chunk is looked up by its own text."""
_ATTEMPTS = 3


class Writer:
    """One ``write_chunks`` to one collection.

    ``size`` learns how many chunks the server takes at once. ``repeat`` says that the store
    replaces by id, so that a write may be repeated. ``exists`` asks whether the collection is still
    there.
    """

    def __init__(
        self,
        wire: Dialect,
        collection_id: str,
        where: str,
        size: BatchSize,
        *,
        repeat: bool,
        exists: Callable[[], bool],
    ) -> None:
        self._wire = wire
        self._collection_id = collection_id
        self._where = where
        self._size = size
        self._repeat = repeat
        self._exists = exists
        self._known_to_exist = False
        self._written: dict[str, str] = {}
        self._rejected: dict[str, str] = {}

    def write(self, chunks: Sequence[Chunk]) -> WriteResult:
        """All chunks, in batches."""
        self._in_batches(chunks, len(chunks))
        return WriteResult(self._written, self._rejected)

    def _in_batches(self, chunks: Sequence[Chunk], most: int) -> None:
        start = 0
        while start < len(chunks):
            some = chunks[start : start + min(most, self._size.now)]
            self._batch(some)
            start += len(some)

    def _batch(self, chunks: Sequence[Chunk], attempt: int = 1) -> None:
        try:
            answer = self._wire.insert(
                self._collection_id, chunks, repeat=self._repeat, splits=len(chunks) > 1
            )
        except TooSlow:
            if len(chunks) == 1:
                raise
            half = (len(chunks) + 1) // 2
            self._size.shrink_to(half)
            self._in_batches(chunks, half)
            return
        except OutcomeUnknown as unknown:
            missing = self._missing(chunks)
            if missing is None or (missing and not (unknown.ended and attempt < _ATTEMPTS)):
                self._size.shrink_to(
                    len(chunks) // 2
                )  # for the next run: it may still be at work on these
                raise
            if missing:
                self._batch(missing, attempt + 1)
            return
        if answer.ok:
            self._size.record_success(len(chunks))
            self._stored(chunks, refused_of(answer))
        elif answer.status == 413:
            self._halve(chunks, answer)
        elif answer.status >= 500:
            self._failed(chunks, answer, attempt)
        elif 400 <= answer.status < 500:
            self._refused(chunks, answer)
        else:
            raise StoreUnavailable(
                f"{self._where} answers {answer.describe()} to a write: no Vector API behind it"
                " now."
            )

    def _stored(self, chunks: Sequence[Chunk], refused: dict[str, str]) -> None:
        for chunk in chunks:
            if chunk.id in refused:
                self._rejected[chunk.id] = refused[chunk.id]
            else:
                self._written[chunk.id] = ""

    def _refused(self, chunks: Sequence[Chunk], answer: StoreAnswer) -> None:
        if not self._known_to_exist:
            if not self._exists():
                raise StoreUnavailable(
                    f"{self._where} has lost the collection {self._collection_id}"
                    f" ({answer.describe()}); {counted(len(chunks), 'chunk')} not written.",
                    hint="Run again.",
                )
            self._known_to_exist = True
        if answer.status in (404, 405, 415):
            raise WrongSettings(
                f"{self._where} does not take writes as its variant should: {answer.describe()}."
            )
        self._halve(chunks, answer)

    def _failed(self, chunks: Sequence[Chunk], answer: StoreAnswer, attempt: int) -> None:
        """5xx as an answer: the server is done with the request, but may have applied some of
        it."""
        remaining = chunks if self._repeat else self._missing(chunks)
        if remaining is None:
            raise OutcomeUnknown(
                f"{self._where} answers {answer.describe()} to a write.", hint="Run again."
            )
        if not remaining:
            return
        if attempt < _ATTEMPTS and (len(remaining) == 1 or attempt == 1):
            self._batch(remaining, attempt + 1)
        elif len(remaining) == 1 and not self._written:
            raise StoreUnavailable(
                f"{self._where} answers {answer.describe()} to a write.", hint="Run again."
            )
        else:
            self._halve(remaining, answer)

    def _halve(self, chunks: Sequence[Chunk], answer: StoreAnswer) -> None:
        if len(chunks) == 1:
            self._rejected[chunks[0].id] = f"the store answers {answer.describe()}"
            return
        if answer.status == 413:
            self._size.shrink_to((len(chunks) + 1) // 2)
        self._in_batches(chunks, (len(chunks) + 1) // 2)

    def _missing(self, chunks: Sequence[Chunk]) -> list[Chunk] | None:
        """Those that are not there, the others noted as written. None where the store cannot
        tell."""
        missing = []
        for chunk in chunks:
            there = is_there(self._wire, self._collection_id, chunk)
            if there is None:
                return None
            if there:
                self._written[chunk.id] = ""
            else:
                missing.append(chunk)
        return missing


def is_there(wire: Dialect, collection_id: str, chunk: Chunk) -> bool | None:
    """Look a chunk up by its own text; None where the store cannot tell.

    A word is put to the text: some servers divide by the distance, which is zero for a text that
    equals a stored one.
    """
    hits = hits_of(wire.ask(collection_id, chunk.text + "\n\nlookup", LOOKUP_LIMIT))
    if hits is None:
        return None
    for hit in hits:
        if hit.chunk_id == chunk.id and all(
            hit.metadata.get(key) == value for key, value in chunk.metadata.items()
        ):
            return True
    hidden = len(hits) >= LOOKUP_LIMIT and hits[-1].score >= hits[0].score
    return None if hidden else False
