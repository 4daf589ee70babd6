"""Plain content: headings, paragraphs, marks, code, lists, quotes, tables."""

from __future__ import annotations

import re

from . import blocks, languages, tables, writing
from .languages import language
from .marks import DEL, EM, STRONG
from .names import (
    AC_ADF_CONTENT,
    AC_ADF_FALLBACK,
    AC_IMAGE,
    AC_LAYOUT,
    AC_LAYOUT_CELL,
    AC_LAYOUT_SECTION,
    AC_LINK,
    AC_RICH_TEXT_BODY,
    AC_TASK_BODY,
    RI_USER,
)
from .payload import without_pictures
from .source import Element
from .walk import BLOCKS, INLINE, MAX_DEPTH, SILENT, Walker, block, inline, text_of
from .writing import BREAK

_GAP = "\x01"
_GAPS = re.compile("\n?\x01+\n?")


@block("p")
def render_paragraph(walker: Walker, element: Element, out: list[str]) -> None:
    """A paragraph."""
    text = walker.inline(element)
    if text:
        out += writing.flow(text, walker.newline)


@block(
    "div",
    "section",
    "article",
    "main",
    "header",
    "footer",
    "nav",
    "aside",
    "address",
    "center",
    "figure",
    "body",
    "html",
    "form",
    "fieldset",
    "details",
    AC_LAYOUT,
    AC_LAYOUT_SECTION,
    AC_LAYOUT_CELL,
    AC_RICH_TEXT_BODY,
    AC_ADF_CONTENT,
    AC_ADF_FALLBACK,
    AC_TASK_BODY,
    "hgroup",
    "x",
)
def render_container(walker: Walker, element: Element, out: list[str]) -> None:
    """What only holds blocks, in reading order."""
    walker.blocks(element, out)


@block("h1", "h2", "h3", "h4", "h5", "h6")
def render_heading(walker: Walker, element: Element, out: list[str]) -> None:
    """A heading. What is a block in it follows it."""
    out += blocks.heading(int(element.tag[1]), walker.inline(element), cell=bool(walker.cell))


@block("summary")
def render_summary(walker: Walker, element: Element, out: list[str]) -> None:
    """The title of what can be folded, as that of an expand macro."""
    text = writing.line(walker.inline(element))
    if text:
        out.append(text if "**" in text else f"**{text}**")


@inline("strong", "b")
def render_strong(walker: Walker, element: Element) -> str:
    """Bold."""
    return writing.mark(STRONG, walker.inline(element))


@inline("em", "i", "cite", "dfn", "var")
def render_emphasis(walker: Walker, element: Element) -> str:
    """Italic."""
    return writing.mark(EM, walker.inline(element))


@inline("del", "s", "strike")
def render_struck(walker: Walker, element: Element) -> str:
    """Struck out."""
    return writing.mark(DEL, walker.inline(element))


@inline("sub", "sup")
def render_shifted(walker: Walker, element: Element) -> str:
    """Sub- and superscript."""
    return writing.shifted(element.tag, walker.inline(element))


@inline("br")
def line_break(walker: Walker, element: Element) -> str:
    """A line break (with content only in malformed bodies)."""
    return BREAK + walker.inline(element) if len(element) or element.text else BREAK


