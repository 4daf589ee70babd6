"""One limiter for all threads: it slows on a 429, before one where it is warned, and recovers."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime

import pytest
import responses
from confluence_fakes import ROOT, FakeTime
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.limiter import Limiter
from confluence_mirror.confluence.routes import SPACES
from confluence_mirror.net.retry_after import read_retry_after

ADDRESS = ROOT + SPACES.template
GOOD = {"results": []}
HEADER_NAMES = st.sampled_from(["Retry-After", "Date", "RateLimit-Reason", "X-RateLimit-Reset"])
DATES = st.builds(
    "{}, {} Jul {} {}:{}:00 {}".format,
    st.sampled_from(["Wed", "Xyz", ""]),
    st.integers(-1, 99),
    st.integers(0, 99_999_999_999),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "+9999", "-2500", "+0000", ""]),
) | st.builds(
    "{}-{:02d}-01T12:00:00{}".format,
    st.integers(0, 99_999),
    st.integers(0, 20),
    st.sampled_from(["Z", "+25:00", ""]),
)


def test_without_a_429_nothing_is_slowed(
    gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    web.get(ADDRESS, json=GOOD)

    for _ in range(50):
        gateway.request_json(SPACES)

    assert time.slept == []


def test_after_a_429_requests_are_spaced_out_and_speed_comes_back(
    gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    web.get(ADDRESS, status=429, json={}, headers={"Retry-After": "5"})
    web.get(ADDRESS, json=GOOD)
    gateway.request_json(SPACES)
    waited = []

    for _ in range(60):
        before = time.seconds
        gateway.request_json(SPACES)
        waited.append(time.seconds - before)

    assert waited[1] > 0
    assert waited == sorted(waited, reverse=True)
    assert waited[-1] == 0


def test_a_warning_that_the_limit_is_near_slows_before_the_429(
    gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    web.get(ADDRESS, json=GOOD, headers={"X-RateLimit-NearLimit": "true"})

    for _ in range(30):
        before = time.seconds
        gateway.request_json(SPACES)

    assert time.seconds - before == pytest.approx(1)
    assert gateway.stats.snapshot().rate_limit_seconds > 0


def test_a_429_for_one_thread_holds_the_others(time: FakeTime) -> None:
    limiter = Limiter(time.monotonic)
    started: list[float] = []
    limiter.hold_all(30)

    def send() -> None:
        limiter.acquire(time.sleep)
        started.append(time.seconds)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert min(started) >= 30
    assert len(started) == 4


def test_a_storm_of_429s_never_spaces_requests_further_than_eight_seconds(time: FakeTime) -> None:
    limiter = Limiter(time.monotonic)

    for _ in range(100):
        limiter.hold_all(0)
        limiter.slow_down()
    started = []
    for _ in range(2):
        limiter.acquire(time.sleep)
        started.append(time.seconds)

    assert started[1] - started[0] == pytest.approx(8)


def test_a_negative_wait_is_none_at_all() -> None:
    assert read_retry_after({"Retry-After": "-5"}, datetime(2026, 7, 1, tzinfo=UTC)) == 0


@given(st.dictionaries(HEADER_NAMES, st.text(st.characters(max_codepoint=255)) | DATES))
def test_whatever_a_server_writes_the_wait_is_none_or_a_time(headers: dict[str, str]) -> None:
    seconds = read_retry_after(headers, datetime(2026, 7, 1, tzinfo=UTC))

    assert seconds is None or 0 <= seconds < math.inf
