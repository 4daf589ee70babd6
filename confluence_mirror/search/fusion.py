"""Two rankings made one: by reciprocal ranks.

Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods", SIGIR 2009. Their constant is 60, for lists of a thousand; with 10 the first
ranks of short lists count for more, which finds more of an answer within 1,500 tokens.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from confluence_mirror.search.question import Why

RANK_CONSTANT = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk in the fused ranking."""

    chunk_id: str
    score: float
    """0 to 1."""
    why: Why


def fuse_rankings(
    dense: Sequence[str], lexical: Sequence[str], first: Container[str] = ()
) -> list[Ranked]:
    """Chunk ids of both rankings, best first; equals keep the order in which the vectors, then the
    words, found them. A score of 1 is the first place in every ranking that found anything.

    ``first``: chunks that stand before all others, whatever their ranks.
    """
    scores: dict[str, float] = {}
    for ranking in (dense, lexical):
        for rank, chunk_id in enumerate(dict.fromkeys(ranking), start=1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + 1 / (RANK_CONSTANT + rank)
    by_vectors, by_words = set(dense), set(lexical)
    best = (bool(dense) + bool(lexical)) / (RANK_CONSTANT + 1)
    lead = any(chunk_id in first for chunk_id in scores)

    def rank_score(chunk_id: str) -> float:
        score = scores[chunk_id] / best
        return (score + (chunk_id in first)) / 2 if lead else score

    def found_by(chunk_id: str) -> Why:
        if chunk_id in by_vectors:
            return "both" if chunk_id in by_words else "dense"
        return "lexical"

    ranked = [Ranked(each, rank_score(each), found_by(each)) for each in scores]
    return sorted(ranked, key=lambda each: -each.score)
