"""Text that is in a body but that no reader sees: taken out before the walk."""

from __future__ import annotations

import re

from .source import AC, Element

_SUSPECT = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0|#fff|white|rgb|hsl|\shidden[\s=>/]",
    re.IGNORECASE,
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
    r"(?:^|;)\s*background(?:-color)?\s*:\s*(?!\s*(?:none|transparent|white|inherit|#fff(?:fff)?\b))", re.IGNORECASE
)


def without_hidden(root: Element, body: str) -> None:
    """Take out, in place, elements that are not shown, have no size, or are white on the page's white."""
    if not _SUSPECT.search(body):
        return
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            continue
        style = element.get("style")
        hidden = element.get("hidden")
        if (hidden is not None and hidden != "false") or (
            style and (_INVISIBLE.search(style) or (_WHITE.search(style) and not _on_colour(element)))
        ):
            _drop(element)


def _on_colour(element: Element) -> bool:
    """Whether a coloured ground makes white text visible: its own, a cell's, a panel's."""
    at: Element | None = element
    while at is not None:
        if _GROUND.search(at.get("style") or "") or at.get("bgcolor") or at.get("data-highlight-colour"):
            return True
        if at.tag == f"{AC}structured-macro" and any(child.get(f"{AC}name") == "bgColor" for child in at):
            return True
        at = at.getparent()
    return False


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
