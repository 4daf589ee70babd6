"""Bodies made to hurt: each is read in bounded memory and loses no word without a note. Sizes are
those at which a converter that recurses, or is quadratic, fails; a hang shows as the whole suite's
time limit."""

from __future__ import annotations

import base64
import resource
import sys
import threading
import zlib
from pathlib import Path

import pytest

from confluence_mirror.markdown import convert
from confluence_mirror.model import BodyFormat, Converted

BOTH: list[BodyFormat] = ["storage", "export_view"]
_MB = 1_000_000


def code(text: str) -> str:
    return (
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA['
        + text
        + "]]></ac:plain-text-body></ac:structured-macro>"
    )


def nested(before: str, inner: str, after: str, levels: int) -> str:
    return before * levels + inner + after * levels


@pytest.mark.parametrize("body_format", BOTH)
@pytest.mark.parametrize("levels", [340, 2_000, 50_000])
def test_nested_containers_are_flattened_and_say_so(levels: int, body_format: BodyFormat) -> None:
    found = convert(nested("<div>", "deep word", "</div>", levels), body_format=body_format)
    assert found.markdown == "deep word\n"
    assert found.notes


@pytest.mark.parametrize("body_format", BOTH)
def test_nested_lists_keep_every_word(body_format: BodyFormat) -> None:
    body = "".join(f"<ul><li>w{level}" for level in range(2_000)) + "</li></ul>" * 2_000
    found = convert(body, body_format=body_format)
    assert all(f"w{level}" in found.markdown for level in range(2_000))
    assert len(found.markdown) < 100_000
    assert found.notes


@pytest.mark.parametrize(
    "tag",
    ["ul", "ac:task-list", "ac:adf-node", "code", "dl", "table", "pre", "ac:link", "ac:image"],
)
def test_elements_nested_directly_in_their_like_are_read_as_xml(tag: str) -> None:
    found = convert(nested(f"<{tag}>", "<span>deep</span>", f"</{tag}>", 1_000))
    assert found.way == "xml"
    assert "deep" in found.markdown


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<blockquote>", "</blockquote>"),
        ("<ul><li>", "</li></ul>"),
        (
            '<ac:structured-macro ac:name="panel"><ac:rich-text-body>',
            "</ac:rich-text-body></ac:structured-macro>",
        ),
    ],
)
def test_many_lines_in_deep_quotes_and_lists_do_not_multiply(before: str, after: str) -> None:
    found = convert(nested(before, "<p>line</p>" * 20_000, after, 70))
    assert found.markdown.count("line") == 20_000
    assert len(found.markdown) < 3 * _MB


def test_nested_macros_keep_every_word() -> None:
    body = nested(
        '<ac:structured-macro ac:name="info"><ac:rich-text-body>',
        "<p>deep</p>",
        "</ac:rich-text-body></ac:structured-macro>",
        500,
    )
    found = convert(body)
    assert "deep" in found.markdown
    assert found.notes


@pytest.mark.parametrize("body_format", BOTH)
@pytest.mark.parametrize("tag", ["strong", "em", "span", "sub", "blockquote", "a", "unheard-of"])
def test_nested_marks_keep_their_words(tag: str, body_format: BodyFormat) -> None:
    found = convert(
        "<p>" + nested(f"<{tag}>a ", "deep", f"</{tag}>", 1_500) + "</p>", body_format=body_format
    )
    assert "deep" in found.markdown


@pytest.mark.parametrize("body_format", BOTH)
def test_nested_tables_stay_in_one_row(body_format: BodyFormat) -> None:
    body = nested("<table><tbody><tr><td>x</td><td>", "deep", "</td></tr></tbody></table>", 50)
    found = convert(body, body_format=body_format)
    assert found.markdown.count("\n") == 3
    assert "deep" in found.markdown


