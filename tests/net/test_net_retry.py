"""The one retry policy: how often, how long, and how it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from confluence_mirror.errors import StoreUnavailable, Terminated
from confluence_mirror.net.retry import RetryPolicy, TryAgainError, sleep_in_steps


class Server:
    """Fails so often, then gives its answer."""

    def __init__(self, failures: int, **fault: object) -> None:
        self.failures, self.fault, self.asked = failures, fault, 0

    def __call__(self, answer: str) -> str:
        self.asked += 1
        if self.asked <= self.failures:
            raise TryAgainError(StoreUnavailable("It is down."), **self.fault)  # type: ignore[arg-type]
        return answer


def policy(slept: list[float], **changes: object) -> RetryPolicy:
    longest: Callable[[float, float], float] = max
    return RetryPolicy("the store", sleep=slept.append, jitter=longest, **changes)  # type: ignore[arg-type]


def test_pauses_grow_to_the_longest_and_the_last_fault_says_what_was_wrong() -> None:
    slept: list[float] = []
    server = Server(99)
    with pytest.raises(StoreUnavailable, match="It is down") as caught:
        policy(slept, longest=5.0).call_with_retries(server, "x")
    assert caught.value.__context__ is None
    assert slept == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert server.asked == 6


@pytest.mark.parametrize(
    ("asked", "waited"), [(None, 1.0), (0.0, 1.0), (0.2, 1.0), (7.5, 7.5), (1e9, 60.0)]
)
def test_what_the_server_asks_for_is_a_second_at_least_and_has_an_end(
    asked: float | None, waited: float
) -> None:
    slept: list[float] = []
    assert policy(slept).call_with_retries(Server(1, wait=asked), "x") == "x"
    assert slept == [waited]


def test_a_flood_of_zeros_is_answered_with_ever_longer_pauses() -> None:
    slept: list[float] = []
    policy(slept).call_with_retries(Server(5, wait=0.0), "x")
    assert slept == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_server_that_is_not_ready_is_waited_for_in_minutes_and_a_line_per_minute_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="confluence_mirror")
    slept: list[float] = []
    server = Server(10**6, patient=True, wait=10.0)
    with pytest.raises(StoreUnavailable):
        policy(slept, patience_s=300.0).call_with_retries(server, "x")
    assert 300 <= sum(slept) < 340
    said = [record.getMessage() for record in caplog.records]
    assert 4 <= len(said) <= 6
    assert said[0].startswith("waiting for the store: It is down.; ")


def test_a_few_short_pauses_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="confluence_mirror")
    policy([]).call_with_retries(Server(4), "x")
    assert caplog.records == []


def test_a_pause_is_ended_within_a_second_by_whoever_stops_the_run() -> None:
    slept: list[float] = []

    def check() -> None:
        if len(slept) == 3:
            raise Terminated("Stopped.")

    with pytest.raises(Terminated):
        sleep_in_steps(300, check, slept.append)
    assert slept == [1.0, 1.0, 1.0]
