"""SIGTERM and SIGINT: the batch in hand is finished and committed, the run says so, and the next
one goes on."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve
from tests.job.harness import Job, held
from tests.mirror.conftest import body

SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]


def signalled(
    job: Job, number: signal.Signals, at: Callable[[], bool], times: int = 1
) -> subprocess.Popen[str]:
    """A run that gets the signal while the store works on the first request for which ``at``
    holds."""
    process: list[Any] = []
    left = [times]

    def send(_number: int) -> None:
        if process and left[0] and at():
            left[0] -= 1
            process[0].send_signal(number)

    job.store.before = send
    process.append(job.start(BATCH_SIZE="3"))
    _, err = process[0].communicate(timeout=20)
    job.store.before = lambda _number: None
    assert "Traceback" not in err
    process[0].said = err
    return process[0]  # type: ignore[no-any-return]


def rows(job: Job) -> int:
    return sum(
        len(kept.rows)
        for kept in job.store.state.collections.values()
        if not kept.name.endswith("-probe")
    )


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_in_the_middle_ends_the_run_with_its_code_and_nothing_is_sent_twice(
    gateway: SampleGateway, make: Make, number: signal.Signals, code: int
) -> None:
    for each in range(10):
        gateway.site.add("OPS", f"More {each}", body(4000 + each))
    job = make()
    process = signalled(job, number, lambda: rows(job) >= 6)
    assert process.returncode == code
    assert "committed" in process.said  # type: ignore[attr-defined]
    done = rows(job)
    assert 6 <= done < 19
    report = job.night(BATCH_SIZE="3")
    assert report["chunks"]["sent"] == rows(job) - done
    job.here("--verify")


@pytest.mark.postgres
@pytest.mark.long
def test_a_signal_at_any_moment_of_a_run_on_postgresql_ends_it_with_its_code(
    make: Make, database: Callable[[], str]
) -> None:
    job = make(STATE_URL=database())
    for requests in (2, 7, 12):
        process = signalled(job, signal.SIGTERM, lambda at=requests: job.store.requests % 13 >= at)  # type: ignore[misc]
        assert process.returncode in (143, 0)
        with job.store.state.lock:
            job.store.state.requests.clear()
    job.here()
    job.here("--verify")


def test_a_signal_during_a_rotation_leaves_readers_on_the_old_collection(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    job.here()
    before = held(job.store, "confluence")
    first = gateway.site.current("OPS")[1]
    gateway.site.edit(first.id, body(4100))
    process = signalled(job, signal.SIGTERM, lambda: rows(job) > len(before))
    assert process.returncode == 143
    assert job.pointer() == "confluence"
    assert held(job.store, "confluence") == before
    job.here()
    fresh = make("fresh")
    fresh.here()
    assert held(job.store, job.pointer(), exact=False) == held(
        fresh.store, "confluence", exact=False
    )


@pytest.mark.long
def test_a_second_signal_does_not_wait_for_the_batch(make: Make) -> None:
    job = make()
    process: list[Any] = []

    def send(_number: int) -> None:
        if process and rows(job) >= 3 and process[0].poll() is None:
            process[0].send_signal(signal.SIGTERM)
            process[0].send_signal(signal.SIGINT)
            process[0].wait(20)  # the store does not answer before the run is gone

    job.store.before = send
    process.append(job.start(BATCH_SIZE="3"))
    _, err = process[0].communicate(timeout=20)
    job.store.before = lambda _number: None
    assert process[0].returncode in (130, 143)
    assert "Traceback" not in err
    job.here()
    job.here("--verify")


def test_a_signal_does_not_wait_for_what_confluence_has_not_answered(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    process: list[Any] = []
    began, codes = threading.Event(), SimpleQueue[int]()

    def hold_back(answer: Any) -> Any:
        began.wait(20)
        process[0].send_signal(signal.SIGTERM)
        try:
            codes.put(process[0].wait(20))
        except subprocess.TimeoutExpired:
            codes.put(-1)
        return answer

    fault = gateway.fault("/spaces/.*/pages$", change=hold_back, times=1)
    process.append(job.start())
    began.set()
    _, err = process[0].communicate(timeout=30)
    assert codes.get(timeout=30) == 143
    assert "Traceback" not in err
    gateway.faults.remove(fault)
    job.here()
    job.here("--verify")
