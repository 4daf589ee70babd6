"""Plain content: headings, paragraphs, marks, code, lists, quotes, tables."""

from __future__ import annotations

import re

from . import tables, writing
from .languages import language
from .marks import DEL, EM, STRONG
from .source import AC, Element
from .walk import SILENT, Walker, block, inline, text_of
from .writing import BREAK, Listing

_MAX_NUMBER = 999_999_999
"""Longest number that Markdown takes for a list's: nine digits."""


@block("p")
def paragraph(walker: Walker, element: Element, out: list[str]) -> None:
    """A paragraph."""
    text = walker.inline(element)
    if text:
        out += writing.flow(text, walker.newline)


@block(
    "div", "section", "article", "main", "header", "footer", "nav", "aside", "address", "center", "figure", "body",
    "html", "form", "fieldset", "details", f"{AC}layout", f"{AC}layout-section", f"{AC}layout-cell",
    f"{AC}rich-text-body", f"{AC}adf-content", f"{AC}adf-fallback", f"{AC}task-body", "hgroup", "x",
)  # fmt: skip
def container(walker: Walker, element: Element, out: list[str]) -> None:
    """What only holds blocks, in reading order."""
    walker.blocks(element, out)


@block("h1", "h2", "h3", "h4", "h5", "h6")
def heading(walker: Walker, element: Element, out: list[str]) -> None:
    """An ATX heading; bold in a table cell. Blocks inside follow it. Bold over all of it says nothing."""
    text = walker.inline(element)
    if not text:
        return
    parts = text.split(writing.BLOCK) if writing.BLOCK in text else [text]
    title = "".join(parts[::2]).strip()
    if not title and len(parts) > 1 and "\n" not in parts[1]:
        title = parts.pop(1)
    if walker.cell:
        title = writing.line(writing.mark(STRONG, writing.line(title.replace(STRONG[0], "").replace(STRONG[1], ""))))
    else:
        if title.startswith(STRONG[0]) and title.endswith(STRONG[1]) and title.count(STRONG[0]) == 1:
            title = title[1:-1]
        title = writing.heading(int(element.tag[1]), title)
    if title:
        out.append(title)
    out += [part for part in parts[1::2] if part]


@inline("strong", "b")
def strong(walker: Walker, element: Element) -> str:
    """Bold."""
    return writing.mark(STRONG, walker.inline(element))


@inline("em", "i", "cite", "dfn", "var")
def emphasis(walker: Walker, element: Element) -> str:
    """Italic."""
    return writing.mark(EM, walker.inline(element))


@inline("del", "s", "strike")
def struck(walker: Walker, element: Element) -> str:
    """Struck out."""
    return writing.mark(DEL, walker.inline(element))


@inline("sub", "sup")
def shifted(walker: Walker, element: Element) -> str:
    """Sub- and superscript: Markdown has none, and 10<sup>6</sup> is not 106."""
    text = walker.inline(element)
    core = text.strip()
    if not core or writing.BLOCK in text:
        return text
    return text.replace(core, f"<{element.tag}>{core}</{element.tag}>", 1)


@inline("br")
def line_break(walker: Walker, element: Element) -> str:
    """A line break (with content only in malformed bodies)."""
    return BREAK + walker.inline(element) if len(element) or element.text else BREAK


