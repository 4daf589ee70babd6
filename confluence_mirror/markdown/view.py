"""Rendered HTML (``view``, ``export_view``) to Markdown: BeautifulSoup's tree, markdownify's walk,
our writing helpers.

The classes are those that Confluence's renderer gives its macros. What a handler returns is running
text in which finished blocks are marked (see :mod:`.writing`), so that paragraphs, lists and tables
come out as from storage format.
"""

# ruff: noqa: ARG002  (markdownify gives every handler the element, its text and the tags around it)
from __future__ import annotations

import re
from typing import Any

from bs4.element import NavigableString, PreformattedString, Tag
from markdownify import MarkdownConverter

from . import blocks, tables, writing
from .images import image, last_part
from .languages import hinted, language
from .links import absolute, linked, slug
from .marks import DEL, EM, STRONG
from .resolve import Resolver
from .soup import attribute, classes_of, code_of, emoji_of, flatten, language_hint, soup_of
from .writing import BREAK

_ALERTS = {
    "confluence-information-macro-information": "NOTE",
    "confluence-information-macro-note": "WARNING",
    "confluence-information-macro-warning": "CAUTION",
    "confluence-information-macro-tip": "TIP",
}
_DROPPED = frozenset(
    [
        "toc-macro",
        "toc",
        "plugin_pagetree",
        "search-macro",
        "expand-control-icon",
        "hidden",
        "aui-icon",
        "hide-border",
    ]
)
_WAITING = frozenset(["Getting issue details...", "STATUS"])


