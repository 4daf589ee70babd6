"""Markdown → blocks: a line scanner that knows just as much structure as cutting needs.

It follows CommonMark and GFM where the difference matters for a cut (fences, tables, ATX headings,
quotes, list items) and nothing else: inline marks, link definitions and setext headings are plain
text to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise


class Kind(Enum):
    """What a block is."""

    HEADING = auto()
    TEXT = auto()
    """A paragraph, or a run of list items without blank lines between them."""
    FENCE = auto()
    TABLE = auto()
    QUOTE = auto()
    """A block quote or an alert, whatever stands in it."""


@dataclass(slots=True)
class Block:
    """Lines ``first`` to ``last`` (exclusive), with the blank lines that follow."""

    kind: Kind
    first: int
    last: int = 0
    level: int = 0
    """Of a heading, 1 to 6."""
    title: str = ""
    """Of a heading, as plain text."""
    item: bool = False
    """Begins with a list marker."""
    indent: int = 0
    """Columns before the text of its first line."""
    marker: str = ""
    """Of a fence: its backticks or tildes."""
    info: str = ""
    """Of a fence: what follows the marker, the language first."""
    closed: bool = True
    """Of a fence: its closing line is there."""
    content: int = 0
    """Number of lines before the blank ones at the end."""
    depth: int = 0
    """Of a block inside quotes: how many ``>`` its lines begin with."""
    head: str = ""
    """Of a block inside an alert: the alert's first line, which a continuation repeats."""


