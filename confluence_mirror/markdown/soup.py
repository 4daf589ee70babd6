"""Rendered HTML as BeautifulSoup's tree, ready for a walk: nothing hidden, nothing too deep, struck
text as ``del``."""

from __future__ import annotations

from functools import partial
from typing import Final

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag

from .hidden import BLOCK_TAGS, Grounds, is_coloured, is_hidden, is_struck
from .images import drawn_emoji

_MAX_LEVELS: Final = 80
_NO_EXPORT: Final = "We don't have a way to export this macro."


def soup_of(html: str) -> BeautifulSoup:
    """A tree ready for the walk: nothing hidden, nothing deeper than the walk may go."""
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.find_all(["script", "style", "noscript", "template", "head", "colgroup"]):
        tag.extract()
    grounds: Grounds[Tag] = Grounds(lambda one: one.parent, _is_coloured)
    struck: list[Tag] = []
    for tag in soup.find_all(lambda one: one.has_attr("style") or one.has_attr("hidden")):
        if tag.has_attr("hidden") or is_hidden(attribute(tag, "style"), partial(grounds, tag)):
            tag.extract()
        elif is_struck(attribute(tag, "style")):
            struck.append(tag)
    _strike(soup, struck)
    for text in soup.find_all(
        string=lambda one: one is not None and _NO_EXPORT in one.replace("\u2019", "'")
    ):
        text.replace_with(text.replace("\u2019", "'").replace(_NO_EXPORT, ""))
    return soup


def _strike(soup: BeautifulSoup, stack: list[Tag]) -> None:
    """Put ``del`` around the running text of elements whose style strikes it out, or of the blocks
    in them."""
    seen: set[int] = set()
    while stack:
        tag = stack.pop()
        if id(tag) in seen:
            continue
        seen.add(id(tag))
        inner = [child for child in tag.find_all(True, recursive=False) if child.name in BLOCK_TAGS]
        if inner:
            stack += inner
            continue
        mark = soup.new_tag("del")
        for child in list(tag.contents):
            mark.append(child.extract())
        tag.append(mark)


def _is_coloured(tag: Tag) -> bool:
    return is_coloured(
        attribute(tag, "style"),
        attribute(tag, "bgcolor") or attribute(tag, "data-highlight-colour"),
    )


def flatten(soup: BeautifulSoup) -> bool:
    """Make what lies too deep text; True if anything did. Iterative."""
    deep: list[Tag] = []
    levels = {id(soup): 0}
    for node in soup.descendants:
        if isinstance(node, Tag):
            level = levels[id(node)] = levels.get(id(node.parent), 0) + 1
            if level == _MAX_LEVELS:
                deep.append(node)
    found = [tag for tag in deep if tag.find(True)]
    for tag in found:
        text = tag.get_text(" ")
        tag.clear()
        tag.append(NavigableString(text))
    return bool(found)


def attribute(tag: Tag, key: str) -> str:
    value = tag.get(key)
    return " ".join(value) if isinstance(value, list) else value or ""


def classes_of(tag: Tag) -> frozenset[str]:
    return frozenset(attribute(tag, "class").split())


def emoji_of(tag: Tag) -> str:
    """The character of an emoji that is drawn as an image; empty for any other picture."""
    return drawn_emoji(lambda key: attribute(tag, key))


def language_hint(tag: Tag) -> str:
    """The attributes in which the renderer, or whoever pasted the code, says its language."""
    name = attribute(tag, "data-language") or attribute(tag, "data-lang")
    return f"{name}\n{attribute(tag, 'data-syntaxhighlighter-params') or attribute(tag, 'class')}"


def code_of(tag: Tag) -> str:
    """The text of code: a line feed for a break, a character for a drawn emoji."""
    pieces = []
    for node in tag.descendants:
        if not isinstance(node, Tag):
            pieces.append("" if isinstance(node, PreformattedString) else str(node))
        elif node.name == "br":
            pieces.append("\n")
        elif node.name == "img":
            pieces.append(emoji_of(node))
    return "".join(pieces)
