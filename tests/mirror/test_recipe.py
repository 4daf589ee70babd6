"""How documents are made for a store that keeps less of a text than the embedding model sees."""

from __future__ import annotations

import pytest

from confluence_mirror.chunking import ChunkSettings
from confluence_mirror.mirror.documents import RecipeSpec
from confluence_mirror.stores.base import Capabilities
from tests.mirror.harness import TOKENIZER


@pytest.mark.parametrize(
    ("most", "sizes"),
    [(None, (6144, 180)), (3500, (3500, 180)), (500, (500, 90)), (8000, (6144, 180))],
)
def test_chunks_shrink_to_what_the_store_keeps_and_their_overlap_only_below_what_was_set(
    most: int | None, sizes: tuple[int, int]
) -> None:
    intended, seen = ChunkSettings(1000, 180), ChunkSettings(6144, 180)
    can = Capabilities(replaces=True, deletes=True, lists=True, max_text_tokens=most)
    recipe = RecipeSpec("site", TOKENIZER, intended, seen).for_store(can)
    assert (recipe.chunks.tokens, recipe.chunks.overlap) == sizes
