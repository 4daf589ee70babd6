"""Which answers are asked for again, when, and for how long."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import responses
from confluence_fakes import ROOT, FakeTime

from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.refusals import Unanswered
from confluence_mirror.confluence.routes import SPACES
from confluence_mirror.errors import SourceUnavailable, SyncError, Unfinished

ADDRESS = ROOT + SPACES.template
GOOD = {"results": []}
NOON = "Wed, 01 Jul 2026 12:00:00 GMT"

RETRY_AFTER = {
    "seconds": ({"Retry-After": "7"}, 7, 8),
    "a fraction": ({"Retry-After": "2.5"}, 2.5, 3.5),
    "zero": ({"Retry-After": "0"}, 0.5, 1),
    "a negative number": ({"Retry-After": "-5"}, 0.5, 1),
    "absent": ({}, 0.5, 1),
    "nonsense": ({"Retry-After": "soon"}, 0.5, 1),
    "infinity": ({"Retry-After": "inf"}, 0.5, 1),
    "not a number": ({"Retry-After": "nan"}, 0.5, 1),
    "an HTTP date": ({"Retry-After": "Wed, 01 Jul 2026 12:00:20 GMT"}, 20, 21),
    "a date by a clock that is ahead of ours": (
        {"Retry-After": "Wed, 01 Jul 2026 15:00:20 GMT", "Date": "Wed, 01 Jul 2026 15:00:00 GMT"},
        20,
        21,
    ),
    "a date in the past": ({"Retry-After": "Wed, 01 Jul 2026 11:00:00 GMT"}, 0.5, 1),
    "a quota's reset in ISO 8601": (
        {
            "RateLimit-Reason": "confluence-quota-tenant-based",
            "X-RateLimit-Reset": "2026-07-01T12:05:00Z",
        },
        300,
        301,
    ),
    "a quota's reset that is no date": (
        {"RateLimit-Reason": "conf-quota-global", "X-RateLimit-Reset": "1783000000000"},
        0.5,
        1,
    ),
    "a burst, whose reset does not count": (
        {
            "Retry-After": "3",
            "RateLimit-Reason": "confluence-burst-based",
            "X-RateLimit-Reset": "2026-07-01T13:00:00Z",
        },
        3,
        4,
    ),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", RETRY_AFTER)
def test_every_form_of_retry_after_is_waited_out_and_no_longer(
    form: str, status: int, gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    headers, least, most = RETRY_AFTER[form]
    web.get(ADDRESS, status=status, json={}, headers={"Date": NOON, **headers})
    web.get(ADDRESS, json=GOOD)

    gateway.request_json(SPACES)

    assert least <= sum(time.slept) <= most
    traffic = gateway.stats.snapshot()
    assert traffic.retries == 1
    assert traffic.rate_limit_seconds == (pytest.approx(sum(time.slept)) if status == 429 else 0)


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "3600"}, {"Retry-After": "Wed, 01 Jul 2026 13:00:00 GMT"}]
)
def test_a_pause_of_an_hour_ends_the_run_and_says_when_to_come_back(
    headers: dict[str, str], gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    web.get(ADDRESS, status=429, json={}, headers={"Date": NOON, **headers})

    with pytest.raises(SourceUnavailable, match=r"60 minutes. Run again after 13:00 UTC"):
        gateway.request_json(SPACES)

    assert time.slept == []


def test_a_pause_longer_than_what_is_left_of_the_budget_ends_the_run_at_once(
    make_gateway: Callable[..., Gateway], web: responses.RequestsMock, time: FakeTime
) -> None:
    web.get(ADDRESS, status=429, json={}, headers={"Retry-After": "700"})

    with pytest.raises(Unfinished, match="budget of 10m00s"):
        make_gateway(budget_s=600).request_json(SPACES)

    assert time.slept == []


def test_no_request_is_sent_once_the_budget_is_spent(
    make_gateway: Callable[..., Gateway], web: responses.RequestsMock, time: FakeTime
) -> None:
    gateway = make_gateway(budget_s=600)
    web.get(ADDRESS, json=GOOD)
    gateway.request_json(SPACES)
    time.sleep(600)

    with pytest.raises(Unfinished):
        gateway.request_json(SPACES)

    assert len(web.calls) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413])
def test_what_cannot_change_is_asked_once(
    status: int, gateway: Gateway, web: responses.RequestsMock
) -> None:
    asked = web.get(ADDRESS, status=status, json={"message": "no"})

    with pytest.raises(SyncError):
        gateway.request_json(SPACES)

    assert asked.call_count == 1


PASSING = {
    "500": {"status": 500, "json": {}},
    "502": {"status": 502, "body": "<html>", "content_type": "text/html"},
    "503": {"status": 503, "json": {}},
    "504": {"status": 504, "body": ""},
    "a login page with 200": {"status": 200, "body": "<html>", "content_type": "text/html"},
    "JSON cut off": {"status": 200, "body": '{"results": [', "content_type": "application/json"},
    "JSON that is no object": {"status": 200, "json": ["results"]},
    "an empty answer": {"status": 200, "body": "", "content_type": "application/json"},
    "403 of the edge": {"status": 403, "json": {}, "headers": {"x-cache": "Error from cloudfront"}},
    "404 of the edge": {"status": 404, "json": {}, "headers": {"X-Cache": "Error from cloudfront"}},
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_asked_again(
    fault: str, gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, **PASSING[fault])
    web.get(ADDRESS, json={"results": [{"id": "1"}]})

    assert gateway.request_json(SPACES).data["results"] == [{"id": "1"}]
    assert gateway.stats.snapshot().retries == 1


@pytest.mark.parametrize("fault", PASSING)
def test_what_does_not_pass_ends_as_unavailable(
    fault: str, gateway: Gateway, web: responses.RequestsMock
) -> None:
    asked = web.get(ADDRESS, **PASSING[fault])

    with pytest.raises(Unanswered):
        gateway.request_json(SPACES)

    assert asked.call_count == 6


def test_a_login_page_in_place_of_json_points_to_what_stands_between(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(ADDRESS, body='{"results": []}', content_type="text/html; charset=UTF-8")

    with pytest.raises(Unanswered, match=r"an HTML page.*CONF_GATEWAY_URL and the proxy"):
        gateway.request_json(SPACES)


def test_an_overloaded_edge_is_given_a_minute_to_heal(
    gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    for _ in range(4):
        web.get(ADDRESS, status=403, json={}, headers={"x-cache": "Error from cloudfront"})
    web.get(ADDRESS, json=GOOD)

    gateway.request_json(SPACES)

    assert time.seconds >= 60


def test_the_pauses_grow_and_have_an_end(
    gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    web.get(ADDRESS, status=500, json={})

    with pytest.raises(Unanswered):
        gateway.request_json(SPACES)

    assert time.seconds == 1 + 2 + 4 + 8 + 16


def test_a_flood_of_retry_after_zero_is_answered_with_ever_longer_pauses(
    gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    asked = web.get(ADDRESS, status=429, json={}, headers={"Retry-After": "0"})

    with pytest.raises(Unanswered, match="429"):
        gateway.request_json(SPACES)

    assert asked.call_count == 10
    assert time.seconds > 120


def test_a_site_that_is_down_is_given_up_after_a_hundred_faults(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    asked = web.get(ADDRESS, status=503, json={})

    for _ in range(2000):
        with pytest.raises(SourceUnavailable):
            gateway.request_json(SPACES)

    assert asked.call_count == 100


def test_one_good_answer_closes_the_circuit(gateway: Gateway, web: responses.RequestsMock) -> None:
    for _ in range(90):
        web.get(ADDRESS, status=500, json={})
    web.get(ADDRESS, json=GOOD)
    for _ in range(90):
        web.get(ADDRESS, status=500, json={})
    web.get(ADDRESS, json=GOOD)

    for _ in range(2):
        for _ in range(15):
            with pytest.raises(Unanswered):
                gateway.request_json(SPACES)
        gateway.request_json(SPACES)


def test_a_stopped_run_ends_its_pause_within_a_second(
    gateway: Gateway, web: responses.RequestsMock, time: FakeTime
) -> None:
    web.get(ADDRESS, status=503, json={}, headers={"Retry-After": "300"})
    time.on_sleep = gateway.stop

    with pytest.raises(Unfinished, match="Stopped"):
        gateway.request_json(SPACES)

    assert time.seconds <= 1
