"""Vectors for the chunks of pages, between reading and writing them: several requests are in
flight, and pages come out in the order in which they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from confluence_mirror.batches import take_until_failure
from confluence_mirror.errors import SyncError
from confluence_mirror.mirror.page_diff import PageDiff
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.model import Chunk, Unembedded, Vector
from confluence_mirror.stores.base import ChunkEmbedder, ComparesRows

_AHEAD = 2
"""Texts in hand for each that may be in flight: an answer that is late holds nobody up."""


@dataclass(slots=True, eq=False)
class _Request:
    """Chunks that are embedded by one call."""

    chunks: list[Chunk] = field(default_factory=list)
    answer: Future[Sequence[Vector | Unembedded]] | None = None
    """None: it is not sent yet."""

    def vectors(self) -> dict[str, Vector | Unembedded]:
        """By chunk id. Raises what the call raised."""
        assert self.answer is not None
        ids = [chunk.id for chunk in self.chunks]
        return dict(zip(ids, self.answer.result(), strict=True))


@dataclass(slots=True)
class _Page:
    diff: PageDiff
    requests: list[_Request] = field(default_factory=list)
    texts: int = 0

    @property
    def is_done(self) -> bool:
        return all(each.answer is not None and each.answer.done() for each in self.requests)

    @property
    def failure(self) -> BaseException | None:
        """Why it is not embedded, once it ``is_done``."""
        failures = (each.answer.exception() for each in self.requests if each.answer is not None)
        return next(filter(None, failures), None)

    def receive_vectors(self) -> PageDiff:
        for request in self.requests:
            self.diff.receive_vectors(request.vectors())
        return self.diff


class EmbeddingStage:
    """Embeds what one plan writes. Used by one thread, which closes it."""

    def __init__(self, mirror: StoredMirror, stop: Stop, broken: list[SyncError]) -> None:
        """``broken`` receives what reading or embedding ended with: what came before counts."""
        self._to = mirror
        self._stop = stop
        self._broken = broken
        self._embedder = mirror.embedder
        self._pages: deque[_Page] = deque()
        self._filling = _Request()
        self._texts = 0
        """In hand, waiting for a vector or for the page before theirs."""
        self._threads = (
            ThreadPoolExecutor(self._embedder.concurrency, thread_name_prefix="embed")
            if self._embedder
            else None
        )

    def embed_pages(self, groups: Iterator[list[PageDiff]]) -> Iterator[list[PageDiff]]:
        """The pages, their chunks with vectors where the store takes vectors. One of which a chunk
        is not embedded comes as a rejected one.

        While requests are in flight, the next pages are read and the ones before are written.
        """
        if self._embedder is None:
            yield from take_until_failure(groups, self._broken)
            return
        most = _AHEAD * self._embedder.concurrency * self._embedder.batch_size
        for group in take_until_failure(groups, self._broken):
            self._take_group(group, self._embedder)
            yield self._take_embedded()
            while self._texts > most:
                yield self._wait_for_next(self._embedder)
            if self._broken:
                return
        self._send_request(self._embedder)
        while self._pages:
            yield self._wait_for_next(self._embedder)

    def close(self) -> None:
        """What is in flight is not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _take_group(self, group: Sequence[PageDiff], embedder: ChunkEmbedder) -> None:
        wanted = {chunk.id for chunk in self._without_vector(group)}
        for diff in group:
            page = _Page(diff)
            self._pages.append(page)
            for chunk in diff.send:
                if chunk.id in wanted:
                    self._take_chunk(page, chunk, embedder)

    def _without_vector(self, group: Sequence[PageDiff]) -> Sequence[Chunk]:
        """Those of which no row of the store has the vector already: a run that was killed may have
        written more than it could record."""
        chunks = [chunk for diff in group for chunk in diff.send]
        if chunks and isinstance(self._to.store, ComparesRows):
            return self._to.store.unlike_stored(self._to.collection, chunks)
        return chunks

    def _take_chunk(self, page: _Page, chunk: Chunk, embedder: ChunkEmbedder) -> None:
        if not page.requests or page.requests[-1] is not self._filling:
            page.requests.append(self._filling)
        self._filling.chunks.append(chunk)
        page.texts += 1
        self._texts += 1
        if len(self._filling.chunks) >= embedder.batch_size:
            self._send_request(embedder)

    def _send_request(self, embedder: ChunkEmbedder) -> None:
        request, self._filling = self._filling, _Request()
        if request.chunks and self._threads is not None:
            texts = [chunk.text for chunk in request.chunks]
            request.answer = self._threads.submit(embedder, texts)

    def _wait_for_next(self, embedder: ChunkEmbedder) -> list[PageDiff]:
        """The next pages, as soon as there is one. A signal, or a spent budget, does not wait."""
        first = self._pages[0]
        if self._filling in first.requests:
            self._send_request(embedder)
        while not first.is_done:
            wait([each.answer for each in first.requests if each.answer is not None], timeout=1)
            self._stop.check()
        return self._take_embedded()

    def _take_embedded(self) -> list[PageDiff]:
        """Those at the head that are embedded. Where the embedder ends the run, all that are."""
        found: list[_Page] = []
        while self._pages and self._pages[0].is_done:
            if failure := self._pages[0].failure:
                found += self._end(failure)
            else:
                found.append(self._pages.popleft())
        self._texts = sum(page.texts for page in self._pages)
        return [page.receive_vectors() for page in found]

    def _end(self, failure: BaseException) -> list[_Page]:
        """The pages behind the one that failed which are embedded; the others are left to the next
        run."""
        self._stop.check()
        if not isinstance(failure, SyncError):
            raise failure
        self._broken.append(failure)
        embedded = [page for page in self._pages if page.is_done and not page.failure]
        self._pages.clear()
        return embedded
