"""Answers to people's questions from what is stored: the right page first, and enough of it.

Whatever answers people (the command line, the notebook, MCP) asks here; a run of the mirror does
not. Questions and answers are here; what finds answers is in ``searcher`` and ``place``, so that a
question can be made before the record, the stores and the tokenizer are imported.
"""

from confluence_mirror.search.question import (
    DEFAULT_LIMIT,
    MOST_RESULTS,
    Answer,
    Question,
    SearchResult,
)

__all__ = ["DEFAULT_LIMIT", "MOST_RESULTS", "Answer", "Question", "SearchResult"]
