"""How finished blocks are written: headings, code, lists, quotes, panels. A block is a string
without an empty edge.

Inside a table cell a block is one line, its lines joined by ``<br>``; the functions that differ
there take ``cell``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from textwrap import dedent
from typing import Final, TypeAlias

from . import writing
from .marks import EM, STRONG
from .writing import flow

Items: TypeAlias = Sequence[tuple[str, Sequence[str]]]
"""Items of a list: the marker with its space, and the blocks."""

MAX_NUMBER: Final = 999_999_999
"""Greatest number that Markdown takes for a list's: nine digits."""

_INDENT = re.compile(r"\n(?!\n|\Z)")
_CLOSING = re.compile(r"(?:^|\s)#+$")
_LISTING = re.compile(r"(?:-|\d{1,9}([.)])) ")
_PLAIN = dict.fromkeys(map(ord, [*STRONG, *EM]))
_ALERTS = {"NOTE": "Note", "TIP": "Tip", "WARNING": "Warning", "CAUTION": "Caution"}


def heading(level: int, text: str, *, cell: bool) -> list[str]:
    """Running text as an ATX heading on one line, without emphasis; bold in a table cell.

    Blocks inside follow it. Where it has no text of its own before the first of them, that one's
    first line is it.
    """
    if not text:
        return []
    title, *rest = text.split(writing.BLOCK) if writing.BLOCK in text else [text]
    inner = [part for part in rest[::2] if part]
    if title.strip():
        title = " ".join([title, *rest[1::2]]) if rest else title
    else:
        title, inner = _split_title(rest)
    if cell:
        return [part for part in (bold_all(title), *inner) if part]
    title = writing.line(
        title if "\x0e" not in title and "\x10" not in title else title.translate(_PLAIN)
    )
    if _CLOSING.search(title):
        title = title[:-1] + "\\#"
    return [part for part in (f"{'#' * level} {title}" if title else "", *inner) if part]


def _split_title(parts: Sequence[str]) -> tuple[str, list[str]]:
    """The first line of blocks and running text in turn, and what is left of them, as blocks."""
    found = [
        block
        for index, part in enumerate(parts)
        if part
        for block in ([part] if index % 2 == 0 else flow(part))
    ]
    if not found:
        return "", []
    first, newline, rest = found[0].partition("\n")
    marker = _LISTING.match(first)
    if marker:
        first, rest = first[marker.end() :], dedent(rest)
    elif first[0] in "#>|`$":
        return "", found
    first = writing.unmarked(first.removesuffix("\\") if newline else first)
    return first, [part for part in (rest.strip("\n"), *found[1:]) if part]


def bold_all(text: str) -> str:
    """Running text on one line, all of it bold."""
    return writing.line(
        writing.mark(STRONG, writing.line(text.replace(STRONG[0], "").replace(STRONG[1], "")))
    )


def fence(code: str, language: str = "") -> str:
    """Code verbatim in a fence that is longer than any run of backticks inside; empty for blank
    code."""
    code = code.strip("\n")
    if not code.strip():
        return ""
    ticks = writing.ticks(code, 3)
    return f"{ticks}{language}\n{code}\n{ticks}"


def code_in_cell(code: str) -> str:
    """Code inside a table row: each line as inline code."""
    lines = code.replace("\t", "    ").strip("\n").rstrip().split("\n")
    return "<br>".join(writing.ticked(text) if text.strip() else "" for text in lines)