class ViewConverter(MarkdownConverter):
    """markdownify's walk with what Confluence's HTML needs. One object converts one body."""

    def __init__(self, resolver: Resolver) -> None:
        super().__init__()
        self._resolver = resolver
        self.macros: set[str] = set()
        self.notes: dict[str, None] = {}
        self._items: dict[int, list[str]] = {}
        self._cells: dict[int, str] = {}
        self._listed: dict[int, str] = {}

    def process_tag(self, node: Tag, parent_tags: set[str] | None = None) -> str:
        """Leave out what is only for the screen, and what is drawn from its own tree."""
        if macro := attribute(node, "data-macro-name"):
            self.macros.add(macro)
        if _DROPPED & classes_of(node):
            return ""
        return str(super().process_tag(node, parent_tags=parent_tags))  # type: ignore[misc]

    def process_text(self, el: NavigableString, parent_tags: set[str] | None = None) -> str:
        """A text; escaped unless it is code."""
        if isinstance(el, PreformattedString):
            return ""
        tags = parent_tags or set()
        return str(el) if "_noformat" in tags else writing.plain(str(el))

    def _newline(self, tags: set[str]) -> str:
        return "<br>" if self._in_cell(tags) else "\\\n"

    @staticmethod
    def _in_cell(tags: set[str]) -> bool:
        return "td" in tags or "th" in tags

    def _blocks(self, text: str, tags: set[str]) -> list[str]:
        return writing.flow(text, self._newline(tags))

    def convert__document_(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """The whole document."""
        inner = self._blocks(text, parent_tags)
        return "\n\n".join(inner) + "\n" if inner else ""

    def convert_p(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A paragraph; the title of a panel is bold."""
        if "title" in classes_of(el) and text.strip():
            text = writing.mark(STRONG, text)
        return writing.block(self._blocks(text, parent_tags))

    def convert_div(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A container, or the frame of a macro."""
        inner = self._blocks(text, parent_tags)
        classes = classes_of(el)
        if "confluence-information-macro" in classes:
            kind = next((_ALERTS[name] for name in classes if name in _ALERTS), "NOTE")
            inner = blocks.alert(kind, "", inner, cell=self._in_cell(parent_tags))
        elif (
            "panel" in classes
            and not classes & {"code", "preformatted"}
            and not self._in_cell(parent_tags)
        ):
            inner = blocks.quote(inner)
        elif classes & {"expand-control", "panelHeader"}:
            inner = [one if "**" in one else f"**{one}**" for one in inner]
        return writing.block(inner)

    convert_section = convert_article = convert_main = convert_aside = convert_nav = (
        convert_header
    ) = convert_div
    convert_footer = convert_address = convert_center = convert_form = convert_fieldset = (
        convert_div
    )
    convert_details = convert_figure = convert_div

    def convert_figcaption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A caption, in italics."""
        text = text.replace(EM[0], "").replace(EM[1], "")
        return writing.block(
            [f"*{one}*" if blocks.is_text(one) else one for one in self._blocks(text, parent_tags)]
        )

    def convert_summary(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """The title of what can be folded."""
        title = writing.line(text)
        return writing.block([title if "**" in title else f"**{title}**"] if title else [])

    def convert_span(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A span, or a macro in running text."""
        classes = classes_of(el)
        if classes & {"status-macro", "aui-lozenge"}:
            return "" if text.strip() in _WAITING else writing.atom(writing.mark(STRONG, text))
        if "summary" in classes and text.strip() in _WAITING:
            return ""
        if "jira-issue" in classes:
            return writing.atom(text.rstrip(" -"))
        return text

    def convert_hN(self, n: int, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: N802
        """A heading."""
        return writing.block(blocks.heading(n, text, cell=self._in_cell(parent_tags)))

    def _marked(self, signs: tuple[str, str], text: str, tags: set[str]) -> str:
        return text if "_noformat" in tags else writing.mark(signs, text)

    def convert_strong(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Bold."""
        return self._marked(STRONG, text, parent_tags)

    def convert_em(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Italic."""
        return self._marked(EM, text, parent_tags)

    def convert_del(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Struck out."""
        return self._marked(DEL, text, parent_tags)

    convert_b = convert_strong
    convert_i = convert_cite = convert_dfn = convert_var = convert_em
    convert_s = convert_strike = convert_del

    def convert_sub(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Sub- and superscript."""
        return text if "_noformat" in parent_tags else writing.shifted(el.name, text)

    convert_sup = convert_sub

    def convert_q(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A quotation in running text."""
        return f"“{text}”"

    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A line break."""
        return BREAK + text

    def convert_wbr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Where a long word may break."""
        return text

    def convert_hr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A rule."""
        return "" if self._in_cell(parent_tags) else writing.block(["---"])

    def convert_code(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Inline code; what stands in it and is not text keeps its place."""
        if "_noformat" in parent_tags:
            return text
        parts = re.split(f"({writing.BLOCK}[^{writing.BLOCK}]*{writing.BLOCK}|{BREAK})", text)
        parts[::2] = [writing.code_span(part) for part in parts[::2]]
        return "".join(parts)

    convert_kbd = convert_samp = convert_tt = convert_code

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A code block. The renderer calls code without a language Java, so that name says
        nothing."""
        hints = [language_hint(one) for one in (el, el.code, el.parent) if one]
        done = blocks.code(
            code_of(el),
            language(hinted(hints, nameless="java")),
            cell=self._in_cell(parent_tags),
        )
        for one in el.find_all("img"):
            done += (
                self._blocks(self.convert_img(one, "", parent_tags), parent_tags)
                if not emoji_of(one)
                else []
            )
        return writing.block(done)

    def convert_blockquote(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A quote; in a table cell its text."""
        inner = self._blocks(text, parent_tags)
        return writing.block(inner if self._in_cell(parent_tags) else blocks.quote(inner))

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A link; a person is a mention."""
        if "_noformat" in parent_tags:
            return text
        if {"confluence-userlink", "user-mention"} & classes_of(el) and text.strip():
            return writing.atom("@" + text.strip().removeprefix("@"))
        url = attribute(el, "href").strip()
        if not url:
            return text
        if url[0] == "#":
            return (
                linked(text, f"#{slug(url[1:])}") if text.strip() else text
            )  # the place, not a link to it
        done = linked(text, absolute(self._resolver, url))
        card = attribute(el, "data-card-appearance") in ("block", "embed")
        return writing.block(self._blocks(done, parent_tags)) if card else done

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """An image; a drawn emoji is its character, an icon of Jira nothing."""
        if emoji := emoji_of(el):
            return writing.plain(emoji)
        if el.find_parent(class_="jira-issue"):
            return ""
        url = absolute(self._resolver, attribute(el, "src")) if attribute(el, "src") else ""
        filename = attribute(el, "data-linked-resource-default-alias") or last_part(url)
        return image(attribute(el, "alt") or attribute(el, "title") or filename, url, filename)

    def convert_video(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Something embedded: its address."""
        return (
            writing.link(
                writing.plain(attribute(el, "title")), attribute(el, "src") or attribute(el, "data")
            )
            + text
        )

    convert_iframe = convert_audio = convert_embed = convert_object = convert_source = convert_video

    def convert_input(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A form field: what stands in it."""
        return (
            ""
            if attribute(el, "type") in ("hidden", "password")
            else writing.plain(attribute(el, "value"))
        )

    def convert_time(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A date."""
        return writing.atom(text if text.strip() else writing.plain(attribute(el, "datetime")))

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """An item: kept for its list."""
        if el.parent is None or el.parent.name not in ("ul", "ol", "menu", "dir"):
            return writing.block(self._blocks(text, parent_tags))
        self._items[id(el)] = self._blocks(text, parent_tags)
        return ""

    def convert_list(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A list, of tasks or decisions where the renderer says so."""
        ordered = el.name == "ol"
        number = blocks.list_number(attribute(el, "start")) if ordered else 1
        before = el.find_previous_sibling()
        after = blocks.delimiter(self._listed.get(id(before), ""), number) + " "
        tasks = "inline-task-list" in classes_of(el)
        items: list[tuple[str, list[str]]] = []
        for child in el.find_all("li", recursive=False):
            inner = self._items.pop(id(child), [])
            number = blocks.list_number(attribute(child, "value"), number)
            if inner and tasks:
                inner = blocks.task(inner, "checked" in classes_of(child))
            elif inner and any("decision" in name for name in classes_of(child) | classes_of(el)):
                inner = blocks.decision(inner, True)
            if inner:
                items.append(
                    (f"{min(number, blocks.MAX_NUMBER)}{after}" if ordered else "- ", inner)
                )
            number += 1
        loose = self._blocks(text, parent_tags)
        if loose and items:
            items[-1][1].extend(loose)
        elif loose:
            items.append(("- ", loose))
        done = blocks.listing(items, cell=self._in_cell(parent_tags))
        if done and ordered:
            self._listed[id(el)] = done[0][:16]
        return writing.block(done)

    convert_ul = convert_ol = convert_menu = convert_dir = convert_list

    def convert_dt(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A term or its definition: kept for the list."""
        self._items[id(el)] = self._blocks(text, parent_tags)
        return ""

    convert_dd = convert_dt

    def convert_dl(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A definition list."""
        parts = [
            (one.name == "dt", self._items.pop(id(one), [])) for one in el.find_all(["dt", "dd"])
        ]
        done = blocks.definitions(parts, cell=self._in_cell(parent_tags))
        return writing.block([*done, *self._blocks(text, parent_tags)])

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A cell: kept for its table."""
        if el.find_parent("table") is None:
            return writing.block(self._blocks(text, parent_tags))
        self._cells[id(el)] = "<br>".join(writing.flow(text, "<br>"))
        return ""

    convert_th = convert_td

    def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A row: its cells are kept already."""
        return text

    def convert_caption(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """The caption of a table, above it."""
        return writing.block(self._blocks(writing.mark(STRONG, text), parent_tags))

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """A table as pipes; inside a cell of another, as lines of text."""
        rows: list[list[tables.Cell]] = []
        head = 0
        for child in el.find_all(True, recursive=False):
            first = child.name == "thead" and not rows
            found = [child] if child.name == "tr" else child.find_all("tr", recursive=False)
            rows += [
                [self._cell(cell) for cell in row.find_all(["td", "th"], recursive=False)]
                for row in found
            ]
            head = sum(any(cell[0] for cell in row) for row in rows) if first else head
        done, cut = tables.render_table(rows, head, cell=self._in_cell(parent_tags))
        if cut:
            self.notes[tables.CUT] = None
        return writing.block([*self._blocks(text, parent_tags), *done])

    def _cell(self, cell: Tag) -> tables.Cell:
        text, header = self._cells.pop(id(cell), ""), cell.name == "th"
        if header:
            text = tables.unbold(text)
        return (
            text,
            header,
            tables.read_span(attribute(cell, "colspan")),
            tables.read_span(attribute(cell, "rowspan")),
        )


def view_to_markdown(html: str, resolver: Resolver) -> tuple[str, ViewConverter]:
    """Markdown of rendered HTML, and the converter that knows what was met. ``html`` is safe for a
    parser already."""
    soup = soup_of(html)
    flattened = flatten(soup)
    converter: Any = ViewConverter(resolver)
    if flattened:
        converter.notes["nested too deep: some of it was flattened to text"] = None
    return str(converter.convert_soup(soup)), converter