@inline("wbr")
def render_nothing(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """Where a long word may break."""
    return ""


@inline("q")
def render_quotation(walker: Walker, element: Element) -> str:
    """A quotation in running text."""
    return f"“{walker.inline(element)}”"


@inline("code", "kbd", "samp", "tt")
def render_code(walker: Walker, element: Element) -> str:
    """Inline code. What is not text inside (a link, an image, a macro) stays what it is, its own
    text as code."""
    if not len(element):
        return writing.code_span(element.text) if element.text else ""
    if walker.depth > MAX_DEPTH:
        return walker.flat_text(element)
    walker.depth += 1
    out: list[str] = []
    run = [element.text or ""]
    for child in element:
        if child.tag == "a" and text_of(child).strip():
            out += (
                writing.code_span("".join(run)),
                writing.link(writing.code_span(text_of(child)), child.get("href") or ""),
            )
            run.clear()
        elif child.tag == "br":
            out += (writing.code_span("".join(run)), BREAK)
            run.clear()
        elif str(child.tag).startswith("{") or child.tag in (
            "a",
            "img",
            "table",
            "ul",
            "ol",
            "pre",
            "p",
            "div",
            "time",
        ):
            out += (writing.code_span("".join(run)), as_inline(walker, child))
            run.clear()
        elif child.tag not in SILENT:
            if any(
                str(inner.tag).startswith("{") or inner.tag in ("a", "img", "br")
                for inner in child.iter()
            ):
                out += (writing.code_span("".join(run)), render_code(walker, child))
                run.clear()
            else:
                run.append(text_of(child))
        run.append(child.tail or "")
    out.append(writing.code_span("".join(run)))
    walker.depth -= 1
    return "".join(out)


def as_inline(walker: Walker, child: Element) -> str:
    """Any element as running text."""
    found = INLINE.get(child.tag)
    if found is not None:
        return found(walker, child)
    if child.tag not in BLOCKS:
        return walker.unknown(child)
    inner: list[str] = []
    walker.nested(BLOCKS[child.tag], child, inner)
    return writing.block(inner)


def _add_element(walker: Walker, child: Element, out: list[str]) -> None:
    """Any element that a reader sees, as blocks."""
    if child.tag in SILENT:
        return
    handler = BLOCKS.get(child.tag)
    if handler is not None:
        walker.nested(handler, child, out)
    else:
        out += writing.flow(as_inline(walker, child), walker.newline)


@block("pre", "listing", "xmp")
def render_preformatted(walker: Walker, element: Element, out: list[str]) -> None:
    """Code as a fence; images and the addresses of links inside follow it."""
    text = code_text(walker, element)
    add_code(walker, text, languages.hinted(_language_hints(element)), out)
    for child in element.iter("a", "img", AC_IMAGE, AC_LINK):
        if child.tag == "a":
            url = child.get("href") or ""
            if url and url not in text and url[0] != "#":
                out += writing.flow(
                    writing.link(writing.plain(text_of(child)), url), walker.newline
                )
        elif child.tag != AC_LINK:
            out += writing.flow(render_picture(walker, child), walker.newline)
        elif child.find(RI_USER) is None:
            out += writing.flow(as_inline(walker, child), walker.newline)


def render_picture(walker: Walker, element: Element) -> str:
    """A picture that code holds; an emoji stands in the code."""
    found = as_inline(walker, element)
    return found if found.lstrip()[:2] in ("![", "[!") else ""


def _language_hints(element: Element) -> list[str]:
    """Where the language of pasted code may be said: at it, at the ``code`` in it, at what is
    around it."""
    inner = element.find("code")
    return [
        "\n".join(
            [
                one.get("data-language") or one.get("data-lang") or one.get("lang") or "",
                one.get("class") or "",
            ]
        )
        for one in (element, inner, element.getparent())
        if one is not None
    ]


def code_text(walker: Walker, element: Element) -> str:
    """All of an element as code: each block on lines of its own."""
    return _GAPS.sub("\n", text_of(element, _GAP, walker)).strip("\n")


def add_code(walker: Walker, text: str, name: str, out: list[str]) -> None:
    """Code in a language by Confluence's name for it."""
    out += blocks.code(without_pictures(text), language(name), cell=bool(walker.cell))


@block("blockquote")
def render_blockquote(walker: Walker, element: Element, out: list[str]) -> None:
    """A quote; in a table cell its text."""
    inner: list[str] = []
    walker.put_in(element, inner)
    out += inner if walker.cell else blocks.quote(inner)


@block("hr")
def render_rule(walker: Walker, element: Element, out: list[str]) -> None:  # noqa: ARG001
    """A rule; nothing in a table cell."""
    if not walker.cell:
        out.append("---")


@block("ul", "ol", "menu", "dir")
def render_list(walker: Walker, element: Element, out: list[str]) -> None:
    """A list. One that stands directly in a list belongs to the item before it; so does loose
    text."""
    ordered = element.tag == "ol"
    number = blocks.list_number(element.get("start")) if ordered else 1
    after = (blocks.delimiter(out[-1], number) if out else ".") + " "
    items: list[tuple[str, list[str]]] = []
    if element.text and not element.text.isspace():
        items.append(("- ", writing.flow(writing.plain(element.text), walker.newline)))
    for child in element:
        inner: list[str] = []
        if child.tag == "li":
            walker.put_in(child, inner)
            if value := child.get("value"):
                number = blocks.list_number(value, number)
            if inner:
                items.append(
                    (f"{min(number, blocks.MAX_NUMBER)}{after}" if ordered else "- ", inner)
                )
            number += 1
        else:
            inner = items[-1][1] if items else inner
            _add_element(walker, child, inner)
            if inner and not items:
                items.append(("- ", inner))
        if child.tail and not child.tail.isspace():
            loose = writing.flow(writing.plain(child.tail), walker.newline)
            if items:
                items[-1][1].extend(loose)
            else:
                items.append(("- ", loose))
    out += blocks.listing(items, cell=bool(walker.cell))


@block("dl")
def render_definitions(walker: Walker, element: Element, out: list[str]) -> None:
    """A definition list: one item per term, bold, its definitions after it."""
    parts = [(child.tag == "dt", walker.content(child)) for child in _definition_parts(element)]
    out += blocks.definitions(parts, cell=bool(walker.cell))


def _definition_parts(element: Element) -> list[Element]:
    """The terms and definitions of a list, those in ``div`` groups too."""
    return [part for child in element for part in (child if child.tag == "div" else (child,))]


@block("table")
def render_table(walker: Walker, element: Element, out: list[str]) -> None:
    """A table as pipes; inside a cell of another, as lines of text. What stands in it and in no
    cell goes above it."""
    rows: list[list[tables.Cell]] = []
    head = 0
    _loose(walker, element.text, out)
    for child in element:
        if child.tag in ("tbody", "thead", "tfoot"):
            first = child.tag == "thead" and not rows
            _loose(walker, child.text, out)
            for row in child:
                _read_row(walker, row, rows, out)
                _loose(walker, row.tail, out)
            head = sum(any(cell[0] for cell in row) for row in rows) if first else head
        else:
            _read_row(walker, child, rows, out)
        _loose(walker, child.tail, out)
    done, cut = tables.render_table(rows, head, cell=bool(walker.cell))
    if cut:
        walker.notes[tables.CUT] = None
    out += done


def _loose(walker: Walker, text: str | None, out: list[str]) -> None:
    if text and not text.isspace():
        out += writing.flow(writing.plain(text), walker.newline)


def _read_row(walker: Walker, row: Element, rows: list[list[tables.Cell]], out: list[str]) -> None:
    """A row, or whatever else stands in a table where a row should."""
    if row.tag == "tr":
        cells: list[tables.Cell] = []
        _loose(walker, row.text, out)
        for cell in row:
            if cell.tag in ("td", "th"):
                cells.append(_read_cell(walker, cell))
            else:
                _add_element(walker, cell, out)
            _loose(walker, cell.tail, out)
        rows.append(cells)
    elif row.tag in ("td", "th"):
        rows.append([_read_cell(walker, row)])
    elif row.tag == "caption":
        out += writing.flow(writing.mark(STRONG, walker.inline(row)), walker.newline)
    else:
        _add_element(walker, row, out)


def _read_cell(walker: Walker, cell: Element) -> tables.Cell:
    across, down = cell.get("colspan"), cell.get("rowspan")
    text = cell_text(walker, cell)
    header = cell.tag == "th"
    if header and text[:2] == "**":
        text = tables.unbold(text)
    return (
        text,
        header,
        tables.read_span(across) if across else 1,
        tables.read_span(down) if down else 1,
    )


def cell_text(walker: Walker, cell: Element) -> str:
    """The content of a cell on one line."""
    count = len(cell)
    if not count:
        text = cell.text
        return writing.line(writing.plain(text)) if text else ""
    if (
        count == 1
        and cell[0].tag == "p"
        and not len(cell[0])
        and not cell.text
        and not cell[0].tail
    ):
        text = cell[0].text
        return writing.line(writing.plain(text)) if text else ""
    walker.cell += 1
    newline, walker.newline = walker.newline, "<br>"
    out: list[str] = []
    walker.blocks(cell, out)
    walker.newline = newline
    walker.cell -= 1
    return out[0] if len(out) == 1 else "<br>".join(out)
