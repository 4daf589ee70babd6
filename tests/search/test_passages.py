"""Chunks that were found, as passages."""

from __future__ import annotations

from dataclasses import replace

from confluence_mirror.manifest import TextRow
from confluence_mirror.search import Question
from confluence_mirror.search.passages import Found, Passages
from tests.search.corpus import COUNTER

ROW = TextRow("", "1", 0, "Page", "", "", "page", "OPS", (), "2026-01-31T08:15:00Z", "")


def sentence(number: int) -> str:
    return (
        f"Sentence {number} says that the broker of region {number} restarts at {number} o'clock."
    )


def chunk(page_id: str, position: int) -> TextRow:
    """Each begins with the last sentence of the one before."""
    body = " ".join(
        sentence(n) for n in (10 * position, *range(10 * position + 1, 10 * position + 11))
    )
    return replace(
        ROW, id=f"{page_id} {position}", page_id=page_id, position=position, text=f"Page\n\n{body}"
    )


def collect(question: Question, found: list[TextRow], pages: dict[str, int]) -> list[str]:
    passages = Passages(
        question, COUNTER, lambda page: [chunk(page, n) for n in range(pages[page])]
    )
    passages.collect([Found(row, 1.0, "dense") for row in found])
    return [result.text for result in passages.results()]


def test_a_chunk_that_closes_the_gap_between_two_passages_makes_them_one() -> None:
    found = [chunk("1", 4), chunk("1", 6), chunk("2", 9), chunk("1", 5)]
    first, other = collect(Question("why"), found, {"1": 40, "2": 40})
    numbers = [int(word) for word in first.split() if word.isdecimal()]
    assert numbers[::3] == list(range(40, 71))
    assert "Sentence 91 " in other


def test_where_a_short_page_does_not_fit_whole_its_chunk_does_and_others_follow() -> None:
    one = COUNTER.count_tokens(chunk("1", 0).text)
    question = Question("why", max_tokens=one * 9 // 2)
    found = [chunk(page, 0) for page in "12345"]
    texts = collect(question, found, {"1": 40, "2": 40, "3": 40, "4": 2, "5": 40})
    assert texts[:4] == [row.text for row in found[:4]]
    assert found[4].text.startswith(texts[4])
