"""What only the new editor knows: ``ac:adf-extension``, a node and a fallback that says the same
again. One is used."""

from __future__ import annotations

import re

from . import blocks, writing
from .builtin import render_expand, render_panel, render_transparent
from .elements import add_code
from .macros import (
    Macro,
    handler_of,
    in_sentence,
    render_unknown,
    running_text,
    said_by_parameters,
)
from .names import (
    AC_ADF_ATTRIBUTE,
    AC_ADF_CONTENT,
    AC_ADF_EXTENSION,
    AC_ADF_FALLBACK,
    AC_ADF_NODE,
    AC_ADF_PARAMETER,
)
from .payload import is_base64, is_state
from .source import AC, Element, raw_text
from .walk import MAX_DEPTH, Walker, inline

_PANELS = {
    "info": "NOTE",
    "note": "NOTE",
    "tip": "TIP",
    "success": "TIP",
    "warning": "WARNING",
    "error": "CAUTION",
}
_CODES = frozenset(
    [
        "code",
        "source",
        "diagram",
        "latex",
        "formula",
        "equation",
        "query",
        "sql",
        "yaml",
        "json",
        "script",
    ]
)
_TITLES = ("title", "name", "heading", "header", "panelTitle")
_GUEST, _MACRO = ("guest-params", "guestParams"), ("macro-params", "macroParams")
_SETTINGS = re.compile(
    r"extension-.*|extension[A-Z].*|local-?id|localId|macro-metadata|macroMetadata|forge-.*|layout|config"
)
_DECISIONS = frozenset(["decision-list", "decisionList"])
_DECISION = frozenset(["decision-item", "decisionItem"])
_NODE, _FALLBACK = AC_ADF_NODE, AC_ADF_FALLBACK


@inline(AC_ADF_EXTENSION)
def render_extension(walker: Walker, element: Element) -> str:
    """The node where it says anything, else the fallback: never both."""
    said = "".join([node_text(walker, child) for child in element if child.tag == _NODE])
    if said:
        return said
    out: list[str] = []
    for child in element:
        if child.tag == _FALLBACK:
            render_fallback(walker, child, element[0].get("type") in _DECISIONS, out)
        elif child.tag != _NODE:
            out += writing.flow(walker.unknown(child), walker.newline)
    return writing.block(out)


@inline(_NODE)
def node_text(walker: Walker, element: Element) -> str:
    """A node as running text: an app's may be part of a sentence, any other is blocks."""
    if _is_app(element):
        return render_app(walker, element)
    out: list[str] = []
    walker.nested(render_node, element, out)
    return writing.block(out)


def _is_app(element: Element) -> bool:
    return "extension" in (element.get("type") or "").lower() and bool(_key(element))


def _key(element: Element) -> str:
    return _attribute(element, "extension-key", "extensionKey")


def render_fallback(walker: Walker, element: Element, decided: bool, out: list[str]) -> None:
    """The fallback, unless it only repeats the node; that of decisions says no state."""
    if element.find(_NODE) is not None:
        return
    parts = list(element.iter("li")) or list(element.iter("p")) if decided else []
    if not parts:
        walker.blocks(element, out)
    items = [
        ("- ", blocks.decision(inner, True)) for part in parts if (inner := walker.content(part))
    ]
    out += blocks.listing(items, cell=bool(walker.cell))


def _attribute(element: Element, *keys: str) -> str:
    for child in element:
        if child.tag == AC_ADF_ATTRIBUTE and child.get("key") in keys:
            return raw_text(child).strip()
    return ""


def render_node(walker: Walker, element: Element, out: list[str]) -> None:
    """A node by its type; one of no known type is its content."""
    kind = element.get("type") or ""
    if kind in _DECISIONS and render_decisions(walker, element, out):
        return
    inner: list[str] = []
    for child in element:
        if child.tag == _NODE:
            inner += writing.flow(node_text(walker, child), walker.newline)
        elif child.tag == AC_ADF_CONTENT or not str(child.tag).startswith(AC):
            (walker.put_in if kind == "panel" else walker.blocks)(child, inner)
        elif child.tag == _FALLBACK and not inner:
            render_fallback(walker, child, False, inner)
    if kind == "panel":
        kind = _PANELS.get(_attribute(element, "panel-type", "panelType"), "")
        inner = blocks.alert(kind, "", inner, cell=bool(walker.cell))
    elif kind in ("expand", "nested-expand", "nestedExpand"):
        title = _attribute(element, "title")
        inner = [writing.bold(title), *inner] if title else inner
    out += inner


