"""Between reading and writing: several requests for vectors in flight, and pages written in their
order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from confluence_mirror.errors import StoreUnavailable, Unfinished
from confluence_mirror.model import Unembedded
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import pages_in
from tests.servers.memory_store import MemoryStore
from tests.stores.words import hashed_words

Make = Callable[..., Bench]


class Embedder:
    """Hashed words. Nothing is answered until ``together`` calls are there."""

    form = ""

    def __init__(self, concurrency: int = 1, batch_size: int = 2, *, together: int = 1) -> None:
        self.concurrency = concurrency
        self.batch_size = batch_size
        self.calls: list[Sequence[str]] = []
        self.fails_over = "\0"
        self.refuses = "\0"
        self._together = together
        self._met = threading.Event()

    def __call__(self, texts: Sequence[str]) -> list[list[float] | Unembedded]:
        self.calls.append(texts)
        if len(self.calls) >= self._together:
            self._met.set()
        assert self._met.wait(20)
        if any(self.fails_over in text for text in texts):
            raise StoreUnavailable("The embedding server has gone.")
        return [
            Unembedded("no such words") if self.refuses in text else hashed_words(text)
            for text in texts
        ]


class Watched(MemoryStore):
    """Knows what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors: dict[str, Sequence[float] | None] = {}

    def write_chunks(self, collection, chunks, replacing):  # type: ignore[no-untyped-def]
        self.vectors |= {chunk.text: chunk.vector for chunk in chunks}
        return super().write_chunks(collection, chunks, replacing)


def test_several_requests_are_in_flight_and_each_chunk_gets_its_own_vector(make: Make) -> None:
    store = Watched()
    bench = make(store=store, options={"embedder": Embedder(concurrency=3, together=3)})
    report = bench.run()
    texts = {text for text, _ in content(store).values()}
    assert report.failures == {}
    assert store.vectors == {text: hashed_words(text) for text in texts}
    assert not bench.verify()


def test_requests_hold_texts_of_several_pages_and_no_more_than_they_may(make: Make) -> None:
    embedder = Embedder(batch_size=7)
    bench = make(store=Watched(), options={"embedder": embedder})
    sent = bench.run().chunks["sent"]
    assert [len(texts) for texts in embedder.calls] == [7] * (sent // 7) + [sent % 7] * (
        sent % 7 > 0
    )


def test_a_page_with_a_text_that_has_no_vector_fails_alone_and_nothing_of_it_is_written(
    make: Make,
) -> None:
    embedder = Embedder(concurrency=2)
    embedder.refuses = "Part 1 of 5"
    bench = make(store=Watched(), options={"embedder": embedder})
    with pytest.raises(Unfinished):
        bench.run()
    [failure] = bench.report.failures.values()
    assert failure.title == "Page 5"
    assert "it is not embedded: no such words" in failure.reason
    assert pages_in(bench) == {each.title for each in bench.site.current()} - {"Page 5"}
    embedder.refuses = "\0"
    assert bench.run().failures == {}
    assert not bench.verify()


def test_what_is_embedded_before_the_server_goes_is_written_and_not_embedded_again(
    make: Make,
) -> None:
    embedder = Embedder()
    embedder.fails_over = "Part 2 of 9"
    bench = make(store=Watched(), options={"embedder": embedder})
    with pytest.raises(StoreUnavailable, match="has gone"):
        bench.run()
    there = content(bench.store)
    assert there
    embedder.fails_over, embedder.calls = "\0", []
    bench.run()
    again = {text for texts in embedder.calls for text in texts}
    assert not again & {text for text, _ in there.values()}
    assert not bench.verify()


def test_a_run_that_only_removes_embeds_nothing(make: Make) -> None:
    embedder = Embedder()
    bench = make(store=Watched(), options={"embedder": embedder})
    bench.run()
    embedder.calls = []
    bench.site.trash(next(each.id for each in bench.site.current() if each.title == "Page 3"))
    bench.run()
    assert embedder.calls == []
    assert "Page 3" not in pages_in(bench)