def code(text: str, language: str, *, cell: bool) -> list[str]:
    """Code as a fence, or in a table cell as lines of inline code; nothing for blank code."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    done = code_in_cell(text) if cell else fence(text, language)
    return [done] if done else []


def is_text(block: str) -> bool:
    """Whether a block is a paragraph of one line, to which a marker may be put."""
    return "\n" not in block and block[0] not in "#>|`" and not _LISTING.match(block)


def _write_item(marker: str, blocks: Sequence[str]) -> str:
    """One item: a list that follows a paragraph stands close to it."""
    text = blocks[0] if blocks[0] != "---" else "***"  # "- ---" would be a rule without a list
    if len(blocks) > 1:
        for before, after in pairwise(blocks):
            text += ("\n" if _LISTING.match(after) and "\n\n" not in before else "\n\n") + after
    return marker + (_INDENT.sub("\n" + " " * len(marker), text) if "\n" in text else text)


def listing(items: Items, *, cell: bool) -> list[str]:
    """A list; nothing without items. In a cell: one line per item, lists inside indented."""
    if not items:
        return []
    if not cell:
        return ["\n".join([_write_item(marker, blocks) for marker, blocks in items])]
    lines = []
    for marker, blocks in items:
        inner = [
            "  " + text.replace("<br>", "<br>  ") if _LISTING.match(text) else text
            for text in blocks
        ]
        lines.append(marker + "<br>".join(inner).lstrip())
    return ["<br>".join(lines)]


def list_number(value: str | None, default: int = 1) -> int:
    """A list's number; the default where it is not a number."""
    digits = (value or "").strip()
    return min(int(digits[:10]), MAX_NUMBER) if digits.isascii() and digits.isdigit() else default


def delimiter(before: str, number: int) -> str:
    """What stands after the numbers of a list: a different sign from that of an ordered list right
    before it, so that the two lists stay apart, unless this one goes on counting."""
    found = _LISTING.match(before)
    if not found or not found[1]:
        return "."
    return found[1] if number > 1 else ")" if found[1] == "." else "."


def task(blocks: Sequence[str], done: bool) -> list[str]:
    """The blocks of a task, its box before them."""
    box = "[x]" if done else "[ ]"
    return [f"{box} {blocks[0]}", *blocks[1:]] if is_text(blocks[0]) else [box, *blocks]


def decision(blocks: Sequence[str], decided: bool) -> list[str]:
    """The blocks of a decision, with its state where it is open."""
    label = "Decision:" if decided else "Decision (open):"
    return [f"{label} {blocks[0]}", *blocks[1:]] if is_text(blocks[0]) else [label, *blocks]


def definitions(parts: Iterable[tuple[bool, Sequence[str]]], *, cell: bool) -> list[str]:
    """A definition list from (is it a term, blocks): one item per term, bold, with its
    definitions."""
    items: list[tuple[str, list[str]]] = []
    for is_term, blocks in parts:
        if not blocks:
            continue
        if is_term:
            items.append(
                ("- ", [f"{blocks[0] if '**' in blocks[0] else f'**{blocks[0]}**'}:", *blocks[1:]])
            )
        elif not items:
            items.append(("- ", list(blocks)))
        elif len(items[-1][1]) == 1 and items[-1][1][0].endswith(":") and is_text(blocks[0]):
            items[-1][1][:] = [f"{items[-1][1][0]} {blocks[0]}", *blocks[1:]]
        else:
            items[-1][1].extend(blocks)
    return listing(items, cell=cell)


def quote(blocks: Sequence[str]) -> list[str]:
    """A block quote; nothing where there is nothing to quote. Text that looks like an alert's mark
    does not become one."""
    if not blocks:
        return []
    return [_quoted("\n\n".join(blocks))]


def _quoted(text: str) -> str:
    return "\n".join(["> " + part if part else ">" for part in text.split("\n")])


def alert(kind: str, title: str, blocks: Sequence[str], *, cell: bool) -> list[str]:
    """A panel: a GitHub alert (``kind`` such as NOTE) or, without a kind, a quote. In a table cell:
    "Note: …"."""
    inner = [writing.bold(title), *blocks] if title.strip() else list(blocks)
    if not inner:
        return []
    if cell:
        text = "<br>".join(inner)
        return [f"{_ALERTS[kind]}: {text}" if kind else text]
    return [_quoted(f"[!{kind}]\n" + "\n\n".join(inner))] if kind else quote(inner)