def render_decisions(walker: Walker, element: Element, out: list[str]) -> bool:
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


def render_app(walker: Walker, element: Element) -> str:
    """An app's node as the macro that it is, by the last part of its key; an unknown app's title,
    content and texts."""
    name = _key(element).rstrip("/").rsplit("/", 1)[-1]
    walker.macros.add(name)
    parent = element.getparent()
    inline_kind = (element.get("type") or "").lower().startswith("inline")
    bodies = [
        one for one in element if one.tag == AC_ADF_CONTENT or not str(one.tag).startswith(AC)
    ]
    found = Macro(
        name.lower(),
        read_parameters(element),
        bodies,
        None,
        inline_kind or (parent is not None and in_sentence(parent, {})),
    )
    nodes = [child for child in element if child.tag == _NODE]
    handler = handler_of(found.name)
    if walker.depth > MAX_DEPTH:
        return walker.flat_text(element)
    walker.depth += 1
    known = handler is not render_unknown and (
        found.bodies or handler not in (render_panel, render_expand, render_transparent)
    )
    said = handler(walker, found) if known else _of_no_known_app(walker, found)
    for child in nodes:
        said += node_text(walker, child)
    walker.depth -= 1
    return said


def _of_no_known_app(walker: Walker, found: Macro) -> str:
    title = found.value(*_TITLES)
    if found.bodies:
        if found.running and len(found.bodies) == 1 and not title:
            return running_text(walker, found.bodies[0])
        out = [writing.bold(title)] if title else []
        for body in found.bodies:
            walker.blocks(body, out)
        return writing.block(out)
    codes: list[str] = []
    for key, parameter in found.parameters.items():
        text = raw_text(parameter).strip("\n")
        if key.lower() in _CODES and text.strip() and not (is_base64(text) or is_state(text)):
            add_code(walker, text, found.value("language", "lang"), codes)
    others = {
        key: one
        for key, one in found.parameters.items()
        if key.lower() not in _CODES and key not in _TITLES
    }
    said = said_by_parameters(walker, found._replace(parameters=others))
    if found.running:
        return " ".join(part for part in (writing.plain(title), said, writing.block(codes)) if part)
    shown = [writing.bold(title)] if title and "://" not in title else []
    return writing.block([*shown, *codes, *writing.flow(said, walker.newline)])


def read_parameters(element: Element) -> dict[str, Element]:
    """An app's settings by name: the current ones (guest), else those of the macro that it was
    before it was moved.

    Names are given as they stand and as apps call them (``diagram-name``, ``diagramName``).
    """
    top = {child.get("key") or "": child for one in element if _is_parameters(one) for child in one}
    for group in (_GUEST, _MACRO):
        chosen = next((top[key] for key in group if key in top and len(top[key])), None)
        if chosen is not None:
            return _named_parameters(chosen)
    found: dict[str, Element] = {}
    for key, child in top.items():
        if not _SETTINGS.fullmatch(key) and key not in (*_GUEST, *_MACRO):
            _add_parameter(found, key, child)
    return found


def _is_parameters(element: Element) -> bool:
    return element.tag == AC_ADF_ATTRIBUTE and element.get("key") == "parameters"


def _named_parameters(group: Element) -> dict[str, Element]:
    """All settings of a group that have a value, those of settings inside them too; the outer ones
    win."""
    found: dict[str, Element] = {}
    pending = list(group)
    for child in pending:
        key = child.get("key") or ""
        inner = [one for one in child if one.tag == AC_ADF_PARAMETER]
        if len(inner) == 1 and inner[0].get("key") == "value":
            _add_parameter(found, key, inner[0])
        elif inner:
            pending += inner
        else:
            _add_parameter(found, key, child)
    return found


def _add_parameter(found: dict[str, Element], key: str, element: Element) -> None:
    if key and not _SETTINGS.fullmatch(key):
        found.setdefault(_HYPHEN.sub(lambda letter: letter[1].upper(), key), element)


_HYPHEN = re.compile("-([a-z])")
