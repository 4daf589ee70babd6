"""What ``docs/read.md`` shows is what the readers' tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readers.snippets import DOCUMENT, ROOT, snippets

TESTS = (
    "readers/test_readers.py",
    "llama/test_llama_real_readers.py",
    "job/test_query.py",
    "mcp/test_mcp.py",
)
TRIED = "".join((Path(__file__).parents[1] / name).read_text(encoding="utf-8") for name in TESTS)


def test_every_program_of_the_document_has_a_name_and_so_a_test() -> None:
    assert DOCUMENT.read_text(encoding="utf-8").count("```") == 2 * len(snippets())
    assert [name for name in snippets() if f'"{name}"' not in TRIED] == []


@pytest.mark.parametrize(
    "name", [name for name, (language, _) in snippets().items() if language == "python"]
)
def test_a_program_of_the_document_is_python(name: str) -> None:
    compile(snippets()[name][1], name, "exec")


@pytest.mark.parametrize("reader", ["langchain", "llamaindex", "llama"])
def test_a_reader_is_tried_with_pinned_versions_that_a_comment_introduces(reader: str) -> None:
    lines = (
        (ROOT / "scripts" / "readers" / f"{reader}.txt").read_text(encoding="utf-8").splitlines()
    )
    assert lines[0].startswith("# ")
    assert [line for line in lines[1:] if "==" not in line] == []
