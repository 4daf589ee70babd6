"""Bodies as trees. Nothing in a document is fetched, expanded or executed: no DTD, no entities, no
network, no file."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.entities import html5
from typing import Final, TypeAlias

from lxml import etree

Element: TypeAlias = etree._Element

AC: Final = "{urn:ac}"
RI: Final = "{urn:ri}"

_PREFIXES = ("ac", "ri", "at", "fab")
_OPEN, _CLOSE = "<![CDATA[", "]]>"
_REFERENCE = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);)(?:#(?:(\d{1,12})|[xX]([0-9a-fA-F]{1,10}));|([A-Za-z]\w{1,31});)?"
)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARATION = re.compile(r"<\?xml[^<>]*\?>", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)
_DTD = re.compile(r"<!DOCTYPE[^<>\[]*(?:\[[^\]]*\]\s*)?>", re.IGNORECASE)
_NAMESPACE = re.compile(r"""\sxmlns(?::(?:ac|ri|at|fab))?\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
_PREFIX = re.compile(r"[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]")

_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=True,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)


def raw_text(element: Element) -> str:
    """All text inside an element, as it stands."""
    return (
        "".join([str(part) for part in element.itertext()]) if len(element) else element.text or ""
    )


def _root(prefixes: tuple[str, ...]) -> str:
    return "<x " + " ".join(f'xmlns:{prefix}="urn:{prefix}"' for prefix in prefixes) + ">"


_ROOT = _root(_PREFIXES)


def parse_storage(body: str) -> Element | None:
    """A storage body as XML below our own root; repaired once if need be; None where it is not
    well-formed even then.

    HTML entities and stray ampersands are fixed first, and namespaces that a body declares itself
    are left out, both outside CDATA.
    """
    body = fix_references(body)
    if "xmlns" in body:
        body = outside_cdata(body, lambda text: _NAMESPACE.sub("", text))
    try:
        return etree.fromstring(f"{_ROOT}{body}</x>", _PARSER)
    except (etree.XMLSyntaxError, UnicodeError):
        body = strip_prologue(body)
    declared = (*_PREFIXES, *sorted(set(_PREFIX.findall(body)) - {*_PREFIXES, "xml", "xmlns"}))
    try:
        return etree.fromstring(f"{_root(declared)}{body}</x>", _PARSER)
    except etree.XMLSyntaxError:
        return None


def fix_references(body: str) -> str:
    """HTML entities as characters, what is not a reference as text; the five of XML stay as they
    are."""
    if "&" in body and _REFERENCE.search(body):
        return outside_cdata(body, lambda text: _REFERENCE.sub(_character, text))
    return body


def strip_prologue(body: str) -> str:
    """Without the characters that XML forbids, without prologue and DTD."""
    return outside_cdata(_ILLEGAL.sub("", body), _without_prologue)


def _without_prologue(text: str) -> str:
    """Only the first document type is looked at: to find the end of each of very many would take
    too long."""
    text = _DECLARATION.sub("", text)
    begins = _DOCTYPE.search(text)
    found = _DTD.match(text, begins.start()) if begins else None
    return text[: found.start()] + text[found.end() :] if found else text


def outside_cdata(body: str, change: Callable[[str], str]) -> str:
    """Apply a change to all but the CDATA sections (one that does not end reaches to the end).
    Linear."""
    if _OPEN not in body:
        return change(body)
    return "".join(
        text if inside else change(text) for inside, text in split_cdata(body, keep=True)
    )


def split_cdata(body: str, *, keep: bool = False) -> list[tuple[bool, str]]:
    """Cut a body into (is it CDATA, text) pieces, the CDATA without its markup unless ``keep``."""
    pieces: list[tuple[bool, str]] = []
    position = 0
    while (start := body.find(_OPEN, position)) >= 0:
        if start > position:
            pieces.append((False, body[position:start]))
        end = body.find(_CLOSE, start)
        stop = len(body) if end < 0 else end
        position = stop + (0 if end < 0 else len(_CLOSE))
        pieces.append((True, body[start:position] if keep else body[start + len(_OPEN) : stop]))
    if position < len(body):
        pieces.append((False, body[position:]))
    return pieces


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    if name is not None:
        value = html5.get(name + ";")
        return (
            f"&amp;{name};" if value is None else value.replace("&", "&amp;").replace("<", "&lt;")
        )
    if decimal is None and hexadecimal is None:
        return "&amp;"
    code = int(decimal) if decimal is not None else int(hexadecimal, 16)
    if code > 0x10FFFF or _ILLEGAL.match(chr(code)):
        return ""
    return chr(code) if code not in (0x26, 0x3C, 0x3E) else f"&#{code};"
