"""This repository's questions about the sample site, and how well an answer answers them.

The questions stand in ``retrieval_questions.tsv``, each with its page, its section and its
evidence: the strings that an answer needs, all of them (in a table the row's name and the value).
They are a check: nothing in the product is chosen by them.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import tiktoken

QUESTIONS = Path(__file__).with_name("retrieval_questions.tsv")
BUDGETS = (500, 1500)
"""Tokens of cl100k_base: a narrow prompt, and a usual one."""
_MARKS = re.compile(r"[*`|\\]|<br ?/?>|\s")


@dataclass(frozen=True)
class Asked:
    """A question, and what its answer needs."""

    kind: str
    page: str
    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Passage:
    """A text that was found, and the title of its page."""

    page: str
    text: str


@dataclass(frozen=True)
class Figures:
    """How well one question was answered; each from 0 to 1."""

    coverage: tuple[float, ...]
    """The share of the evidence in the first tokens, for each of ``BUDGETS``."""
    recall: float
    """Whether one of the first five passages holds all of the evidence."""
    rank: float
    """nDCG@10 of pages: 1 where the first page is the right one, 0 where it is not among ten."""


def questions() -> list[Asked]:
    """The committed questions."""
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Asked(row["kind"], row["page"], row["question"], tuple(row["evidence"].split(";")))
            for row in rows
        ]


def bare(text: str) -> str:
    """Text without Markdown's marks and without white space, which each way of reading a page
    treats in its own way."""
    return _MARKS.sub("", text)


def covered(asked: Asked, passages: Sequence[Passage]) -> float:
    """The share of the evidence that passages of the right page hold."""
    texts = [bare(each.text) for each in passages if each.page == asked.page]
    return sum(any(bare(part) in text for text in texts) for part in asked.evidence) / len(
        asked.evidence
    )


def first_tokens(
    passages: Sequence[Passage], most: int, encoding: tiktoken.Encoding
) -> list[Passage]:
    """The passages up to so many tokens; the last one is cut."""
    found: list[Passage] = []
    for each in passages:
        tokens = encoding.encode_ordinary(each.text)[:most]
        most -= len(tokens)
        found.append(Passage(each.page, encoding.decode(tokens)))
        if not most:
            break
    return found


def page_rank(asked: Asked, passages: Sequence[Passage]) -> float:
    """nDCG@10 of the pages in the order in which they were found; one is relevant."""
    pages = list(dict.fromkeys(each.page for each in passages))[:10]
    return 1 / math.log2(pages.index(asked.page) + 2) if asked.page in pages else 0.0


def figures(
    asked: Asked, within: Sequence[Sequence[Passage]], ranked: Sequence[Passage]
) -> Figures:
    """``within``: what was found for each of ``BUDGETS``; ``ranked``: without a budget, the first
    ten or more."""
    return Figures(
        tuple(covered(asked, each) for each in within),
        float(any(covered(asked, [each]) == 1 for each in ranked[:5])),
        page_rank(asked, ranked),
    )


def interval(differences: Sequence[float], rounds: int = 10_000) -> tuple[float, float]:
    """The 95 % interval of their mean: paired bootstrap over the questions, from a fixed seed."""
    chance, count = Random(17), len(differences)
    means = sorted(sum(chance.choices(differences, k=count)) / count for _ in range(rounds))
    return means[round(rounds * 0.025)], means[round(rounds * 0.975) - 1]
