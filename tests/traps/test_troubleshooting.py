"""The errors in docs/troubleshooting.md are those that the program prints."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from confluence_mirror.errors import Exit

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### `(.+)`\n\n(.+)$", DOCUMENT, re.MULTILINE))
GOLDEN = ROOT / "tests/golden/outputs"


@cache
def messages() -> str:
    """Every text of the program's code, placeholders as ``…``, and what golden files show."""
    found = []
    for path in (ROOT / "confluence_mirror").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"\{\w+\}|%[sd]", "…", node.value))
    found += [path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.txt")]
    return "\n".join(found)


def test_the_document_has_at_least_twenty_errors() -> None:
    assert len(ENTRIES) >= 20
    assert DOCUMENT.count("\n### ") == len(ENTRIES)


@pytest.mark.parametrize("error", ENTRIES)
def test_the_program_prints_each_piece_of_an_error(error: str) -> None:
    pieces = [piece.strip() for piece in error.split("…")]
    assert max(map(len, pieces)) > 12
    assert [piece for piece in pieces if piece not in messages()] == []


@pytest.mark.parametrize("error", ENTRIES)
def test_an_error_begins_with_its_exit_code(error: str) -> None:
    code = re.match(r"Exit (\d+)", ENTRIES[error])
    assert code
    assert int(code[1]) in {int(each) for each in Exit} - {0}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_a_mistake_s_exit_code_is_the_one_that_the_document_gives(path: Path) -> None:
    shown = path.read_text(encoding="utf-8")
    code = shown.rpartition("--- exit ")[2].strip()
    met = {
        error: said
        for error, said in ENTRIES.items()
        if all(piece.strip() in shown for piece in error.split("…"))
    }
    assert {error for error, said in met.items() if f"Exit {code}" not in said} == set()
