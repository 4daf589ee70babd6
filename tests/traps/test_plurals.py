"""Every count in a message has the noun's right form: ``wording.counted`` makes it, and nothing
else does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from confluence_mirror.wording import counted, verb

PACKAGE = Path(__file__).resolve().parents[2] / "confluence_mirror"
NOUNS = [
    "pages",
    "chunks",
    "files",
    "documents",
    "threads",
    "spaces",
    "folders",
    "requests",
    "tokens",
    "texts",
    "rows",
    "labels",
    "stores",
    "collections",
    "runs",
    "minutes",
    "hours",
    "seconds",
    "settings",
    "attempts",
    "users",
    "groups",
    "errors",
    "days",
    "packages",
    "accounts",
    "questions",
    "results",
    "lines",
    "elements",
    "comments",
    "attachments",
    "vectors",
    "copies",
    "entries",
    "warnings",
]
BETWEEN = "(?:(?:more|new|recorded|named|other|foreign|special|vector|long|of its) )?"
COUNTED = re.compile(rf"^ {BETWEEN}(?:{'|'.join(NOUNS)})\b")
IN_FORMAT = re.compile(rf"%[ds] {BETWEEN}(?:{'|'.join(NOUNS)})\b")


def is_constant(value: ast.expr) -> bool:
    """A limit, which is never one."""
    names = [each.attr for each in ast.walk(value) if isinstance(each, ast.Attribute)]
    names += [each.id for each in ast.walk(value) if isinstance(each, ast.Name)]
    return all(name.isupper() for name in names)


def uncounted(tree: ast.AST) -> Iterator[int]:
    """Lines of texts in which a number that may be one stands before a plural."""
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(each) for each in node.values}
            for value, text in zip(node.values, node.values[1:], strict=False):
                if (
                    isinstance(value, ast.FormattedValue)
                    and isinstance(text, ast.Constant)
                    and not is_constant(value.value)
                    and COUNTED.match(str(text.value))
                ):
                    yield node.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for each in node.args[:1]:
                if isinstance(each, ast.Constant) and IN_FORMAT.search(str(each.value)):
                    yield each.lineno


def test_a_text_with_a_count_before_a_plural_is_found() -> None:
    source = 'f"{len(found)} recorded pages are"; log.info("%d chunks", 1); f"{MOST} pages"'
    assert list(uncounted(ast.parse(source))) == [1, 1]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_count_and_its_noun_are_put_together_in_one_place(path: Path) -> None:
    found = [f"{path}:{line}" for line in uncounted(ast.parse(path.read_text(encoding="utf-8")))]
    assert not found


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 pages"), (1, "1 page"), (2, "2 pages"), (1250, "1,250 pages")]
)
def test_a_count_has_its_noun_in_the_right_form(count: int, text: str) -> None:
    assert counted(count, "page") == text


def test_a_plural_may_have_a_form_of_its_own_and_a_verb_goes_with_it() -> None:
    assert counted(2, "copy", "copies") == "2 copies"
    assert (verb(1, "is", "are"), verb(0, "is", "are")) == ("is", "are")
