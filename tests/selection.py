"""Which cases of a large matrix run in ``make test``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def only_quick(cases: Iterable[Any], *quick: Any) -> list[Any]:
    """All cases of a parameter; those that are not named here are for ``make test-long``."""
    every = list(cases)
    assert set(quick) <= set(every), "a case that is named is not there"
    return [case if case in quick else pytest.param(case, marks=pytest.mark.long) for case in every]
