"""Text that is in a body but that no reader sees: taken out before the walk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from .names import AC_NAME, AC_STRUCTURED_MACRO
from .source import Element

_SUSPECT = re.compile(r"""style=["'][^"']*(?i:none|hidden|collapse|font-size\s*:\s*0|opacity|color\s*:)""")
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
    r"(?:^|;)\s*background(?:-color)?\s*:\s*(?!\s*(?:none|transparent|white|inherit|#fff(?:fff)?\b))", re.IGNORECASE
)


def is_hidden(style: str, marked: bool, grounds: Callable[[], Iterable[tuple[str, str]]]) -> bool:
    """Whether no reader sees an element: not shown, of no size, or white on white.

    ``marked``: it has the attribute ``hidden``. ``grounds`` gives (style, colour attribute) of it and all around it;
    it is called only for white text, which a coloured ground makes visible.
    """
    if marked or (style and _INVISIBLE.search(style)):
        return True
    if not style or not _WHITE.search(style):
        return False
    return not any(colour or _GROUND.search(around) for around, colour in grounds())


def without_hidden(root: Element, body: str) -> None:
    """Take out, in place, what no reader sees."""
    if not (" hidden" in body or ("style=" in body and _SUSPECT.search(body))):
        return
    for element in [one for one in root.iter() if one.get("style") or one.get("hidden") is not None]:
        if is_hidden(element.get("style") or "", element.get("hidden") is not None, partial(_grounds, element)):
            _drop(element)


def _grounds(element: Element) -> Iterator[tuple[str, str]]:
    """Of an element and all around it; a panel has its colour as a parameter."""
    at: Element | None = element
    while at is not None:
        colour = at.get("bgcolor") or at.get("data-highlight-colour") or ""
        if at.tag == AC_STRUCTURED_MACRO and any(child.get(AC_NAME) == "bgColor" for child in at):
            colour = "bgColor"
        yield at.get("style") or "", colour
        at = at.getparent()


def _drop(element: Element) -> None:
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
