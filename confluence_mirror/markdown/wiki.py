"""Wiki markup that Confluence could not migrate: code as code, headings and lists as such, the rest
as it stands."""

from __future__ import annotations

import re

from . import writing
from .elements import add_code
from .macros import Macro, body_blocks, macro
from .walk import Walker

_OPENING = re.compile(r"\{(code|noformat)(?::([^{}\n]*))?\}")
_HEADING = re.compile(r"h([1-6])\.\s+(.+)")
_ITEM = re.compile(r"([*#]+|-)\s+(.+)")
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


@macro("unmigrated-wiki-markup", "unmigrated-inline-wiki-markup")
def wiki_markup(walker: Walker, found: Macro) -> str:
    """See the module."""
    if not found.text:
        return writing.block(body_blocks(walker, found))
    text = _ODD.sub("", found.text.replace("\r\n", "\n").replace("\r", "\n"))
    if "\n" not in text.strip() and found.running:
        return writing.plain(text)
    out: list[str] = []
    position = 0
    while opening := _OPENING.search(text, position):
        end = text.find(f"{{{opening[1]}}}", opening.end())
        if end < 0:
            break
        _lines(walker, text[position : opening.start()], out)
        add_code(walker, text[opening.end() : end], _language(opening[2] or "", walker, out), out)
        position = end + len(opening[1]) + 2
    _lines(walker, text[position:], out)
    return writing.block(out)


def _language(options: str, walker: Walker, out: list[str]) -> str:
    """The language of ``{code:title=x|python}``; its title goes above the code."""
    language = ""
    for option in options.split("|"):
        name, equals, value = option.partition("=")
        if equals and name.strip() == "title":
            out += writing.flow(writing.bold(value), walker.newline)
        elif not equals or name.strip() in ("language", "lang"):
            language = (value if equals else name).strip()
    return language


def _lines(walker: Walker, text: str, out: list[str]) -> None:
    """Lines outside code. A line that is neither a heading nor an item stays as it is, one that
    follows another too."""
    block: list[str] = []
    for line in text.split("\n"):
        heading = _HEADING.fullmatch(line.strip())
        if heading and not walker.cell:
            _close(walker, block, out)
            out.append(f"{'#' * int(heading[1])} {heading[2].strip()}")
        elif line.strip():
            item = _ITEM.fullmatch(line.strip())
            block.append(f"{'  ' * (len(item[1]) - 1)}- {item[2]}" if item else line.rstrip())
        else:
            _close(walker, block, out)
    _close(walker, block, out)


def _close(walker: Walker, block: list[str], out: list[str]) -> None:
    if block:
        out.append(("<br>" if walker.cell else "\n").join(block))
        block.clear()
