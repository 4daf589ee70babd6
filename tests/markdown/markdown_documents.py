"""Generated bodies of plain content, and what a reader sees of a body and of its Markdown."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from hypothesis import strategies as st

_LETTERS = "abcXYZ019 _*`[]()<>&#-+.,!~|\\=:;/\"'$é日本語й\n\u00a0"
SPACES = re.compile(r"\s+")
HIDDEN = frozenset(["parameter", "placeholder", "task-id", "task-status", "task-uuid"])

texts = st.text(_LETTERS, max_size=14).map(escape)
words = st.text("abcdefgh", min_size=1, max_size=6)
codes = (
    st.text("ab `~<>&\n\t|\\*_]", min_size=1, max_size=30)
    .map(lambda text: text.strip("\n"))
    .filter(str.strip)
)


def _element(tag: str, inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return inner.map(lambda text: f"<{tag}>{text}</{tag}>")


def _joined(parts: st.SearchStrategy[str], most: int, least: int = 0) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=least, max_size=most).map("".join)


def _marks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        [_element(tag, _joined(inner, 3)) for tag in ("strong", "em", "del", "u", "span", "sub")]
    )


code_spans = (
    st.text("ab `<>&|\\*_]", min_size=1, max_size=8)
    .filter(str.strip)
    .map(lambda text: f"<code>{escape(text)}</code>")
)
inlines = st.recursive(st.one_of(texts, texts, code_spans, st.just("<br/>")), _marks, max_leaves=6)
running = _joined(inlines, 4, 1)
paragraphs = _element("p", running)


def table(cells: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A table of up to 3 × 3 cells, with or without a header row."""

    @st.composite
    def build(draw: st.DrawFn) -> str:
        width = draw(st.integers(1, 3))
        rows = []
        for index in range(draw(st.integers(1, 3))):
            tag = "th" if index == 0 and draw(st.booleans()) else "td"
            rows.append(
                "<tr>" + "".join(f"<{tag}>{draw(cells)}</{tag}>" for _ in range(width)) + "</tr>"
            )
        return f"<table><tbody>{''.join(rows)}</tbody></table>"

    return build()


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = _joined(inner, 3, 1)
    items = _joined(_element("li", several), 3, 1)
    return st.one_of(
        _element("ul", items),
        _element("ol", items),
        _element("blockquote", several),
        _element("div", several),
    )


leaves = st.one_of(
    paragraphs,
    paragraphs,
    _element("h2", running),
    table(st.one_of(running, paragraphs)),
    codes.map(lambda text: f"<pre>{escape(text)}</pre>"),
    st.just("<hr/>"),
)
plain_bodies = _joined(st.recursive(leaves, _blocks, max_leaves=6), 3, 1)
"""Bodies without a macro: the same in storage format and in rendered HTML."""


def code_macro(text: str, language: str = "") -> str:
    """A code macro, its CDATA split where it must be."""
    body = text.replace("]]>", "]]]]><![CDATA[>")
    return (
        f'<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">{language}</ac:parameter>'
        f"<ac:plain-text-body><![CDATA[{body}]]></ac:plain-text-body></ac:structured-macro>"
    )


def _macros(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = _joined(inner, 3, 1)
    bodies = several.map(lambda text: f"<ac:rich-text-body>{text}</ac:rich-text-body>")
    panels = st.sampled_from(
        ["info", "note", "tip", "panel", "expand", "excerpt", "details", "unheard-of", "section"]
    )
    layout = several.map(
        lambda text: (
            f"<ac:layout><ac:layout-section><ac:layout-cell>{text}</ac:layout-cell></ac:layout-section></ac:layout>"
        )
    )
    tasks = several.map(
        lambda text: (
            "<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>complete</ac:task-status>"
            f"<ac:task-body>{text}</ac:task-body></ac:task></ac:task-list>"
        )
    )
    cells = several.map(
        lambda text: f'<table><tr><th>k</th><td colspan="2">{text}</td></tr></table>'
    )
    framed = st.tuples(panels, bodies).map(
        lambda pair: f'<ac:structured-macro ac:name="{pair[0]}">{pair[1]}</ac:structured-macro>'
    )
    return st.one_of(framed, framed, layout, tasks, cells, _blocks(inner))


def _shown(word: str) -> st.SearchStrategy[str]:
    """Neighbours that a reader sees, each with this word."""
    parameter = '<ac:parameter ac:name="{}">' + word + "</ac:parameter>"
    return st.sampled_from(
        [
            f'<ac:structured-macro ac:name="status">{parameter.format("title")}</ac:structured-macro>',
            f'<ac:structured-macro ac:name="jira">{parameter.format("key")}</ac:structured-macro>',
            f'<ac:structured-macro ac:name="tooltip">{parameter.format("text")}</ac:structured-macro>',
            f'<ac:structured-macro ac:name="unheard-of">{parameter.format("label")}</ac:structured-macro>',
            f'<ac:link><ri:user ri:account-id="{word}"/></ac:link>',
            f'<ac:link><ri:page ri:content-title="{word}"/></ac:link>',
            f'<time datetime="{word}"/>',
        ]
    )


shown = words.flatmap(lambda word: st.tuples(st.just(word), _shown(word)))
"""A word, and something that shows it."""


_worded = _joined(words.map(lambda word: f"<strong>{word}</strong> {word} "), 3, 1)
nested_bodies = _joined(
    st.recursive(
        st.one_of(_element("p", _worded), _element("h3", _worded), words, words.map(code_macro)),
        _macros,
        max_leaves=10,
    ),
    3,
    1,
)
"""Bodies of words in macros, lists and tables, nested in each other."""


def seen_text(body: str) -> list[str]:
    """The texts of a body that a reader sees, in order."""
    root = ElementTree.fromstring(f'<x xmlns:ac="urn:ac" xmlns:ri="urn:ri">{body}</x>')
    found: list[str] = []

    def walk(element: ElementTree.Element) -> None:
        if element.tag.rpartition("}")[2] not in HIDDEN:
            found.append(element.text or "")
            for child in element:
                walk(child)
                found.append(child.tail or "")

    walk(root)
    return found


def squeezed(text: str) -> str:
    """A text without any white space."""
    return SPACES.sub("", text)
