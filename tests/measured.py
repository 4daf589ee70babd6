"""Which branches of the package the tests go through, for ``make coverage``: a plugin of pytest.

``PYTEST_PLUGINS`` names it, so it is there before the package is imported, in every worker. Tracing
takes 1.2 to 1.6 times the CPU time of what it watches. So it watches the tests that take each way
once, and not those that Hypothesis repeats with other examples, nor the processes that tests start.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from coverage import Coverage

_measured = Coverage(data_suffix=True)
_measured.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    if item.get_closest_marker("hypothesis") is None:
        return (yield)
    _measured.stop()
    try:
        return (yield)
    finally:
        _measured.start()


def pytest_unconfigure() -> None:
    _measured.stop()
    _measured.save()