@pytest.mark.parametrize("body_format", BOTH)
def test_a_stack_that_is_nearly_used_up_changes_nothing(body_format: BodyFormat) -> None:
    body = nested("<div><blockquote>", "deep", "</blockquote></div>", 30)
    expected = convert(body, body_format=body_format)
    found: list[Converted] = []

    def from_below(levels: int) -> None:
        if levels:
            from_below(levels - 1)
        else:
            found.append(convert(body, body_format=body_format))

    thread = threading.Thread(target=from_below, args=(sys.getrecursionlimit() // 3,))
    thread.start()
    thread.join()
    assert found == [expected]


@pytest.mark.parametrize("body_format", BOTH)
@pytest.mark.parametrize(
    "blank", [" ", "\n", "\t", "&nbsp;", "<br/>", "<p></p>", "<p>&nbsp;</p>", "<b></b>", "<!-- -->"]
)
def test_a_megabyte_of_nothing_is_nothing(blank: str, body_format: BodyFormat) -> None:
    found = convert(f"<p>a{blank * (_MB // len(blank) // 4)}b</p>", body_format=body_format)
    assert found.markdown.split() in (["a", "b"], ["ab"])


@pytest.mark.parametrize("body_format", BOTH)
@pytest.mark.parametrize(
    "char",
    ["a", "`", "_", "*", "\\", "~", "[", "]", "!", "&lt;", "&amp;", "|", "#", "a_", "*a ", "1. "],
)
def test_one_long_line_of_one_sign(char: str, body_format: BodyFormat) -> None:
    found = convert(f"<p>x{char * 100_000}</p>", body_format=body_format)
    assert 100_000 <= len(found.markdown) <= 410_000


@pytest.mark.parametrize("body_format", BOTH)
@pytest.mark.parametrize(
    ("before", "part", "after"),
    [
        ("<ol>", "<li>item</li>", "</ol>"),
        ("<table>", "<tr><td>item</td><td>b</td></tr>", "</table>"),
        ("", "<p>item</p>", ""),
        ("<p>", "item<br/>", "</p>"),
        ("<p>", "<b>item</b>", "</p>"),
        ("<p>", "<b>item</b> <i>x</i>", "</p>"),
        ("<p>", "<code>item</code> ", "</p>"),
        ("<p>", "<a href='x'>item</a> ", "</p>"),
        ("<dl>", "<dt>item</dt><dd>b</dd>", "</dl>"),
        ("<ul>", "<ul><li>item</li></ul>", "</ul>"),
    ],
)
def test_very_many_siblings_are_all_kept(
    before: str, part: str, after: str, body_format: BodyFormat
) -> None:
    count = 1_000
    assert (
        convert(before + part * count + after, body_format=body_format).markdown.count("item")
        == count
    )


def test_a_dense_page_of_rendered_html_says_how_it_was_read() -> None:
    found = convert("<p>word</p>" * 30_000, body_format="export_view")
    assert found.markdown.count("word") == 30_000
    assert any("very many tags" in note for note in found.notes)


def test_a_dense_page_that_is_broken_is_kept() -> None:
    found = convert("<p>word</b>" * 60_000)
    assert found.way == "html"
    assert found.markdown.count("word") == 60_000


def test_a_megabyte_of_code_is_verbatim() -> None:
    text = ("x > y && z < w ]] ``` \\n\n" * (_MB // 24)).strip("\n")
    assert f"\n{text}\n" in convert(code(text)).markdown


def test_many_backticks_make_a_longer_fence() -> None:
    found = convert(code("`" * 200_000)).markdown
    assert found == f"{'`' * 200_001}\n{'`' * 200_000}\n{'`' * 200_001}\n"


@pytest.mark.parametrize("body_format", BOTH)
def test_cdata_that_does_not_end_is_kept(body_format: BodyFormat) -> None:
    assert (
        "kept > here" in convert("<p>a</p><![CDATA[kept > here", body_format=body_format).markdown
    )


@pytest.mark.parametrize("body_format", BOTH)
@pytest.mark.parametrize(
    "opened",
    [
        "<![CDATA[",
        "<!--",
        "<",
        "<a ",
        "</",
        "<a href='",
        "&#",
        "]]>",
        "<!DOCTYPE ",
        "<!DOCTYPE [a",
        "<?xml ",
    ],
)
def test_thirty_thousand_beginnings_without_an_end(opened: str, body_format: BodyFormat) -> None:
    found = convert(f"<p>first</p>{opened * 30_000}last", body_format=body_format)
    assert "first" in found.markdown
    assert "last" in found.markdown


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("body_format", BOTH)
def test_very_many_attributes_are_no_hindrance(quote: str, body_format: BodyFormat) -> None:
    attributes = " ".join(f"a{number}={quote}1{quote}" for number in range(50_000))
    assert convert(f"<p {attributes}>word</p>", body_format=body_format).markdown == "word\n"


@pytest.mark.parametrize("body_format", BOTH)
def test_forbidden_characters_are_taken_out(body_format: BodyFormat) -> None:
    body = "<p>a\x00b\x0bc\ufffed\ud800e\x1ff</p>" + "<p>&#0;&#xD800;&#xFFFFFF;&#99999999;g</p>"
    assert convert(body, body_format=body_format).markdown.split() == ["abcdef", "g"]


@pytest.mark.parametrize("body_format", BOTH)
def test_entities_are_not_expanded(body_format: BodyFormat) -> None:
    entities = '<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    )
    found = convert(f"<!DOCTYPE lolz [{entities}]><p>x&a9;y</p>", body_format=body_format)
    assert len(found.markdown) < 1_000


@pytest.mark.parametrize("body_format", BOTH)
def test_no_file_is_read(body_format: BodyFormat, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("topsecret")
    url = secret.as_uri()
    body = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "{url}"><!ENTITY % p SYSTEM "{url}"> %p;]>'
        f'<p xmlns:xi="http://www.w3.org/2001/XInclude">&e;<xi:include href="{url}" parse="text"/>z</p>'
    )
    assert "topsecret" not in convert(body, body_format=body_format).markdown


@pytest.mark.parametrize("body_format", BOTH)
def test_absurd_spans_are_cut_and_said(body_format: BodyFormat) -> None:
    row = '<tr><td colspan="1000000000" rowspan="1000000000">word</td></tr>'
    found = convert(f"<table>{row}</table>", body_format=body_format)
    assert len(found.markdown) < 3_000
    assert found.notes


@pytest.mark.parametrize("body_format", BOTH)
def test_spans_do_not_multiply_a_page(body_format: BodyFormat) -> None:
    cell = f'<td colspan="100" rowspan="2000">{"long text " * 100}</td>'
    body = f"<table><tr>{cell}</tr>" + "<tr><td>x</td></tr>" * 2_000 + "</table>"
    found = convert(body, body_format=body_format)
    assert len(found.markdown) < 5 * _MB
    assert found.notes


@pytest.mark.parametrize("body_format", BOTH)
@pytest.mark.parametrize(("rows", "text"), [(3_000, "word"), (3, "long word " * 20_000)])
def test_rows_that_all_span_do_not_multiply_a_page(
    rows: int, text: str, body_format: BodyFormat
) -> None:
    row = f'<tr><td colspan="100" rowspan="1000">{text}</td></tr>'
    found = convert(f"<table>{row * rows}</table>", body_format=body_format)
    assert len(found.markdown) < 8 * _MB
    assert found.markdown.count("word") >= rows
    assert found.notes


def test_white_text_in_a_deep_page_is_looked_at_once() -> None:
    body = (
        '<div style="x">' * 1_500
        + '<b style="color:white">x</b>' * 30_000
        + "seen"
        + "</div>" * 1_500
    )
    assert convert(body).markdown == "seen\n"


@pytest.mark.parametrize("body_format", BOTH)
def test_a_body_of_which_nothing_is_left_says_so(body_format: BodyFormat) -> None:
    found = convert('<p style="display:none">x</p>', body_format=body_format)
    assert found.markdown == ""
    assert found.notes == ("nothing that a reader sees",)
    assert convert("", body_format=body_format).notes == ()


@pytest.mark.parametrize(
    "text", [":" * 300_000 + "a:", "\\" * 300_000 + ":", ":" * 300_000, "a" + "\\:" * 100_000]
)
def test_very_much_punctuation_in_bold_beside_a_word(text: str) -> None:
    markdown = convert(f"<p>x<b>{text}</b>x</p>").markdown
    assert markdown.count(":") == text.count(":")


def test_one_very_wide_row_does_not_widen_many_narrow_ones() -> None:
    body = (
        "<table><tr>"
        + "<td>x</td>" * 5_000
        + "</tr>"
        + "<tr><td>narrow</td></tr>" * 5_000
        + "</table>"
    )
    found = convert(body)
    assert found.markdown.count("narrow") == 5_000
    assert len(found.markdown) < 2 * _MB


def test_a_body_beyond_the_limit_is_cut_and_said() -> None:
    found = convert("a" * 20_000_010)
    assert len(found.markdown) == 20_000_001
    assert found.notes == ("cut to 20000000 characters",)


def test_packed_diagrams_do_not_unpack_without_end() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(packer.compress(b"a" * 50 * _MB) + packer.flush()).decode()
    parameter = f'<ac:parameter ac:name="data">{packed}</ac:parameter>'
    body = f'<ac:structured-macro ac:name="plantumlcloud">{parameter}</ac:structured-macro>'
    assert len(convert(body).markdown) < 2 * _MB


@pytest.mark.long
def test_five_megabytes_of_a_real_looking_page_stay_in_bounds() -> None:
    part = (
        "<h2>Title</h2><p>Some <strong>bold</strong> words &nbsp; and <a href='https://x.example/'>links</a>.</p>"
        "<table><tbody><tr><th>A</th><th>B</th></tr><tr><td><p>1</p></td><td>2</td></tr></tbody></table>"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = convert(part * (5 * _MB // len(part)))
    assert found.markdown.count("## Title") == 5 * _MB // len(part)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 500 * _MB
