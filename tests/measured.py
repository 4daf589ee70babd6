"""Which branches of the package the tests go through, for ``make coverage``: a plugin of pytest.

``PYTEST_PLUGINS`` names it, so it is there before the package is imported, in every worker. Tracing
takes 1.2 to 1.6 times the CPU time of what it watches. So it watches the first case of each test
function in each worker (of the converter's tests every case, since each is another construct), and
neither what Hypothesis repeats with other examples nor the processes that tests start.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from coverage import Coverage

_measured = Coverage(data_suffix=True)
_measured.start()
_watched: set[tuple[str, str]] = set()
"""Files and names of the test functions that were watched once."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    function = str(item.path), getattr(item, "originalname", item.name)
    new = function not in _watched or item.path.parent.name == "markdown"
    if new and item.get_closest_marker("hypothesis") is None:
        _watched.add(function)
        return (yield)
    _measured.stop()
    try:
        return (yield)
    finally:
        _measured.start()


def pytest_unconfigure() -> None:
    _measured.stop()
    _measured.save()
