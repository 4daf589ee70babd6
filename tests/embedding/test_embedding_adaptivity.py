"""Whatever a server manages, it is given no more for long: sizes and requests in flight shrink, are
remembered, and grow again; no text is lost, mixed up or blamed for the server."""

from __future__ import annotations

import json
import threading

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from confluence_mirror.embedding import ServerEmbedder, ServerOptions
from confluence_mirror.embedding.turns import Turns
from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.model import Unembedded
from tests.stores.words import hashed_words

URL = "https://embed.example.org/v1"
POISON = "ununquadium"


class Slow:
    """Time passes when it is asked or waited for. A request takes a while per text; one that takes
    longer than the time-out is given up by us, and worked on all the same."""

    def __init__(self, seconds_per_text: float, limit: int, timeout: float) -> None:
        self.seconds_per_text, self.limit, self.timeout = seconds_per_text, limit, timeout
        self.now = self.free_at = 0.0
        self.sizes: list[int] = []
        self.timeouts = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        texts = json.loads(request.body or "{}")["input"]
        self.sizes.append(len(texts))
        if len(texts) > self.limit:
            said = f"batch size {len(texts)} > maximum allowed batch size {self.limit}"
            return 422, {}, json.dumps({"error": said})
        self.free_at = max(self.free_at, self.now) + len(texts) * self.seconds_per_text
        if self.free_at - self.now > self.timeout:
            self.now += self.timeout
            self.timeouts += 1
            raise requests.exceptions.ReadTimeout("Read timed out.")
        self.now = self.free_at
        if any(POISON in text for text in texts):
            return 500, {}, json.dumps({"error": "json: unsupported value: NaN"})
        rows = [{"index": n, "embedding": hashed_words(text)} for n, text in enumerate(texts)]
        return 200, {}, json.dumps({"data": rows})


def run(server: Slow, texts: list[str], remembered: str = "") -> tuple[list[object], str]:
    """One run; what it learned."""
    options = ServerOptions(timeout=server.timeout, patience=10_000, batch=64)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback(responses.POST, f"{URL}/embeddings", callback=server)
        model = ServerEmbedder(URL, "m", options, sleep=server.sleep)
        model.restore_limit(remembered)
        found: list[object] = []
        while len(found) < len(texts):
            found += model(texts[len(found) : len(found) + model.batch_size])
        model.close()
    return found, model.learned_limit()


@settings(max_examples=40, deadline=None)
@given(
    capacity=st.integers(1, 64),
    limit=st.integers(1, 100),
    texts=st.lists(st.integers(0, 10_000), min_size=1, max_size=150),
    poisoned=st.sets(st.integers(0, 149), max_size=3),
)
def test_every_text_gets_its_vector_or_its_reason_whatever_the_server_manages(
    capacity: int, limit: int, texts: list[int], poisoned: set[int]
) -> None:
    server = Slow(1.0, limit, timeout=capacity + 0.5)
    words = [f"text {n}" + f" {POISON}" * (place in poisoned) for place, n in enumerate(texts)]
    found, learned = run(server, words)
    for text, vector in zip(words, found, strict=True):
        if POISON in text:
            assert isinstance(vector, Unembedded)
        else:
            assert vector == hashed_words(text)
    assert 1 <= int(learned) <= 64


def test_a_slow_server_gets_smaller_batches_and_time_to_come_back_and_the_next_run_knows() -> None:
    server = Slow(2.0, 100, timeout=30)
    texts = [f"text {number}" for number in range(100)]
    found, learned = run(server, texts)
    assert found == [hashed_words(text) for text in texts]
    assert int(learned) <= 15
    assert server.timeouts
    server.sizes, server.timeouts = [], 0
    again, _ = run(server, texts, learned)
    assert again == found
    assert (server.timeouts, max(server.sizes)) == (0, int(learned))


def test_a_server_that_does_not_come_back_ends_the_run_when_patience_is_spent() -> None:
    server = Slow(1000.0, 100, timeout=30)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        run(server, ["one", "two"])
    assert server.now >= 10_000


def test_a_size_that_is_remembered_grows_slowly_where_the_server_manages_more() -> None:
    server = Slow(0.01, 100, timeout=60)
    _, learned = run(server, [f"text {number}" for number in range(300)], "4")
    assert 4 < int(learned) <= 16


class Flights(RuleBasedStateMachine):
    """Requests that begin, are answered, or are told that there are too many."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(6, lambda: None)
        self.open: list[tuple[object, int]] = []

    @precondition(lambda self: len(self.open) < self.turns.allowed)
    @rule()
    def begin(self) -> None:
        turn = self.turns.turn()
        self.open.append((turn, turn.__enter__()))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 5), times=st.integers(1, 60))
    def answer(self, which: int, times: int) -> None:
        turn, _ = self.open.pop(which % len(self.open))
        turn.__exit__(None, None, None)  # type: ignore[attr-defined]
        for _ in range(times):
            self.turns.record_answer()

    @precondition(lambda self: self.open)
    @rule()
    def all_are_told_that_there_are_too_many(self) -> None:
        before, newest = self.turns.allowed, max(began for _, began in self.open)
        told = [began for _, began in self.open]
        for turn, began in self.open:
            self.turns.record_overload(began)
            turn.__exit__(None, None, None)  # type: ignore[attr-defined]
        self.open = []
        at_once = newest == max(told)
        assert at_once
        assert self.turns.allowed in (before, max(1, before // 2))

    @invariant()
    def some_may_be_in_flight_and_never_more_than_is_set(self) -> None:
        assert 1 <= self.turns.allowed <= 6


TestFlights = Flights.TestCase
TestFlights.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_a_request_waits_for_its_turn_and_ends_when_the_run_does() -> None:
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise InterruptedError

    turns = Turns(1, check)
    with turns.turn():
        stopped.set()
        with pytest.raises(InterruptedError), turns.turn():
            pass
    stopped.clear()
    with turns.turn() as began:
        turns.record_overload(began)
    assert turns.allowed == 1
