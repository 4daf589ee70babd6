"""Requests beside the caller's thread."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import TypeVar

_Given = TypeVar("_Given")
_Outcome = TypeVar("_Outcome")


class Workers:
    """Daemon threads: a program that ends does not wait for an answer that is still on its way."""

    def __init__(self, count: int) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(
                target=self._run_tasks, name=f"confluence-{number}", daemon=True
            ).start()

    def submit(self, function: Callable[[_Given], _Outcome], given: _Given) -> Future[_Outcome]:
        """What the function gives, once a thread is free."""
        future: Future[_Outcome] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(given)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._tasks.put(task)
        return future

    def stop(self) -> None:
        """Let the threads end after what they are at."""
        for _ in range(self._count):
            self._tasks.put(None)

    def _run_tasks(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


def read_ahead(
    read: Callable[[_Given], _Outcome], given: Iterable[_Given], concurrency: int
) -> Iterator[_Outcome]:
    """What ``read`` gives for each, in order, so many of them at a time. ``given`` is taken on the
    caller's thread, and no further ahead than that."""
    workers = Workers(concurrency)
    running: deque[Future[_Outcome]] = deque()
    source = iter(given)
    try:
        while True:
            for each in islice(source, concurrency - len(running)):
                running.append(workers.submit(read, each))
            if not running:
                return
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
        workers.stop()
