"""Neighbouring chunks put together again: every word once, in order."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.chunking import ChunkSettings, chunk_page, load_tokenizer
from confluence_mirror.markdown import convert
from confluence_mirror.search.joining import body_of, join_chunks
from confluence_sandbox.demo import demo_site

TITLE = "Restore a tenant"
COUNTER = load_tokenizer("cl100k_base")


def chunk_texts(markdown: str, title: str, tokens: int) -> list[str]:
    pieces = chunk_page(
        markdown,
        title=title,
        site_id="site",
        page_id="1",
        settings=ChunkSettings(tokens, tokens * 18 // 100),
        tokenizer=COUNTER,
    )
    return [piece.text for piece in pieces]


@pytest.mark.parametrize("tokens", [200, 254, 1000])
def test_the_pages_of_the_sample_site_come_together_word_for_word(tokens: int) -> None:
    cut = 0
    for page in demo_site().current():
        markdown = convert(page.body).markdown
        texts = chunk_texts(markdown, page.title, tokens)
        if texts:
            cut += len(texts) > 1
            joined = join_chunks(texts, page.title)
            assert body_of(joined, page.title).split() == markdown.split(), page.title
    assert cut > 3


@given(
    st.lists(st.sampled_from(["paragraph", "list", "code", "table"]), min_size=4, max_size=30),
    st.integers(0, 2**32),
    st.sampled_from([250, 400]),
)
@settings(max_examples=40)
def test_no_word_is_lost_or_said_twice(kinds: list[str], seed: int, tokens: int) -> None:
    markdown = "\n\n".join(_block(kind, n, Random(f"{seed} {n}")) for n, kind in enumerate(kinds))
    texts = chunk_texts(markdown, TITLE, tokens)
    joined = join_chunks(texts, TITLE)
    assert _numbered(joined) == _numbered(markdown)


@given(st.text("ab \n", max_size=30), st.text("ab \n", max_size=30), st.integers(0, 30))
def test_the_most_with_which_one_text_ends_and_the_next_begins_stands_once(
    before: str, more: str, repeated: int
) -> None:
    body = (before[len(before) - repeated :] + more).lstrip("\n")

    def is_no_chance(length: int) -> bool:
        lines = f"\n{before}".endswith(f"\n{body[:length]}") and body[length:][:1] in ("", "\n")
        return before.endswith(body[:length]) and (length >= 6 or lines)

    shared = max(filter(is_no_chance, range(1, min(len(before), len(body)) + 1)), default=0)
    joined = join_chunks([before, f"{TITLE}\n\n{body}"], TITLE)
    assert joined.startswith(before)
    assert joined.endswith(body[shared:])
    assert not shared or joined == before + body[shared:]


def _block(kind: str, block: int, random: Random) -> str:
    """Words that are all different, so that each can be counted."""
    words = (f"w{block}x{n}" for n in range(10_000))

    def sentence(length: int) -> str:
        return " ".join(next(words) for _ in range(length)).capitalize() + "."

    if kind == "paragraph":
        return " ".join(sentence(random.randint(4, 14)) for _ in range(random.randint(1, 9)))
    if kind == "list":
        return "\n".join(
            f"- {sentence(random.randint(3, 20))}" for _ in range(random.randint(1, 12))
        )
    if kind == "code":
        lines = "\n".join(sentence(random.randint(2, 9)) for _ in range(random.randint(1, 30)))
        return f"```sql\n{lines}\n```"
    rows = "\n".join(f"| {sentence(2)} | {sentence(3)} |" for _ in range(random.randint(1, 25)))
    return f"| key | value |\n| --- | --- |\n{rows}"


def _numbered(text: str) -> list[str]:
    """The counted words, in their order."""
    return [
        word for word in text.lower().replace(".", " ").split() if word[0] == "w" and "x" in word
    ]
