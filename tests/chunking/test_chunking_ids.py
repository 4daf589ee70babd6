"""The chunk id is a contract: these vectors never change."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.chunking import ChunkSettings, Tokenizer, chunk_id, chunk_page

CONTRACT = Path(__file__).parents[2] / "docs" / "chunks.md"
SITE = "11111111-2222-3333-4444-555555555555"
VECTORS = (
    ((SITE, "123456", "Page\n\nText.", 0), "8d48ecda-0555-8b25-8e3c-e28b8c986c5c"),
    ((SITE, "123456", "Page\n\nText.", 1), "400f89f4-e3ce-8755-bf4c-9bf8f6023408"),
    ((SITE, "123457", "Page\n\nText.", 0), "e8b7fc4d-ce85-8d4d-9fb3-07b790a58cb4"),
    (("site", "1", "", 0), "6b2fc8c1-bae3-83a0-81c4-b89584492c45"),
    (("site", "1", "日本語 – ü 🙂", 0), "ba342289-d845-89d5-9b79-4ee2c824ba71"),
)


@pytest.mark.parametrize(("parts", "expected"), VECTORS)
def test_ids_are_those_of_the_contract(parts: tuple[str, str, str, int], expected: str) -> None:
    assert chunk_id(*parts) == expected
    assert expected in CONTRACT.read_text()


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=200), st.integers(0, 10**6))
def test_an_id_is_the_sha256_of_its_parts_as_a_uuid_of_version_8(
    site: str, page: str, text: str, occurrence: int
) -> None:
    data = "\0".join(["confluence-sync chunk 1", site, page, str(occurrence), text]).encode()
    expected = bytearray(hashlib.sha256(data).digest()[:16])
    expected[6] = expected[6] & 0x0F | 0x80
    expected[8] = expected[8] & 0x3F | 0x80
    found = uuid.UUID(chunk_id(site, page, text, occurrence))
    assert found.bytes == bytes(expected)
    assert found.variant == uuid.RFC_4122


def test_ids_do_not_depend_on_where_a_chunk_stands(cl100k: Tokenizer) -> None:
    body = "\n\n".join(f"# Part {n}\n\n" + f"text number {n} " * 40 for n in range(5))
    settings = ChunkSettings(200, 0)
    before, after = (
        chunk_page(text, title="T", site_id=SITE, page_id="1", settings=settings, tokenizer=cl100k)
        for text in (body, "# New\n\n" + "quite new " * 90 + "\n\n" + body)
    )
    assert {piece.id for piece in before} < {piece.id for piece in after}
    assert before[0].index == 0
    moved = next(piece for piece in after if piece.id == before[0].id)
    assert moved.index > 0


def test_two_pages_and_two_sites_never_share_an_id(cl100k: Tokenizer) -> None:
    ids = [
        chunk_page(
            "Text.",
            title="T",
            site_id=site,
            page_id=page,
            settings=ChunkSettings(),
            tokenizer=cl100k,
        )[0].id
        for site in ("a", "b")
        for page in ("1", "2")
    ]
    assert len(set(ids)) == 4
