"""Tasks that wait for others more than they work, several at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def run_parallel(
    tasks: Sequence[Callable[[], T]], threads: int, over: threading.Event
) -> Iterator[T]:
    """What each task returns, as they end, on so many threads at a time; raises what the first that
    fails raises.

    ``over`` is set as soon as nobody waits for the rest: a task looks at it now and then. The
    threads are daemons, so that neither who is interrupted here nor a program that ends waits for
    an answer that is still on its way.
    """
    waiting: SimpleQueue[Callable[[], T]] = SimpleQueue()
    ended: SimpleQueue[Callable[[], T]] = SimpleQueue()
    for task in tasks:
        waiting.put(task)
    for number in range(min(threads, len(tasks))):
        threading.Thread(
            target=_work_off, args=(waiting, ended, over), name=f"parallel-{number}", daemon=True
        ).start()
    try:
        for _ in tasks:
            yield ended.get()()
    finally:
        over.set()


def _work_off(
    waiting: SimpleQueue[Callable[[], T]],
    ended: SimpleQueue[Callable[[], T]],
    over: threading.Event,
) -> None:
    while not over.is_set():
        try:
            task = waiting.get_nowait()
        except Empty:
            return
        ended.put(_capture_outcome(task))


def _capture_outcome(task: Callable[[], T]) -> Callable[[], T]:
    """Calling it gives what the task returned, or raises what it raised."""
    try:
        result = task()
    except BaseException as error:
        failure = error

        def again() -> T:
            raise failure

        return again
    return lambda: result
