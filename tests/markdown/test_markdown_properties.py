"""What holds for any body: no word is lost, code is verbatim, tables are whole, what a save rewrites
changes nothing."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_documents import (
    code_macro,
    codes,
    inlines,
    nested_bodies,
    plain_bodies,
    seen_text,
    shown,
    squeezed,
    table,
)

from confluence_mirror.markdown import convert
from confluence_mirror.model import BodyFormat

_WORD = re.compile(r"[a-h]+")
_FENCE = re.compile(r"^[> ]*(?:(?:[-*]|\d+[.)]) (?:\[[x ]\] )?[> ]*)*(`{3,})([^`]*)$")


def _open_fence(markdown: str) -> str:
    """The fence that is open at the end; empty if all are closed."""
    fence = ""
    for line in markdown.split("\n"):
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif found and len(found[1]) >= len(fence) and not found[2].strip():
            fence = ""
    return fence


@settings(max_examples=80)
@given(nested_bodies)
def test_no_word_is_lost_however_macros_lists_and_tables_are_nested(body: str) -> None:
    found = convert(body)
    wanted = Counter(_WORD.findall(" ".join(seen_text(body))))
    assert found.way == "xml"
    assert not wanted - Counter(_WORD.findall(found.markdown))


@settings(max_examples=60)
@given(
    st.lists(shown, min_size=1, max_size=5),
    st.sampled_from(
        [
            "{}",
            "<p>{}</p>",
            "<pre>{}</pre>",
            "<h2>{}</h2>",
            "<h2><p>{}</p></h2>",
            "<ul><li>{}</li></ul>",
        ]
    ),
)
def test_neighbours_keep_each_word_once_and_apart(parts: list[tuple[str, str]], frame: str) -> None:
    found = convert(frame.format("".join(part for _, part in parts)))
    assert found.way == "xml"
    text = re.sub(
        r"\]\([^()]*\)", " ", found.markdown.split("\n```\n\n")[0]
    )  # addresses say it again
    assert [*_WORD.findall(text)] == [word for word, _ in parts]


@settings(max_examples=60)
@given(nested_bodies)
def test_a_heading_loses_no_word_of_what_stands_in_it(body: str) -> None:
    markdown = convert(f"<h2>{body}</h2>").markdown
    assert not Counter(_WORD.findall(" ".join(seen_text(body)))) - Counter(_WORD.findall(markdown))


@settings(max_examples=80)
@given(nested_bodies)
def test_fences_are_balanced_and_lines_have_no_trailing_space(body: str) -> None:
    markdown = convert(body).markdown
    assert _open_fence(markdown) == ""
    assert not re.search(r"[ \t]$", markdown, re.MULTILINE)
    assert "\n\n\n" not in markdown


@pytest.mark.parametrize("body_format", ["storage", "export_view"])
def test_a_markdown_reader_sees_the_characters_that_a_reader_of_the_page_sees(
    body_format: BodyFormat,
) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    bs4 = pytest.importorskip("bs4")
    reader = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    @settings(max_examples=60)
    @given(plain_bodies)
    def check(body: str) -> None:
        rendered = bs4.BeautifulSoup(
            reader.render(convert(body, body_format=body_format).markdown), "html.parser"
        )
        assert squeezed(rendered.get_text()) == squeezed("".join(seen_text(body)))

    check()


@settings(max_examples=60)
@given(plain_bodies)
def test_without_macros_both_ways_give_the_same_markdown(body: str) -> None:
    assert convert(body, body_format="export_view").markdown == convert(body).markdown


@settings(max_examples=80)
@given(plain_bodies)
def test_a_body_that_is_broken_keeps_its_visible_characters(body: str) -> None:
    found = convert(f"{body}<p>unclosed<em>")
    assert found.way == "html"
    assert found.markdown.replace("*", "").rstrip().endswith("unclosed")
    assert convert(body).markdown.rstrip("\n") in found.markdown


@settings(max_examples=80)
@given(codes, st.sampled_from(["", "python", "js"]))
def test_code_stands_verbatim_in_a_fence(code: str, language: str) -> None:
    first, *lines = convert(code_macro(code, language)).markdown.rstrip("\n").split("\n")
    ticks = first.removesuffix({"js": "javascript"}.get(language, language))
    assert set(ticks) == {"`"}
    assert lines.pop() == ticks
    assert "\n".join(lines) == code.strip("\n")
    assert ticks not in code


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["th", "td"]),
                st.integers(0, 4),
                st.integers(0, 4),
                st.sampled_from(["", "a", "b|c"]),
            ),
            max_size=4,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_row_is_as_wide_as_the_header_whatever_spans(
    rows: list[list[tuple[str, int, int, str]]],
) -> None:
    cells = [
        "".join(
            f'<{tag} colspan="{across}" rowspan="{down}">{text}</{tag}>'
            for tag, across, down, text in row
        )
        for row in rows
    ]
    markdown = convert(
        "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
    ).markdown
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in markdown.splitlines()}
    assert len(widths) <= 1
    for text in {text for row in rows for *_, text in row if text}:
        assert text.replace("|", "\\|") in markdown


@settings(max_examples=60)
@given(table(inlines))
def test_a_table_of_running_text_is_whole(body: str) -> None:
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in convert(body).markdown.splitlines()}
    assert len(widths) <= 1


@settings(max_examples=100)
@given(st.text(st.characters(codec=None), max_size=60), st.sampled_from(["storage", "export_view"]))
def test_any_text_converts(text: str, body_format: BodyFormat) -> None:
    found = convert(text, body_format=body_format)
    found.markdown.encode()
    assert not set(map(chr, [*range(9), *range(11, 32)])) & set(found.markdown)


_PARTS = (
    '<p> </p> <ac:link> <ri:page/> <![CDATA[ ]]> <!-- --> & &#0; < > <td> </table> <table> <ul> <li a=" word <pre> '
    "</li> <ac:structured-macro\tac:name='code'> <ac:plain-text-body> \x00 \ud800 <th <br> <b> </i> <ac:task-list>"
)
_BROKEN = st.lists(st.sampled_from(_PARTS.split(" ")), max_size=12).map("".join)


@settings(max_examples=100)
@given(_BROKEN, st.sampled_from(["storage", "export_view"]))
def test_any_broken_markup_converts_and_twice_to_the_same(
    text: str, body_format: BodyFormat
) -> None:
    found = convert(text, body_format=body_format)
    found.markdown.encode()
    assert convert(text, body_format=body_format) == found


@settings(max_examples=60)
@given(nested_bodies)
def test_converting_is_deterministic(body: str) -> None:
    assert convert(body) == convert(body)


_NOISE = st.sampled_from(
    [
        'ac:macro-id="{}"',
        'ac:schema-version="{}"',
        'ac:local-id="{}"',
        'local-id="{}"',
        'ri:version-at-save="{}"',
    ]
)


@settings(max_examples=60)
@given(
    nested_bodies,
    st.lists(
        st.tuples(_NOISE, st.integers(0, 99)), min_size=1, max_size=3, unique_by=lambda one: one[0]
    ),
)
def test_what_a_save_rewrites_leaves_the_markdown(body: str, noise: list[tuple[str, int]]) -> None:
    attributes = " ".join(form.format(value) for form, value in noise)
    noisy = re.sub(r"<(ac:structured-macro|p|h3|td)\b", rf"<\1 {attributes}", body).replace(
        "<br/>", "<br />"
    )
    assert convert(noisy).markdown == convert(body).markdown
