"""Requests beside the caller's thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
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
