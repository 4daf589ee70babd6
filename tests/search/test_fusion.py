"""Two rankings made one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.search.fusion import fuse_rankings

ids = st.lists(st.text("abcdefgh", min_size=1, max_size=2), unique=True, max_size=20)


def test_what_both_find_stands_before_what_one_finds_higher_up() -> None:
    ranked = fuse_rankings(["a", "b"], ["c", "b"])
    assert [(each.chunk_id, each.why) for each in ranked] == [
        ("b", "both"),
        ("a", "dense"),
        ("c", "lexical"),
    ]


def test_first_in_both_rankings_is_a_score_of_one() -> None:
    assert fuse_rankings(["a"], ["a"])[0].score == 1.0


def test_what_must_stand_first_does_so_whatever_its_rank() -> None:
    ranked = fuse_rankings(["a", "b"], ["a", "b", "c"], first=["c"])
    assert [each.chunk_id for each in ranked] == ["c", "a", "b"]


@given(ids, ids, ids)
def test_scores_fall_from_1_to_0_and_nothing_is_lost_or_invented(
    dense: list[str], lexical: list[str], first: list[str]
) -> None:
    ranked = fuse_rankings(dense, lexical, first)
    scores = [each.score for each in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert sorted(each.chunk_id for each in ranked) == sorted({*dense, *lexical})
