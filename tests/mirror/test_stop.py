"""A request to stop is a flag: who looks at it, when it is heeded, and what it leaves alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from confluence_mirror.errors import SyncError, Terminated, Unfinished
from confluence_mirror.mirror.stop import Stop

AFTER, WITHIN = Terminated("after the batch"), Terminated("in the batch")
LONG_S = 600.0


def stopped() -> Stop:
    stop = Stop()
    stop.request(AFTER, WITHIN)
    return stop


def raised(work: object) -> SyncError:
    assert callable(work)
    with pytest.raises(SyncError) as error:
        work()
    return error.value


def test_no_batch_begins_after_a_request() -> None:
    stop = stopped()
    begun = []

    def batch() -> None:
        with stop.batch():
            begun.append(1)

    assert raised(batch) is AFTER
    assert not begun


def test_a_batch_in_hand_is_finished_and_then_the_run_ends() -> None:
    stop = Stop()
    done = []

    def batch() -> None:
        with stop.batch():
            stop.request(AFTER, WITHIN)
            stop.pause(0)  # as while an answer is awaited
            stop.look()
            done.append(1)

    assert raised(batch) is AFTER
    assert done


@pytest.mark.parametrize("way", ["a second request", "it takes too long"])
def test_a_batch_is_cut_where_it_looks_next(way: str) -> None:
    stop = Stop()

    def batch() -> None:
        with stop.batch():
            stop.request(AFTER, WITHIN)
            if way == "a second request":
                stop.request(AFTER, WITHIN)
            else:
                stop.insist()
            stop.pause(0)

    assert raised(batch) is WITHIN


def test_a_batch_that_waits_is_cut_at_once() -> None:
    stop = Stop()

    def batch() -> None:
        with stop.batch():
            stop.request(AFTER, WITHIN)
            stop.pause(LONG_S)

    assert raised(batch) is WITHIN


def test_what_fails_in_a_batch_is_not_hidden_by_a_request() -> None:
    stop = Stop()
    lost = SyncError("the store went away")

    def batch() -> None:
        with stop.batch():
            stop.request(AFTER, WITHIN)
            raise lost

    assert raised(batch) is lost


def test_a_request_wakes_every_run_of_the_process_out_of_its_pause() -> None:
    stop = Stop()
    waiting = threading.Barrier(3)

    def run() -> SyncError:
        own = stop.for_run()
        waiting.wait(60)
        return raised(lambda: own.pause(LONG_S))

    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(run) for _ in range(2)]
        waiting.wait(60)
        stop.request(AFTER, WITHIN)
        assert [each.result(60) for each in runs] == [AFTER, AFTER]


def test_a_batch_of_one_run_does_not_hold_up_another() -> None:
    stop = Stop()
    first, second = stop.for_run(), stop.for_run()

    def batch() -> None:
        with first.batch():
            stop.request(AFTER, WITHIN)
            assert raised(second.look) is AFTER
            first.look()

    assert raised(batch) is AFTER


def test_a_pause_beyond_the_budget_is_not_begun_and_one_within_it_is() -> None:
    run = Stop().for_run(LONG_S)
    assert isinstance(raised(lambda: run.pause(LONG_S)), Unfinished)
    run.pause(0.001)
    run.check()


def test_a_request_counts_more_than_a_spent_budget() -> None:
    stop = Stop()
    run = stop.for_run(1e-9)
    assert isinstance(raised(run.check), Unfinished)
    stop.request(AFTER, WITHIN)
    assert raised(run.check) is AFTER


def test_a_budget_is_the_runs_own() -> None:
    stop = Stop()
    assert isinstance(raised(stop.for_run(1e-9).check), Unfinished)
    stop.for_run().check()
    stop.check()
