"""What holds for the chunks of any document, whatever its text and the settings."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from chunking_checks import check, not_blank, orphan_row
from chunking_documents import Writer
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.chunking import (
    ChunkSettings,
    Tokenizer,
    chunk_page,
    cut_document,
    load_tokenizer,
)
from confluence_mirror.markdown import convert
from tests.selection import only_quick

ROOT = Path(__file__).parents[2]
SIZES = (16, 17, 33, 64, 128, 254, 512, 1000, 4096, 8192)

lines = st.sampled_from(
    [
        "",
        "  ",
        "# A",
        "## B b",
        "### ",
        "#",
        "```",
        "```python",
        "  ```",
        "~~~",
        "~~~~~ info",
        "````",
        "- ```sh",
        "> quoted",
        "> ```",
        " > ~~~",
        "> [!NOTE]",
        "- item",
        "  - nested",
        "1. x",
        "- [ ] task",
        "| a | b |",
        "|---|---|",
        "| c | d |",
        "    code",
        "\t",
        "<br>",
        "text with ``` inside",
        "Lead-in:",
        "``` " + "i" * 90,
        "word " * 50,
        "A sentence. Another one! " * 12,
        "日本語のテキスト。" * 20,
        "a" * 300,
        "🙂" * 40,
        "e\u0301" * 30,
        "\u2028",
        "x\r",
        "\x00",
        "<|endoftext|>",
        "C:\\Users\\me",
        "[link](https://example.org/a_b)",
    ]
)
soups = st.lists(st.one_of(lines, st.text(max_size=60)), max_size=40).map("\n".join)
sizes = st.one_of(st.sampled_from(SIZES), st.integers(16, 8192))


@st.composite
def any_settings(draw: st.DrawFn) -> ChunkSettings:
    tokens = draw(sizes)
    return ChunkSettings(tokens, draw(st.integers(0, tokens - 1)))


@settings(max_examples=150, deadline=None)
@given(soups, any_settings(), st.text(max_size=80))
def test_any_text_is_whole_within_the_cap_and_well_formed(
    text: str, size: ChunkSettings, title: str
) -> None:
    check(text, size, load_tokenizer("cl100k_base"), title)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), any_settings())
def test_any_page_is_whole_within_the_cap_and_well_formed(
    seed: int, blocks: int, size: ChunkSettings
) -> None:
    check("\n\n".join(Writer(seed).page(blocks)), size, load_tokenizer("cl100k_base"))


@settings(max_examples=40, deadline=None)
@given(soups, st.integers(16, 200), st.integers(0, 15))
def test_the_same_holds_when_a_models_own_tokenizer_counts(
    pieces_file: Path, text: str, tokens: int, overlap: int
) -> None:
    check(text, ChunkSettings(tokens, overlap), load_tokenizer(f"hf:{pieces_file}"))


@settings(max_examples=60, deadline=None)
@given(soups, any_settings())
def test_every_character_stands_in_the_texts_in_order(text: str, size: ChunkSettings) -> None:
    cuts = cut_document(text, title="", settings=size, tokenizer=load_tokenizer("cl100k_base"))
    said = iter("".join(not_blank(found.text) for found in cuts))
    missing = next((char for char in not_blank(text) if char not in said), None)
    assert missing is None


@pytest.mark.long
def test_megabytes_of_pages_are_whole_within_the_cap_and_well_formed(cl100k: Tokenizer) -> None:
    read = 0
    for seed in range(75):
        page = "\n\n".join(Writer(seed).page(Random(seed).choice((60, 200, 400, 400))))
        read += len(page.encode())
        check(
            page, (ChunkSettings(64, 12), ChunkSettings(254, 45), ChunkSettings())[seed % 3], cl100k
        )
    assert read > 5_000_000


def real_documents() -> list[Path]:
    found = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))
    return found + sorted(ROOT.glob("confluence_sandbox/site/**/*.storage"))


@pytest.mark.parametrize("tokens", only_quick([16, 100, 254, 1000], 100, 1000))
def test_the_projects_documents_and_the_sample_pages_are_whole_within_the_cap(
    cl100k: Tokenizer, tokens: int
) -> None:
    documents = real_documents()
    assert len(documents) > 30
    for path in documents:
        text = path.read_text()
        markdown = text if path.suffix == ".md" else convert(text).markdown
        check(markdown, ChunkSettings(tokens, tokens // 6), cl100k, path.stem)


@pytest.mark.parametrize(
    "size", [ChunkSettings(100, 20), ChunkSettings(254, 45), ChunkSettings(1000, 180)]
)
def test_no_table_row_stands_without_its_header(cl100k: Tokenizer, size: ChunkSettings) -> None:
    rows = 0
    for seed in range(25):
        writer = Writer(seed)
        page = [
            writer.paragraph(),
            writer.table(80),
            writer.heading(2),
            writer.items(),
            writer.table(4),
        ]
        quoted = "\n".join(f"> {line}" for line in writer.table(60).split("\n"))
        for found in check("\n\n".join([*page, quoted]), size, cl100k):
            text = found.text.replace("\n> ", "\n")
            assert not orphan_row(text, "| Column 0 |"), text
            rows += text.count("R | ") + text.count("R\n")
    assert rows > 25 * 140


UNITS = (
    "a",
    "\n",
    "word ",
    "字",
    "> ",
    "| a |\n",
    "a\n\n",
    " ",
    "#",
    "- ",
    "`a",
    ". ",
    "🙂",
    "\t",
    "# h\n",
    "```\n",
)


@pytest.mark.parametrize(
    ("unit", "length"),
    [(unit, n) for unit in UNITS for n in (0, 1, 2, 5000)] + [(unit, 10**6) for unit in UNITS[:6]],
)
def test_documents_of_any_length_are_cut(cl100k: Tokenizer, unit: str, length: int) -> None:
    text = (unit * (length // len(unit) + 1))[:length]
    found = cut_document(text, title="Page", settings=ChunkSettings(), tokenizer=cl100k)
    assert max((piece.tokens for piece in found), default=0) <= 1000
    assert sum(len(not_blank(text[piece.start : piece.end])) for piece in found) == len(
        not_blank(text)
    )


def test_the_same_page_gives_the_same_chunks(cl100k: Tokenizer) -> None:
    page = "\n\n".join(Writer(5).page(200))
    first, second = (
        chunk_page(
            page, title="T", site_id="s", page_id="1", settings=ChunkSettings(), tokenizer=counter
        )
        for counter in (cl100k, load_tokenizer("cl100k_base"))
    )
    assert first == second
    assert [piece.index for piece in first] == list(range(len(first)))
    assert {piece.count for piece in first} == {len(first)}
