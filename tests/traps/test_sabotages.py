"""The program can be broken wherever scripts/sabotage means to break it."""

from __future__ import annotations

import pytest

from scripts.sabotage.__main__ import PACKAGE, ROOT
from scripts.sabotage.breaks import SABOTAGES
from scripts.sabotage.sabotage import Sabotage


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.name)
def test_what_a_sabotage_replaces_stands_once_in_its_file(sabotage: Sabotage) -> None:
    broken = sabotage.applied(ROOT / PACKAGE)
    compile(broken, sabotage.file, "exec")


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.name)
def test_the_tests_that_should_notice_a_sabotage_exist(sabotage: Sabotage) -> None:
    assert [test for test in sabotage.tests if not (ROOT / test).exists()] == []


def test_no_two_sabotages_have_one_name() -> None:
    assert len({each.name for each in SABOTAGES}) == len(SABOTAGES)
