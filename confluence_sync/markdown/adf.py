"""What only the new editor knows: ``ac:adf-extension``, a node and a fallback that says the same again. One is used."""

from __future__ import annotations

from . import blocks, writing
from .elements import add_code
from .names import AC_ADF_ATTRIBUTE, AC_ADF_CONTENT, AC_ADF_EXTENSION, AC_ADF_FALLBACK, AC_ADF_NODE, AC_ADF_PARAMETER
from .source import AC, Element, raw_text
from .walk import Walker, block

_PANELS = {"info": "NOTE", "note": "NOTE", "tip": "TIP", "success": "TIP", "warning": "WARNING", "error": "CAUTION"}
_TEXTS = frozenset(
    ["text", "body", "content", "markdown", "description", "message", "html", "label", "caption", "value", "summary"]
)
_CODES = frozenset(
    ["code", "source", "diagram", "latex", "formula", "equation", "query", "sql", "yaml", "json", "script"]
)
_TITLES = frozenset(["title", "name", "heading", "header"])
_DECISIONS = frozenset(["decision-list", "decisionList"])
_DECISION = frozenset(["decision-item", "decisionItem"])
_NODE, _FALLBACK = AC_ADF_NODE, AC_ADF_FALLBACK


@block(AC_ADF_EXTENSION)
def extension(walker: Walker, element: Element, out: list[str]) -> None:
    """The node where it says anything, else the fallback: never both."""
    said: list[str] = []
    for child in element:
        if child.tag == _NODE:
            node(walker, child, said)
    if not said:
        for child in element:
            if child.tag == _FALLBACK:
                fallback(walker, child, element[0].get("type") in _DECISIONS, said)
            elif child.tag != _NODE:
                said += writing.flow(walker.unknown(child), walker.newline)
    out += said


def fallback(walker: Walker, element: Element, decided: bool, out: list[str]) -> None:
    """The fallback, unless it only repeats the node; that of decisions says no state."""
    if element.find(_NODE) is not None:
        return
    parts = list(element.iter("li")) or list(element.iter("p")) if decided else []
    if not parts:
        walker.blocks(element, out)
    items = [("- ", blocks.decision(inner, True)) for part in parts if (inner := walker.content(part))]
    out += blocks.listing(items, cell=bool(walker.cell))


def _attribute(element: Element, *keys: str) -> str:
    for child in element:
        if child.tag == AC_ADF_ATTRIBUTE and child.get("key") in keys:
            return raw_text(child).strip()
    return ""


@block(_NODE)
def node(walker: Walker, element: Element, out: list[str]) -> None:
    """A node by its type; one of no known type is its content."""
    kind = element.get("type") or ""
    if kind in _DECISIONS and decisions(walker, element, out):
        return
    inner: list[str] = []
    for child in element:
        if child.tag == _NODE:
            walker.nested(node, child, inner)
        elif child.tag == AC_ADF_CONTENT or not str(child.tag).startswith(AC):
            (walker.put_in if kind == "panel" else walker.blocks)(child, inner)
        elif child.tag == _FALLBACK and not inner:
            fallback(walker, child, False, inner)
    if kind == "panel":
        kind = _PANELS.get(_attribute(element, "panel-type", "panelType"), "")
        inner = blocks.alert(kind, "", inner, cell=bool(walker.cell))
    elif kind in ("expand", "nested-expand", "nestedExpand"):
        title = _attribute(element, "title")
        inner = [writing.bold(title), *inner] if title else inner
    elif "extension" in kind.lower():
        walker.macros.add((_attribute(element, "extension-key", "extensionKey") or kind).rsplit("/", 1)[-1])
        if not inner:
            _parameters(walker, element, inner)
    out += inner


def decisions(walker: Walker, element: Element, out: list[str]) -> bool:
    """Decisions, with their state where it is open; False where there is none."""
    items: list[tuple[str, list[str]]] = []
    for child in element.iter(_NODE):
        if child.get("type") not in _DECISION:
            continue
        inner: list[str] = []
        for part in child:
            if part.tag == AC_ADF_CONTENT or not str(part.tag).startswith(AC):
                walker.blocks(part, inner)
        if not inner and (child.text or "").strip():
            inner = writing.flow(writing.plain(child.text or ""), walker.newline)
        if inner:
            state = (_attribute(child, "state") or child.get("state") or "DECIDED").upper()
            items.append(("- ", blocks.decision(inner, state == "DECIDED")))
    out += blocks.listing(items, cell=bool(walker.cell))
    return bool(items)


def _parameters(walker: Walker, element: Element, out: list[str]) -> None:
    """An app's node has no content but its parameters: those that hold text by their name, and no other."""
    language = ""
    for parameter in element.iter(AC_ADF_PARAMETER):
        if (parameter.get("key") or "").lower() == "language":
            language = raw_text(parameter)
    for parameter in element.iter(AC_ADF_PARAMETER):
        key = (parameter.get("key") or "").lower()
        if len(parameter):
            continue
        text = (parameter.text or "").strip("\n")
        if not text.strip():
            continue
        if key in _TITLES and "://" not in text:
            out.append(writing.bold(text))
        elif key in _CODES:
            add_code(walker, text, language, out)
        elif key in _TEXTS:
            out += writing.flow(writing.BREAK.join(writing.plain(part) for part in text.split("\n")), walker.newline)
        elif key in ("url", "src", "href") and "://" in text:
            out += writing.flow(writing.link("", text), walker.newline)
