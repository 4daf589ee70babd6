"""Each construct of storage format and of rendered HTML, and the exact Markdown that it becomes."""

from __future__ import annotations

import pytest
from markdown_cases import Case, all_cases

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.topic}: {case.name}")
def test_markdown(case: Case) -> None:
    found = case.converted()
    assert found.markdown.rstrip("\n") == case.markdown
    assert found.markdown == "" or found.markdown.endswith("\n")
    if case.way:
        assert found.way == case.way
    if case.macros is not None:
        assert found.macros == case.macros


def test_each_case_has_its_own_name() -> None:
    names = [(case.topic, case.name) for case in CASES]
    assert len(set(names)) == len(names) >= 150
