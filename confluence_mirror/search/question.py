"""What is asked, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from confluence_mirror.errors import WrongUsage
from confluence_mirror.model import Filter

DEFAULT_LIMIT = 5
MOST_RESULTS = 50

Why: TypeAlias = Literal["dense", "lexical", "both"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and how much may be answered. Raises ``WrongUsage`` for what cannot be meant."""

    text: str
    limit: int = DEFAULT_LIMIT
    """Results; 1 to 50."""
    max_tokens: int | None = None
    """Of all results' texts together, in cl100k_base; None: as many as the results have."""
    where: Filter = Filter()

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise WrongUsage("A search needs words to search for; nothing was done.")
        if not 1 <= self.limit <= MOST_RESULTS:
            raise WrongUsage(f"The number of results is 1 to {MOST_RESULTS}, not {self.limit}.")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise WrongUsage(f"The number of tokens is 1 or more, not {self.max_tokens}.")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A passage of a page: one chunk, neighbours put together, or a short page as a whole."""

    title: str
    heading: str
    """``Heading > Subheading`` where the passage begins; may be empty."""
    url: str
    """Of the page, at the heading where there is one."""
    text: str
    """Markdown."""
    score: float
    """0 to 1, falling from result to result; comparable only within one answer."""
    why: Why
    """What found it: the vectors, the words, or both."""
    page_id: str
    page_type: str
    space_key: str
    modified_at: str
    """Of the page's current version, UTC: ``2026-01-31T08:15:00Z``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The results for one question, best first."""

    query: str
    results: tuple[SearchResult, ...]
    took_ms: int
    note: str = ""
    """One line about whose view it is, or why there is nothing; empty: nothing to say."""
