"""Answers to people's questions from what is stored: the right page first, and enough of it.

Whatever answers people (the command line, the notebook, MCP) asks here; a run of the mirror does
not.
"""

from confluence_mirror.search.place import Place, searched_mirror
from confluence_mirror.search.question import (
    DEFAULT_LIMIT,
    MOST_RESULTS,
    Answer,
    Question,
    SearchResult,
)
from confluence_mirror.search.searcher import Searched, Searcher

__all__ = [
    "DEFAULT_LIMIT",
    "MOST_RESULTS",
    "Answer",
    "Place",
    "Question",
    "SearchResult",
    "Searched",
    "Searcher",
    "searched_mirror",
]