_FENCE = re.compile(r"((?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}(?=[^`]*$)|~{3,})(.*)", re.DOTALL)
_HEADING = re.compile(r"(#{1,6})(?!\S)")
_CLOSING = re.compile(r"(?:^|[ \t])#+$")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]")
_DELIMITER = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*\|?\s*+$")
_CODE_OR_ESCAPE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)|\\([!-/:-@\[-`{-~])")
_LINK = re.compile(
    r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]"
    r"\((?:<[^<>]*>|[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:[ \t]+\"[^\"]*\")?\)"
)
_DEEPEST_LINK = 4  # a picture in a link in …
_ADDRESS = re.compile(r"<((?:https?://|mailto:)[^<>\s]*)>")
_BREAK = re.compile(r"<br ?/?>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MARKS = re.compile(r"\*\*|__|~~|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_PUNCTUATION = {code: 0xE000 + code for code in range(33, 127) if not chr(code).isalnum()}
_LITERAL = {private: code for code, private in _PUNCTUATION.items()}
_LONGEST_MARKER = (
    200  # a longer fence is text: opening it again in each chunk would cost more than its content
)
_LONGEST_HEADING = 1000  # characters; a context line has room for less
_QUOTED = re.compile(r" {0,3}> ?")


def scan_blocks(lines: Sequence[str]) -> list[Block]:
    """Blocks of these lines, in order. Blank lines join the block before them; those at the top
    belong to none."""
    scanner = _Scanner(lines)
    for number, line in enumerate(lines):
        scanner.feed_line(number, line)
    return scanner.close_blocks()


def strip_quote_mark(line: str) -> str:
    """The line without its outermost ``>``."""
    found = _QUOTED.match(line)
    return line[found.end() :] if found else line


def heading_text(heading: str) -> str:
    """A heading's words: no links, pictures, tags, marks or escapes. A picture's text if there is
    nothing else."""
    if heading.isalnum():
        return heading
    text = _CODE_OR_ESCAPE.sub(_as_literal, heading[:_LONGEST_HEADING])
    return _strip_inline_marks(text, pictures=False) or _strip_inline_marks(text, pictures=True)


def _as_literal(found: re.Match[str]) -> str:
    """Punctuation that is text, as private characters, so that nothing takes it for a mark."""
    return str(found[2] or found[3]).translate(_PUNCTUATION)


def _strip_inline_marks(text: str, *, pictures: bool) -> str:
    for _ in range(_DEEPEST_LINK):
        text, links = _LINK.subn(lambda found: found[2] if pictures or not found[1] else "", text)
        if not links:
            break
    text = _TAG.sub("", _BREAK.sub(" ", _ADDRESS.sub(r"\1", text)))
    return " ".join(_MARKS.sub("", text).translate(_LITERAL).split())


def count_cells(line: str) -> int:
    """Number of cells of a table's row."""
    row = line.strip()
    bars = row.count("|") - row.count("\\|")
    return (
        bars
        + 1
        - row.startswith("|")
        - (len(row) > 1 and row.endswith("|") and not row.endswith("\\|"))
    )


class _Scanner:
    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._blocks: list[Block] = []
        self._open: Block | None = None  # the block that the next line may go on with
        self._in_list = False

    def close_blocks(self) -> list[Block]:
        """Set the ends, which the next block's beginning decides."""
        blocks = self._blocks
        for block, following in pairwise(blocks):
            block.last = following.first
        if blocks:
            blocks[-1].last = len(self._lines)
        for block in blocks:
            end = block.last
            while end > block.first + 1 and not self._lines[end - 1].strip():
                end -= 1
            block.content = end - block.first
        return blocks

    def feed_line(self, number: int, line: str) -> None:
        """Give the next line to the open block, or begin another with it."""
        block = self._open
        if block is not None and block.kind is Kind.FENCE:
            if block.marker in line:
                self._continue_fence(block, line)
            return
        text = line.lstrip(" \t")
        if not text or text.isspace():
            self._open = None
            return
        first = text[0]
        if block is not None and block.kind is Kind.TEXT and first.isalpha():
            return
        indent = len(line) - len(text)
        if first in "`~-*+0123456789" and self._begin_fence(number, text, indent):
            return
        if first == "#" and indent < 4 and self._begin_heading(number, text):
            return
        if first == ">" and indent < 4:
            if block is None or block.kind is not Kind.QUOTE:
                self._begin_block(Block(Kind.QUOTE, number, indent=indent))
            return
        if (
            first in "|:-"
            and block is not None
            and block.kind is Kind.TEXT
            and self._begin_table(number, text, block)
        ):
            return
        self._add_text(number, text, indent, block)

    def _add_text(self, number: int, text: str, indent: int, block: Block | None) -> None:
        item = text[0] in "-*+0123456789" and _ITEM.match(text) is not None
        if block is None or (
            block.kind is not Kind.TEXT and not (block.kind is Kind.TABLE and not item)
        ):
            # A lazy continuation of a quote is text of its own here: a cut before it does no harm.
            self._begin_block(Block(Kind.TEXT, number, item=item, indent=indent))
        if item:
            self._in_list = True
        elif indent == 0 and block is None:
            self._in_list = False

    def _begin_block(self, block: Block) -> None:
        self._blocks.append(block)
        self._open = block

    def _continue_fence(self, block: Block, line: str) -> None:
        text = line.strip()
        indent = len(line) - len(line.lstrip(" \t"))
        if (
            text.startswith(block.marker)
            and not text.strip(block.marker[0])
            and indent < block.indent + 4
        ):
            block.closed = True
            self._open = None

    def _begin_fence(self, number: int, text: str, indent: int) -> bool:
        found = _FENCE.match(text) if "```" in text or "~~~" in text else None
        if found is None or (indent > 3 and not self._in_list) or len(found[2]) > _LONGEST_MARKER:
            return False
        item = found[1] or ""
        self._in_list = self._in_list or bool(item)
        block = Block(
            Kind.FENCE, number, item=bool(item), indent=indent + len(item), marker=found[2]
        )
        block.info = found[3].strip()
        block.closed = False
        self._begin_block(block)
        return True

    def _begin_heading(self, number: int, text: str) -> bool:
        found = _HEADING.match(text)
        if found is None:
            return False
        title = _CLOSING.sub("", text[found.end() :].strip())
        self._begin_block(
            Block(Kind.HEADING, number, level=len(found[1]), title=heading_text(title))
        )
        self._open = None
        self._in_list = False
        return True

    def _begin_table(self, number: int, text: str, block: Block) -> bool:
        """A delimiter row makes a table of itself and the line above, where both have as many
        cells."""
        if "|" not in text or "-" not in text or _DELIMITER.match(text) is None:
            return False
        header = number - 1
        if count_cells(self._lines[header]) != count_cells(text) or "|" not in self._lines[header]:
            return False
        if block.first == header:
            block.kind = Kind.TABLE
        else:
            self._begin_block(Block(Kind.TABLE, header, indent=block.indent))
        return True
