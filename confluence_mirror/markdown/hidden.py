"""What styles say, put right before the walk: text that no reader sees goes, struck text becomes
``del``."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from .names import (
    AC_ADF_ATTRIBUTE,
    AC_ADF_NODE,
    AC_MACRO,
    AC_NAME,
    AC_PARAMETER,
    AC_STRUCTURED_MACRO,
)
from .source import Element, raw_text

Node = TypeVar("Node")

_SUSPECT = re.compile(
    r"""style=["'][^"']*(?i:none|hidden|collapse|font-size\s*:\s*0|opacity|color\s*:)"""
)
_INVISIBLE = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|font-size\s*:\s*0*(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:!\s*important\s*)?(?:;|$)"
    r"|opacity\s*:\s*0*(?:\.0+)?%?\s*(?:!\s*important\s*)?(?:;|$))",
    re.IGNORECASE,
)
_WHITE = re.compile(
    r"(?:^|;)\s*color\s*:\s*(?:white|#fff(?:fff)?(?:ff)?|rgba?\(\s*255[\s,]+255[\s,]+255(?:[\s,/]+[\d.]+%?)?\s*\)"
    r"|hsla?\([^()]*,\s*100%[^()]*\)|transparent|rgba\([^()]*,\s*0(?:\.0+)?\s*\))\s*(?:!\s*important\s*)?(?:;|$)",
    re.IGNORECASE,
)
_GROUND = re.compile(
    r"(?:^|;)\s*background(?:-color|-image)?\s*:\s*+(?!none|transparent|white|inherit|initial|unset|#fff(?:fff)?\b)",
    re.IGNORECASE,
)
_GROUND_PARAMETERS = frozenset(
    ["bgcolor", "backgroundcolor", "background-color", "background", "panelcolor"]
)
_STRUCK = re.compile(r"text-decoration(?:-line)?\s*:[^;]*line-through", re.IGNORECASE)
BLOCK_TAGS = frozenset(
    [
        "p",
        "div",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "pre",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "section",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)


class Grounds(Generic[Node]):
    """Which elements stand on a coloured ground: their own, or that of anything around them. Each
    is looked at once."""

    def __init__(
        self, parent: Callable[[Node], Node | None], coloured: Callable[[Node], bool]
    ) -> None:
        self._parent = parent
        self._coloured = coloured
        self._known: dict[int, tuple[Node, bool]] = {}

    def __call__(self, node: Node) -> bool:
        """Whether white text in this element can be seen."""
        path: list[Node] = []
        at: Node | None = node
        while at is not None and id(at) not in self._known:
            path.append(at)
            at = self._parent(at)
        found = self._known[id(at)][1] if at is not None else False
        for one in reversed(path):
            found = found or self._coloured(one)
            self._known[id(one)] = (one, found)
        return found


def is_coloured(style: str, colour: str) -> bool:
    """Whether a style or a colour attribute gives an element a ground that is not white."""
    return bool(colour) or bool(style and _GROUND.search(style))


def is_hidden(style: str, on_colour: Callable[[], bool]) -> bool:
    """Whether no reader sees an element of this style: not shown, of no size, or white on white."""
    if _INVISIBLE.search(style):
        return True
    return bool(_WHITE.search(style)) and not on_colour()


def without_hidden(root: Element, body: str) -> None:
    """Take out, in place, what no reader sees."""
    if not (" hidden" in body or ("style=" in body and _SUSPECT.search(body))):
        return
    grounds: Grounds[Element] = Grounds(lambda one: one.getparent(), _is_coloured)
    for element in [
        one for one in root.iter() if one.get("style") or one.get("hidden") is not None
    ]:
        if element.get("hidden") is not None or is_hidden(
            element.get("style") or "", partial(grounds, element)
        ):
            _drop_element(element)


def _is_coloured(element: Element) -> bool:
    """A macro has its colour, or a whole style, as a parameter; a panel of the new editor as an
    attribute."""
    if is_coloured(
        element.get("style") or "",
        element.get("bgcolor") or element.get("data-highlight-colour") or "",
    ):
        return True
    if element.tag not in (AC_STRUCTURED_MACRO, AC_MACRO, AC_ADF_NODE):
        return False
    for child in element.iterchildren(AC_PARAMETER, AC_ADF_ATTRIBUTE):
        name = (child.get(AC_NAME) or child.get("key") or "").lower()
        if name == "style" and is_coloured(raw_text(child), ""):
            return True
        if (
            name.replace("panel-color", "panelcolor") in _GROUND_PARAMETERS
            and raw_text(child).strip()
        ):
            return True
    return False


def is_struck(style: str) -> bool:
    """Whether a style strikes its text out."""
    return "line-through" in style and bool(_STRUCK.search(style))


def mark_struck_text(root: Element, body: str) -> None:
    """Text that a style strikes out as ``del``, in place: around the running text of an element,
    and in its blocks."""
    if "line-through" not in body:
        return
    stack = [one for one in root.iter() if is_struck(one.get("style") or "")]
    seen: set[Element] = set()
    while stack:
        element = stack.pop()
        if element in seen:
            continue
        seen.add(element)
        if any(child.tag in BLOCK_TAGS for child in element):
            stack += [child for child in element if child.tag in BLOCK_TAGS]
            continue
        inner = element.makeelement("del", {}, None)
        inner.text, element.text = element.text, None
        inner.extend(list(element))
        element.append(inner)


def _drop_element(element: Element) -> None:
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)
