"""What docs/contributing/traps.md and docs/contributing/reliability.md say is tested, is."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = re.compile(r"`((?:tests|scripts|bench|confluence_mirror|confluence_sandbox)/[\w./-]+)`")
NAMED = re.compile(r"`(test_\w+)(?:\[(\w+): ([^\]]+)\])?`")


@cache
def all_tests() -> frozenset[str]:
    """The names of all tests, in the files where they are looked for."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(
        name for text in texts for name in re.findall(r"^ *def (test_\w+)\(", text, re.MULTILINE)
    )


def rows(document: str) -> list[list[str]]:
    """Cells of the rows of a document's tables that begin with a number."""
    lines = (ROOT / "docs/contributing" / document).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines
        if re.match(r"\| \d+ \|", line)
    ]


@pytest.mark.parametrize("document", ["traps.md", "reliability.md"])
def test_every_test_that_is_named_exists(document: str) -> None:
    named = NAMED.findall((ROOT / "docs/contributing" / document).read_text(encoding="utf-8"))
    assert named
    assert [name for name, _, _ in named if name not in all_tests()] == []
    cases = [(topic, case) for _, topic, case in named if topic]
    missing = [
        (topic, case)
        for topic, case in cases
        if f"=== {case}\n"
        not in (ROOT / "tests/markdown/cases" / f"{topic}.txt").read_text(encoding="utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("document", ["traps.md", "reliability.md"])
def test_every_file_that_is_named_exists(document: str) -> None:
    text = (ROOT / "docs/contributing" / document).read_text(encoding="utf-8")
    assert [name for name in FILES.findall(text) if not (ROOT / name).exists()] == []


def test_every_trap_has_a_row_with_a_test_or_says_that_its_part_is_not_built() -> None:
    found = rows("traps.md")
    assert [int(row[0]) for row in found] == list(range(1, 58))
    assert [row for row in found if "`test_" not in row[3] and "not built yet" not in row[2]] == []


def test_every_complaint_about_other_connectors_has_a_test_that_would_have_caught_it_or_is_about_a_part_not_built() -> (
    None
):
    found = rows("reliability.md")
    assert [int(row[0]) for row in found] == list(range(1, 26))
    assert [row for row in found if "`test_" not in row[2] and "not built yet" not in row[1]] == []
