from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import pytest

from tests.crash.nursery import Nursery

AT_ONCE = 3
T = TypeVar("T")


class Nurseries:
    """Several, so that several points are tried at once. They are started when first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[str, queue.SimpleQueue[Nursery]] = {}

    @contextmanager
    def one(self, preload: str = "") -> Iterator[Nursery]:
        if preload not in self._made:
            self._made[preload] = queue.SimpleQueue()
            for _ in range(AT_ONCE):
                self._made[preload].put(self._stack.enter_context(Nursery(preload)))
        nursery = self._made[preload].get()
        try:
            yield nursery
        finally:
            self._made[preload].put(nursery)

    def each(
        self, points: Sequence[T], attempt: Callable[[Nursery, T], None], preload: str = ""
    ) -> list[str]:
        """Try every point; what went wrong at each that failed."""

        def tried(point: T) -> str:
            with self.one(preload) as nursery:
                try:
                    attempt(nursery, point)
                except AssertionError as error:
                    return f"{point}: {error}"
            return ""

        with self.one(preload), ThreadPoolExecutor(AT_ONCE - 1) as pool:
            return [wrong for wrong in pool.map(tried, points) if wrong]


@pytest.fixture(scope="session")
def nurseries() -> Iterator[Nurseries]:
    with ExitStack() as stack:
        yield Nurseries(stack)


@pytest.fixture
def tell(record_property: Callable[[str, Any], None]) -> Callable[[int, Sequence[str]], None]:
    """Count points for the last line of the run, and fail with those that were not restored."""

    def told(points: int, wrong: Sequence[str]) -> None:
        record_property("kill points", points)
        record_property("not restored", len(wrong))
        assert not wrong, f"{len(wrong)} of {points} points were not restored:\n" + "\n".join(
            wrong[:5]
        )

    return told


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The whole matrix runs where it is asked for (``-m crash``)."""
    if not config.option.markexpr:
        left = [item for item in items if not item.get_closest_marker("crash")]
        config.hook.pytest_deselected(items=[item for item in items if item not in left])
        items[:] = left


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    told = [
        dict(report.user_properties)
        for report in reports
        if dict(report.user_properties).get("kill points")
    ]
    if told:
        points = sum(each["kill points"] for each in told)
        lost = sum(each["not restored"] for each in told)
        rest = "all were restored by the next run" if not lost else f"{lost} were NOT restored"
        terminalreporter.write_line(f"kill points tried: {points}; {rest}.")
