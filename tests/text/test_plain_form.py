"""The plain form of a chunk: no marks, no word lost, whatever the page holds."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.chunking import ChunkSettings, chunk_page, load_tokenizer
from confluence_mirror.markdown import convert
from confluence_mirror.text.plain import plain_form, strip_markdown
from tests.markdown.markdown_documents import nested_bodies, seen_text

_WORD = re.compile(r"[a-h]+")
TOKENIZER = load_tokenizer("cl100k_base")


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("## 2. Stop the *writers* ##", "2. Stop the writers"),
        ("A **bold**, a *slanted*, a ~~struck~~ word", "A bold, a slanted, a struck word"),
        ("un***believ***able, __init__ and max_connections", "unbelievable, init and max_connections"),
        (r"5 \* 3, 2*3 and 4 * 3, \*args, \_\_init\_\_ in C:\Users\me", r"5 * 3, 2*3 and 4 * 3, *args, __init__ in C:\Users\me"),
        ("Call `max_size(*args)` or ``a `b` c``, and \\`this\\`", "Call max_size(*args) or a `b` c, and `this`"),
        ("See [the *book*](<page:OPS/Run book>) and [a (b)](https://x.example/a_(b)).", "See the book and a (b)."),
        ("[![Overview](a.png)](https://x.example/) ![](b.png)", "Overview"),
        ("at <https://x.example/~ann/a_b_c> or https://x.example/*/d", "at https://x.example/~ann/a_b_c or https://x.example/*/d"),
        ("H<sub>2</sub>O, 10<sup>6</sup>, the 1<sup>st</sup> of <domain>", "H2O, 10^6, the 1st of <domain>"),
        (r"R&amp;D &lt;b&gt; \&amp; AT&T &nosuch;", "R&D <b> &amp; AT&T &nosuch;"),
        ("one\\\ntwo", "one\ntwo"),
        ("- [x] Read it\n- [ ] Write it\n  1. first\n  10) tenth", "Read it\nWrite it\n1. first\n10) tenth"),
        ("> [!NOTE]\n> **Mind**\n>\n> > the gap", "Note:\nMind\n\nthe gap"),
        ("above\n\n---\n\nbelow", "above\n\nbelow"),
        ("$$\na*b*c = \\alpha_1\n$$\n\n*so*", "a*b*c = \\alpha_1\n\nso"),
    ],
)  # fmt: skip
def test_marks_go_and_what_they_are_around_stays(markdown: str, plain: str) -> None:
    assert strip_markdown(markdown) == plain


def test_a_row_reads_as_sentences_without_its_empty_cells() -> None:
    table = (
        "|  | Port | Who? |\n| --- |:---:| --- |\n| **db-1** |  | a\\|b |\n"
        "| `a \\| b` | one<br>two | Ann<br>- Bo |\n\nafter | the table"
    )
    assert strip_markdown(table).split("\n") == [
        "Port. Who?",
        "db-1. a|b",
        "a | b. one two. Ann - Bo",
        "",
        "after | the table",
    ]


@pytest.mark.parametrize("around", ["{}", "> {}", "  {}"])
def test_code_is_verbatim_and_its_fence_is_its_language(around: str) -> None:
    lines = ["- ~~~bash", "# not a *heading*", "| a | b |", "```", "~~~", "*after*"]
    plain = strip_markdown("\n".join(around.format(line) for line in lines))
    assert [line.strip() for line in plain.split("\n")] == ["bash", *lines[1:4], "after"]


def test_the_line_of_context_stays_as_it_is_and_a_heading_in_its_place_does_not() -> None:
    context = "How *args and <T> work > `a` [b](c)"
    assert plain_form(f"{context}\n\n**x**") == f"{context}\n\nx"
    assert plain_form("# A *title*\n\n**x**") == "A title\n\nx"


@pytest.mark.parametrize("text", ["---", "![](a.png)", "| | |", "**", "> ", "```\n```"])
def test_a_text_of_nothing_but_marks_is_never_empty(text: str) -> None:
    assert plain_form(text) == text.strip()
    assert plain_form(f"Title\n\n{text}").startswith("Title")


@settings(max_examples=80)
@given(nested_bodies)
def test_no_word_that_a_reader_sees_is_lost(body: str) -> None:
    pieces = chunk_page(
        convert(body).markdown,
        title="-",
        site_id="s",
        page_id="1",
        settings=ChunkSettings(1000, 0),
        tokenizer=TOKENIZER,
    )
    plain = [plain_form(piece.text) for piece in pieces]
    wanted = Counter(_WORD.findall(" ".join(seen_text(body))))
    assert not wanted - Counter(_WORD.findall("\n".join(plain)))


@settings(max_examples=150)
@given(st.text("ab1 *_`~[](){}<>!|\\#>-+.&;=$:\n", max_size=120))
def test_any_text_keeps_its_letters_and_is_never_emptied(text: str) -> None:
    plain = plain_form(text)
    assert bool(plain) == bool(text.strip())
    without_targets = re.sub(r"\]\(.*|<[^>]*>|&[^;]*;|\[![^\]]*\]", "", text, flags=re.DOTALL | re.MULTILINE)  # fmt: skip
    lacking = Counter(filter(str.isalpha, without_targets)) - Counter(plain)
    assert not lacking or text.lstrip()[:1] in "`~" or "```" in text or "~~~" in text


@given(st.text("ab1 .,:\n日ü", max_size=80))
def test_a_plain_text_is_its_own_plain_form(text: str) -> None:
    once = plain_form(text)
    assert plain_form(once) == once
    assert once.split() == text.split()


TEXTS = {
    "ticks": lambda n: " ".join("`" * k for k in range(1, int((2 * n) ** 0.5))),
    "brackets": lambda n: "[" * n,
    "links without an end": lambda n: "[a](" * (n // 4),
    "brackets in a label": lambda n: "[" + "[a]" * (n // 3),
    "parentheses in a target": lambda n: "[a](" + "(b)" * (n // 3),
    "titles without an end": lambda n: '[a](b "' * (n // 7),
    "stars": lambda n: "*" * n + "a",
    "stars apart": lambda n: "a* *" * (n // 4),
    "underscores": lambda n: "_a " * (n // 3),
    "long underscores": lambda n: "_" * n + "a",
    "tags without an end": lambda n: "<b " * (n // 3),
    "comments without an end": lambda n: "<!-- " * (n // 5),
    "addresses": lambda n: "http://" * (n // 7),
    "backslashes": lambda n: "\\" * n + "|",
    "a row": lambda n: "| a " * (n // 4) + "\n" + "| - " * (n // 4),
    "a delimiter row": lambda n: "a|b\n|-" + " " * n + "x",
    "quotes": lambda n: "> " * (n // 2) + "a",
    "hashes": lambda n: "# a" + " #" * (n // 2) + "b",
    "dashes": lambda n: "- " * (n // 2) + "a",
}


@pytest.mark.parametrize("name", TEXTS)
def test_its_time_is_linear(name: str) -> None:
    def cost(size: int) -> float:
        began = time.process_time()
        strip_markdown(TEXTS[name](size))
        return time.process_time() - began

    small = min(cost(30_000) for _ in range(2))
    assert cost(120_000) < 9 * small + 0.2