@inline("wbr")
def nothing(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """Where a long word may break."""
    return ""


@inline("q")
def quotation(walker: Walker, element: Element) -> str:
    """A quotation in running text."""
    return f"“{walker.inline(element)}”"


@inline("code", "kbd", "samp", "tt")
def code(walker: Walker, element: Element) -> str:
    """Inline code. What is no text inside (a link, an image, a macro) stays what it is, its own text as code."""
    if not len(element):
        return writing.code_span(element.text) if element.text else ""
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
            out += (writing.code_span("".join(run)), _as_inline(walker, child))
            run.clear()
        elif child.tag not in SILENT:
            if any(str(inner.tag).startswith("{") or inner.tag in ("a", "img", "br") for inner in child.iter()):
                out += (writing.code_span("".join(run)), code(walker, child))
                run.clear()
            else:
                run.append(text_of(child))
        run.append(child.tail or "")
    out.append(writing.code_span("".join(run)))
    return "".join(out)


def _as_inline(walker: Walker, child: Element) -> str:
    from .walk import BLOCKS, INLINE

    found = INLINE.get(child.tag)
    if found is not None:
        return found(walker, child)
    inner: list[str] = []
    handler = BLOCKS.get(child.tag)
    if handler is None:
        return walker.unknown(child)
    handler(walker, child, inner)
    return writing.block(inner)


@block("pre", "listing", "xmp")
def preformatted(walker: Walker, element: Element, out: list[str]) -> None:
    """Code as a fence; images and links inside follow it."""
    text = text_of(element, gap="\n") if element.find(".//br") is not None else text_of(element)
    hint = element.get("class") or ""
    inner = element.find("code")
    if inner is not None:
        hint += " " + (inner.get("class") or "")
    found = re.search(r"(?:language-|lang-|brush:\s*)([\w+#.-]+)", hint)
    add_code(walker, text, found[1] if found else "", out)
    for child in element.iter("a"):
        url = child.get("href") or ""
        if url and url not in text:
            out += writing.flow(writing.link(writing.plain(text_of(child)), url), walker.newline)


def add_code(walker: Walker, text: str, name: str, out: list[str]) -> None:
    """Code as a fence, or in a table cell as lines of inline code."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    done = writing.code_in_cell(text) if walker.cell else writing.fence(text, language(name))
    if done:
        out.append(done)


@block("blockquote")
def blockquote(walker: Walker, element: Element, out: list[str]) -> None:
    """A quote; in a table cell its text."""
    inner = walker.content(element)
    if walker.cell:
        out += inner
    elif inner:
        if inner[0].startswith("[!"):
            inner[0] = "\\" + inner[0]
        out.append(writing.quote(inner))


@block("hr")
def rule(walker: Walker, element: Element, out: list[str]) -> None:  # noqa: ARG001
    """A rule; nothing in a table cell."""
    if not walker.cell:
        out.append("---")


@block("ul", "ol", "menu", "dir")
def listing(walker: Walker, element: Element, out: list[str]) -> None:
    """A list. One that stands directly in a list belongs to the item before it."""
    ordered = element.tag == "ol"
    number = _number(element.get("start")) if ordered else 0
    before = out[-1] if out else None
    period = "."
    if ordered and isinstance(before, Listing) and before.next_number not in (0, number):
        period = ")"
    items: list[tuple[int, list[str]]] = []
    for child in element:
        if child.tag in ("ul", "ol") and items:
            listing(walker, child, items[-1][1])
            continue
        inner: list[str] = []
        if child.tag == "li":
            walker.blocks(child, inner)
            number = _number(child.get("value"), number)
            if inner:
                items.append((number, inner))
            number += 1
        else:
            inner += writing.flow(_as_inline(walker, child), walker.newline)
            if inner:
                items.append((number, inner))
                number += 1
        if child.tail and not child.tail.isspace():
            loose = writing.flow(writing.plain(child.tail), walker.newline)
            if items:
                items[-1][1].extend(loose)
            else:
                items.append((number, loose))
    add_list(walker, [(f"{min(at, _MAX_NUMBER)}{period} " if ordered else "- ", inner) for at, inner in items], out)
    if ordered and items and isinstance(out[-1], Listing):
        out[-1].next_number = number


def _number(value: str | None, default: int = 1) -> int:
    """A list's number; nothing that is not one."""
    digits = (value or "").strip()
    return int(digits[:9]) if digits.isascii() and digits.isdigit() else default


def add_list(walker: Walker, items: list[tuple[str, list[str]]], out: list[str]) -> None:
    """Write a list from markers and the blocks of each item; close to a list before it. In a cell: on one line."""
    if not items:
        return
    if walker.cell:
        lines = []
        for marker, blocks in items:
            inner = ["  " + text.replace("<br>", "<br>  ") if isinstance(text, Listing) else text for text in blocks]
            lines.append(marker + "<br>".join(inner).lstrip())
        out.append(Listing("<br>".join(lines)))
        return
    out.append(Listing("\n".join(writing.item(marker, blocks) for marker, blocks in items)))


@block("dl")
def definitions(walker: Walker, element: Element, out: list[str]) -> None:
    """A definition list: an item a term, bold, its definitions after it."""
    items: list[tuple[str, list[str]]] = []
    for child in element.iter("dt", "dd"):
        if child.tag == "dt":
            term = writing.line(writing.mark(STRONG, writing.line(walker.inline(child))))
            if term:
                items.append(("- ", [term + ":"]))
            continue
        inner = walker.content(child)
        if not items:
            items.append(("- ", []))
        blocks = items[-1][1]
        if inner and blocks and blocks[-1].endswith(":") and len(blocks) == 1 and is_text(inner[0]):
            blocks[0] += " " + inner.pop(0)
        blocks += inner
    add_list(walker, [(marker, blocks) for marker, blocks in items if blocks], out)


def is_text(block_text: str) -> bool:
    """Whether a finished block is a paragraph of one line, to which a marker may be put."""
    return not isinstance(block_text, Listing) and "\n" not in block_text and block_text[0] not in "#>|`"


@block("table")
def table(walker: Walker, element: Element, out: list[str]) -> None:
    """A table as pipes; inside a cell of another, as lines of text."""
    rows: list[list[tables.Cell]] = []
    head = False
    caption: list[str] = []
    for child in element:
        tag = child.tag
        if tag in ("tbody", "thead", "tfoot"):
            head = head or (tag == "thead" and not rows)
            rows += [_row(walker, row) for row in child if row.tag == "tr"]
        elif tag == "tr":
            rows.append(_row(walker, child))
        elif tag == "caption":
            caption += writing.flow(writing.mark(STRONG, walker.inline(child)), walker.newline)
        elif tag not in SILENT:
            caption += writing.flow(_as_inline(walker, child), walker.newline)
    out += caption
    add_table(walker, rows, head, out)


def add_table(walker: Walker, rows: list[list[tables.Cell]], head: bool, out: list[str]) -> None:
    """Write a table from its cells."""
    if not rows:
        return
    placed, cut = tables.place(rows)
    if cut:
        walker.notes["a table spans more cells than are repeated"] = None
    if not placed:
        return
    if walker.cell:
        lines = tables.in_line(placed, head)
        out.append("<br>".join(lines))
    else:
        out.append(tables.write(placed, head))


def _row(walker: Walker, row: Element) -> list[tables.Cell]:
    cells: list[tables.Cell] = []
    for cell in row:
        tag = cell.tag
        if tag in ("td", "th"):
            across, down = cell.get("colspan"), cell.get("rowspan")
            text = cell_text(walker, cell)
            header = tag == "th"
            cells.append((text, header, tables.span(across) if across else 1, tables.span(down) if down else 1))
    return cells


def cell_text(walker: Walker, cell: Element) -> str:
    """The content of a cell on one line."""
    count = len(cell)
    if not count:
        text = cell.text
        return writing.line(writing.plain(text)) if text else ""
    walker.cell += 1
    newline, walker.newline = walker.newline, "<br>"
    out: list[str] = []
    walker.blocks(cell, out)
    walker.newline = newline
    walker.cell -= 1
    return out[0] if len(out) == 1 else "<br>".join(out)
