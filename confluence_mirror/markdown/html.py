"""The second way: bodies that no XML parser takes, as HTML, and the last: as plain text."""

from __future__ import annotations

import re
from html import unescape
from itertools import islice
from typing import Final

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag
from lxml import etree, html

from .source import _ILLEGAL, Element, fix_references, split_cdata, strip_prologue

MAX_TAGS: Final = 60_000
"""Tags and references that BeautifulSoup is given; a body with more is read by libxml2's HTML
parser."""
MAX_VIEW_TAGS: Final = 30_000
"""The same for rendered HTML, where markdownify's walk comes on top."""
_MAX_ATTRIBUTES = 50
"""Attributes of one element that are taken over: libxml2 looks through all of them for each that is
set."""
_MAX_LEVELS = 200
_TAG_START = re.compile(r"/?[A-Za-z][\w:.-]*")
_NAME = re.compile(r"(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)")
_ANY_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]*)(?:\s[^<>]*|/)?>")
_INLINE_TAGS = frozenset(
    [
        "a",
        "b",
        "code",
        "em",
        "font",
        "i",
        "mark",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "u",
        "time",
        "ac:link-body",
    ]
)
_HIDDEN_TEXT = frozenset(
    [
        "ac:parameter",
        "script",
        "style",
        "ac:task-id",
        "ac:task-uuid",
        "ac:task-status",
        "ac:placeholder",
    ]
)


def escape_markup(body: str) -> str:
    """A body that is safe for any HTML parser: CDATA as text, no comment, no stray ``<``.
    Linear."""
    pieces = []
    for inside, text in split_cdata(strip_prologue(body)):
        if inside:
            pieces.append(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
        else:
            pieces.append(_tags_only(_without_comments(text)))
    return "".join(pieces)


def _without_comments(text: str) -> str:
    if "<!--" not in text:
        return text
    pieces = []
    position = 0
    while (start := text.find("<!--", position)) >= 0:
        pieces.append(text[position:start])
        end = text.find("-->", start)
        position = len(text) if end < 0 else end + 3
        if end < 0:
            pieces.append(text[start + 4 :])
    pieces.append(text[position:])
    return "".join(pieces)


def _tags_only(text: str) -> str:
    """Each ``<`` that does not begin a whole tag as text, so that no parser looks for its end."""
    first, *rest = text.split("<")
    pieces = [first]
    for part in rest:
        begins = _TAG_START.match(part)
        pieces.append("<" + part if begins and ">" in part else "&lt;" + part)
    return "".join(pieces)


def parse_html(body: str) -> Element | None:
    """A body as a tree like that of :func:`.source.parse`, however broken it is; None where nothing
    could be read."""
    body = escape_markup(fix_references(body))
    if is_dense(body, MAX_TAGS):
        return dense_tree(body)
    return from_soup(BeautifulSoup(body, "html.parser"))


def is_dense(body: str, most: int) -> bool:
    """Whether a body has more tags and references than BeautifulSoup should be given."""
    return body.count("<") + body.count("&") > most


def dense_tree(body: str) -> Element | None:
    """A body that is safe for a parser, by libxml2's HTML parser; None where that loses text (it
    stops where a body is nested thousands of levels deep)."""
    try:
        root = html.document_fromstring(
            f"<div>{body}</div>", parser=html.HTMLParser(huge_tree=True, no_network=True)
        )
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    if sum(len(str(text).strip()) for text in root.itertext()) < 0.9 * sum(
        map(len, text_only(body).split())
    ):
        return None
    for element in root.iter():
        if isinstance(element.tag, str) and ":" in element.tag:
            element.tag = _qualified(element.tag)
            for key, value in element.attrib.items()[:_MAX_ATTRIBUTES]:
                if ":" in str(key):
                    del element.attrib[key]
                    element.set(_qualified(str(key)), value)
    return root


def _qualified(name: str) -> str:
    """``ac:link`` as lxml names it; what could not be a name as a span's."""
    found = _NAME.fullmatch(name)
    if not found:
        return "span"
    prefix, local = found.groups()
    return f"{{urn:{prefix}}}{local}" if prefix else local


def from_soup(soup: BeautifulSoup) -> Element:
    """BeautifulSoup's tree as lxml's, so that one walk serves both. Iterative; levels beyond 200
    become siblings."""
    root = etree.Element("x")
    stack: list[tuple[Tag, Element]] = [(soup, root)]
    iterators = [iter(soup.contents)]
    last: list[Element | None] = [None]
    while stack:
        child = next(iterators[-1], None)
        if child is None:
            stack.pop(), iterators.pop(), last.pop()
            continue
        parent = stack[-1][1]
        if isinstance(child, Tag):
            made = etree.SubElement(parent, _qualified(child.name))
            for key, value in islice(child.attrs.items(), _MAX_ATTRIBUTES):
                found = _NAME.fullmatch(key)
                if found:
                    made.set(
                        _qualified(key), " ".join(value) if isinstance(value, list) else value or ""
                    )
            last[-1] = made
            deep = len(stack) > _MAX_LEVELS
            stack.append((child, parent if deep else made))
            last.append(made if deep else None)
            iterators.append(iter(child.contents))
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            before = last[-1]
            if before is None:
                parent.text = (parent.text or "") + child
            else:
                before.tail = (before.tail or "") + child
    return root


def text_only(text: str) -> str:
    """The visible text of a body that is safe for a parser, one line per block: the last resort.
    Linear."""
    pieces = []
    position = 0
    hidden = 0
    for found in _ANY_TAG.finditer(text):
        if not hidden:
            pieces.append(text[position : found.start()])
        name = found[2].lower()
        if name in _HIDDEN_TEXT and not found[0].endswith("/>"):
            hidden = max(0, hidden + (-1 if found[1] else 1))
        if name not in _INLINE_TAGS:
            pieces.append("\n")
        position = found.end()
    pieces.append(text[position:])
    return _ILLEGAL.sub("", unescape("".join(pieces)))
