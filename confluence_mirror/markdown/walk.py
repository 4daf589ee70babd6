"""The walk over a tree of storage format (or plain HTML): each element once, its handler found by
its tag.

An element is read either as running text (:meth:`Walker.inline` gives one string, see
:mod:`.writing`) or as blocks (:meth:`Walker.blocks` adds finished Markdown blocks to a list).
Handlers register themselves in ``INLINE`` and ``BLOCKS``; what is in neither is looked through, so
that an unknown tag never loses its text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from . import writing
from .resolve import Resolver
from .source import AC, Element
from .writing import escape, suspect

MAX_DEPTH: Final = 80
"""Levels of nesting that keep their structure. What lies deeper keeps its words."""

MAX_INDENT: Final = 20
"""Lists and quotes in each other: each puts all its lines in, so that deeper ones would multiply a
page."""

Inline: TypeAlias = Callable[["Walker", Element], str]
Block: TypeAlias = Callable[["Walker", Element, list[str]], None]
Plain: TypeAlias = Callable[["Walker", Element], str | None]
INLINE: Final[dict[str, Inline]] = {}
BLOCKS: Final[dict[str, Block]] = {}
PLAIN: Final[dict[str, Plain]] = {}
"""What an element is shown as where only plain text can stand; None: as its content."""
_Handler = TypeVar("_Handler", Inline, Block)
_Plain = TypeVar("_Plain", bound=Plain)

SILENT: Final = frozenset(
    [
        f"{AC}parameter",
        f"{AC}default-parameter",
        f"{AC}placeholder",
        f"{AC}task-id",
        f"{AC}task-uuid",
        f"{AC}task-status",
        f"{AC}adf-attribute",
        f"{AC}adf-parameter",
        f"{AC}adf-mark",
        "script",
        "style",
        "noscript",
        "template",
        "head",
        "colgroup",
        "col",
    ]
)
"""Elements whose text no reader sees."""


def inline(*tags: str) -> Callable[[Inline], Inline]:
    """Register a handler for elements of running text."""

    def register(handler: Inline) -> Inline:
        INLINE.update(dict.fromkeys(tags, handler))
        return handler

    return register


def block(*tags: str) -> Callable[[Block], Block]:
    """Register a handler for elements that are blocks."""

    def register(handler: Block) -> Block:
        BLOCKS.update(dict.fromkeys(tags, handler))
        return handler

    return register


def plain_text(*tags: str) -> Callable[[_Plain], _Plain]:
    """Register what elements are shown as in plain text."""

    def register(handler: _Plain) -> _Plain:
        PLAIN.update(dict.fromkeys(tags, handler))
        return handler

    return register


class Walker:
    """One conversion: what it may ask, and what it notes on the way."""

    __slots__ = ("cell", "depth", "indent", "macros", "newline", "notes", "resolver")

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.macros: set[str] = set()
        self.notes: dict[str, None] = {}
        self.depth = 0
        self.indent = 0
        self.cell = 0
        """How many tables we are in: inside one, a block is one line."""
        self.newline = "\\\n"

    def document(self, root: Element) -> str:
        """All of it as Markdown, with one newline at its end; empty for an empty document."""
        out: list[str] = []
        self.blocks(root, out)
        return "\n\n".join(out) + "\n" if out else ""

    def blocks(self, element: Element, out: list[str]) -> None:
        """Add the content of an element as blocks."""
        text = element.text
        run: list[str] = []
        if text and not text.isspace():
            run.append(escape(text) if suspect(text) else text)
        if self.depth > MAX_DEPTH:
            self.flatten(element, out)
            return
        self.depth += 1
        for child in element:
            tag = child.tag
            handler = BLOCKS.get(tag)
            if handler is not None:
                if run:
                    out += writing.flow("".join(run), self.newline)
                    run.clear()
                handler(self, child, out)
            else:
                found = INLINE.get(tag)
                run.append(found(self, child) if found is not None else self.unknown(child))
            text = child.tail
            if text and (run or not text.isspace()):
                run.append(escape(text) if suspect(text) else text)
        if run:
            out += writing.flow("".join(run), self.newline)
        self.depth -= 1

    def inline(self, element: Element) -> str:
        """The content of an element as running text."""
        text = element.text
        if not len(element):
            return (escape(text) if suspect(text) else text) if text else ""
        if self.depth > MAX_DEPTH:
            return self.flat_text(element)
        self.depth += 1
        out: list[str] = []
        if text:
            out.append(escape(text) if suspect(text) else text)
        for child in element:
            tag = child.tag
            found = INLINE.get(tag)
            if found is not None:
                piece = found(self, child)
            elif tag in BLOCKS:
                inner: list[str] = []
                BLOCKS[tag](self, child, inner)
                piece = writing.block(inner)
            else:
                piece = self.unknown(child)
            if piece:
                if piece[0] in "[(" and out and out[-1][-1] in "!]":
                    out[-1] = f"{out[-1][:-1]}\\{out[-1][-1]}"
                out.append(piece)
            text = child.tail
            if text:
                out.append(escape(text) if suspect(text) else text)
        self.depth -= 1
        return "".join(out)

    def unknown(self, element: Element) -> str:
        """An element that nobody handles: its content."""
        return "" if element.tag in SILENT else self.inline(element)

    def content(self, element: Element | None) -> list[str]:
        """The content of an element as a new list of blocks."""
        out: list[str] = []
        if element is not None:
            self.blocks(element, out)
        return out

    def nested(self, handler: Block, element: Element, out: list[str]) -> None:
        """Let a handler call a handler for an element inside its own, as deep as the walk goes."""
        if self.depth > MAX_DEPTH:
            self.flatten(element, out)
            return
        self.depth += 1
        handler(self, element, out)
        self.depth -= 1

    def put_in(self, element: Element, out: list[str]) -> None:
        """The content of an element that is put in (an item, a quote), as blocks."""
        if self.indent >= MAX_INDENT:
            self.flatten(element, out)
            return
        self.indent += 1
        self.blocks(element, out)
        self.indent -= 1

    def flatten(self, element: Element, out: list[str]) -> None:
        """What is nested too deep, as one paragraph: every word, no structure."""
        out += writing.flow(self.flat_text(element), self.newline)

    def flat_text(self, element: Element) -> str:
        """The words of an element; not by recursion."""
        self.notes["nested too deep: some of it was flattened to text"] = None
        return escape(text_of(element, " ", self))


def text_of(element: Element, gap: str = "", walker: Walker | None = None) -> str:
    """All text that a reader sees inside an element, ``gap`` before and after each block.
    Iterative.

    With a walker also what is shown and does not stand there as text: names of people, dates,
    emoji.
    """
    pieces: list[str] = [element.text or ""]
    stack = [iter(element)]
    tails = [""]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            pieces.append(tails.pop())
            continue
        apart = gap if child.tag in BLOCKS else ""
        if child.tag in SILENT:
            pieces.append(child.tail or "")
            continue
        shown = (
            PLAIN[child.tag](walker, child) if walker is not None and child.tag in PLAIN else None
        )
        if shown is not None:
            apart = (
                " "
                if shown[:1].isalnum()
                and pieces[-1][-1:].isalnum()
                and child.getprevious() is not None
                else ""
            )
            pieces += (apart, shown, child.tail or "") if child.tail else (apart, shown)
            continue
        pieces += ("\n" if child.tag == "br" else apart, child.text or "")
        stack.append(iter(child))
        tails.append(apart + (child.tail or ""))
    return "".join(pieces)
