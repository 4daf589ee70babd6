"""An edit of one paragraph changes the chunks that it touches, and hardly another."""

from __future__ import annotations

import pytest
from chunking_documents import Writer, edited

from confluence_mirror.chunking import ChunkSettings, Tokenizer, chunk_page

EDITS = [
    (where, how) for where in ("top", "middle", "end") for how in ("reword", "insert", "delete")
]


@pytest.mark.parametrize(
    ("overlap", "bound"), [pytest.param(180, 1.4, marks=pytest.mark.long), (0, 1.2)]
)
def test_an_edit_changes_few_ids(cl100k: Tokenizer, overlap: int, bound: float) -> None:
    def ids(blocks: list[str]) -> set[str]:
        pieces = chunk_page(
            "\n\n".join(blocks),
            title="T",
            site_id="s",
            page_id="1",
            settings=ChunkSettings(1000, overlap),
            tokenizer=cl100k,
        )
        return {piece.id for piece in pieces}

    pages = [Writer(700 + number).page(150) for number in range(20)]
    before = [ids(page) for page in pages]
    writer = Writer(999)
    changed = 0
    for number in range(150):
        page = pages[number % len(pages)]
        after = ids(edited(page, writer, *EDITS[number % len(EDITS)]))
        changed += len(after - before[number % len(pages)])
    assert sum(map(len, before)) > 200
    assert 0.9 < changed / 150 < bound
