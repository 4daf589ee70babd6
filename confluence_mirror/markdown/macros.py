"""Macros: how one is read, found by its name and put into the text around it. A macro that is not
known keeps its title and its bodies, and loses its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from . import writing
from .elements import add_code
from .links import (
    RESOURCE_TAGS,
    confluence_link,
    on_its_own,
    render_reference,
)
from .names import (
    AC_DEFAULT_PARAMETER,
    AC_LINK,
    AC_MACRO,
    AC_NAME,
    AC_PARAMETER,
    AC_PLAIN_TEXT_BODY,
    AC_RICH_TEXT_BODY,
    AC_STRUCTURED_MACRO,
)
from .payload import is_base64, is_state, without_payloads
from .source import AC, Element, raw_text
from .walk import BLOCKS, Walker, inline
from .writing import BREAK


class Macro(NamedTuple):
    """A macro's parts."""

    name: str
    parameters: dict[str, Element]
    """By name, the unnamed one under the empty name; of several, the first."""
    bodies: list[Element]
    """Rich-text bodies, in order (page properties may have several)."""
    text: str | None
    """The plain-text body."""
    running: bool = False
    """It stands in a sentence, where its text should stay."""

    def value(self, *names: str) -> str:
        """The text of the first of these parameters that has one."""
        for name in names:
            found = self.parameters.get(name)
            if found is not None and (text := decode_parameter(raw_text(found).strip())):
                return text
        return ""


_ENCODED = "--uriencoded--"


def decode_parameter(text: str) -> str:
    """A parameter that the editor stored percent-encoded, as it was written."""
    return unquote(text.removeprefix(_ENCODED)) if text.startswith(_ENCODED) else text


Handler: TypeAlias = Callable[[Walker, Macro], str]
MACROS: Final[dict[str, Handler]] = {}


def macro(*names: str) -> Callable[[Handler], Handler]:
    """Register what becomes of macros of these names (lower case)."""

    def register(handler: Handler) -> Handler:
        MACROS.update(dict.fromkeys(names, handler))
        return handler

    return register


@inline(AC_STRUCTURED_MACRO, AC_MACRO)
def structured_macro(walker: Walker, element: Element) -> str:
    """Any macro, in running text or not: its handler's text, with blocks marked as such."""
    name = (element.get(AC_NAME) or "").strip()
    walker.macros.add(name or "(unnamed)")
    parameters: dict[str, Element] = {}
    bodies: list[Element] = []
    text: str | None = None
    rest: list[str] = []
    for child in element:
        tag = child.tag
        if tag == AC_PARAMETER:
            parameters.setdefault(child.get(AC_NAME) or "", child)
        elif tag == AC_RICH_TEXT_BODY:
            bodies.append(child)
        elif tag == AC_PLAIN_TEXT_BODY:
            text = (text or "") + (child.text or "" if not len(child) else raw_text(child))
        elif tag == AC_DEFAULT_PARAMETER:
            parameters.setdefault("", child)
        else:
            inner: list[str] = []
            handler = BLOCKS.get(tag)
            if handler is not None:
                handler(walker, child, inner)
            else:
                inner += writing.flow(walker.unknown(child), walker.newline)
            rest += inner
    found = Macro(name.lower(), parameters, bodies, text, in_sentence(element, parameters))
    result = handler_of(found.name)(walker, found)
    if found.name in _ATOMS and result and writing.BLOCK not in result:
        result = writing.atom(result) if not stands_alone(element) else on_its_own(walker, result)
    return result + writing.block(rest) if rest else result


_ATOMS = frozenset(
    [
        "status",
        "status-handy",
        "jira",
        "jiraissues",
        "jira-issue",
        "view-file",
        "viewfile",
        "viewpdf",
    ]
)
_INLINE_PARENTS = frozenset(
    ["p", "span", "strong", "em", "b", "i", "u", "a", "h1", "h2", "h3", "h4", "h5", "h6"]
)


def in_sentence(element: Element, parameters: Mapping[str, Element]) -> bool:
    """Whether there is text right before or after a macro, or it says itself that it is inline."""
    mode = parameters.get("atlassian-macro-output-type")
    if mode is not None and (mode.text or "").strip().upper() == "INLINE":
        return True
    parent = element.getparent()
    if parent is None or parent.tag not in _INLINE_PARENTS:
        return False
    if element.tail and not element.tail.isspace():
        return True
    before = element.getprevious()
    lead = before.tail if before is not None else parent.text
    return bool(lead and not lead.isspace())


def stands_alone(element: Element) -> bool:
    """Whether a macro stands between blocks, in no paragraph and beside no text."""
    parent, before = element.getparent(), element.getprevious()
    if (
        parent is None
        or parent.tag in _INLINE_PARENTS
        or (element.tail and not element.tail.isspace())
    ):
        return False
    lead = before.tail if before is not None else parent.text
    beside = (before, element.getnext())
    return not (lead and not lead.isspace()) and all(
        one is None or one.tag in BLOCKS or one.tag in (AC_STRUCTURED_MACRO, AC_MACRO, AC_LINK)
        for one in beside
    )


def handler_of(name: str) -> Handler:
    """By the name, else by the word in it that says what vendors' macros of other names are."""
    found = MACROS.get(name)
    if found is not None:
        return found
    return next((MACROS[known] for word, known in _FAMILIES if word in name), render_unknown)


_FAMILIES = (
    ("markdown", "markdown"),
    ("mermaid", "mermaid"),
    ("plantuml", "plantuml"),
    ("draw.io", "drawio"),
    ("drawio", "drawio"),
    ("gliffy", "gliffy"),
    ("mathjax-inline", "mathinline"),
    ("mathinline", "mathinline"),
    ("math-inline", "mathinline"),
    ("inline-math", "mathinline"),
    ("latex-inline", "mathinline"),
    ("inline-latex", "mathinline"),
    ("latex", "latex"),
    ("mathjax", "latex"),
    ("math-block", "latex"),
    ("tooltip", "tooltip"),
    ("footnote", "footnote"),
    ("graphviz", "graphviz"),
)


def body_blocks(walker: Walker, found: Macro) -> list[str]:
    """All that stands in a macro's bodies; plain text as paragraphs."""
    out: list[str] = []
    for body in found.bodies:
        walker.blocks(body, out)
    if found.text and not found.bodies:
        out += plain_blocks(walker, found.text)
    return out


def plain_blocks(walker: Walker, text: str) -> list[str]:
    """Lines of plain text as paragraphs."""
    return writing.flow(
        BREAK.join(writing.plain(part) for part in text.split("\n")), walker.newline
    )


def render_unknown(walker: Walker, found: Macro) -> str:
    """Title and bodies; a plain-text body verbatim, as it may be anything but data. Without a body:
    what parameters show."""
    title = found.value(*_TITLES)
    if (
        found.text is None
        and len(found.bodies) == 1
        and not title
        and is_running(found.bodies[0], found.running)
    ):
        return running_text(walker, found.bodies[0])
    out: list[str] = []
    for body in found.bodies:
        walker.blocks(body, out)
    if found.text and not (is_state(found.text) and not _SHOWS_JSON.search(found.name)):
        add_code(walker, without_payloads(found.text), "", out)
    if not out:
        return said_by_parameters(walker, found)
    return writing.block([writing.bold(title), *out] if title else out)


_TITLES = ("title", "panelTitle", "panel-title", "heading", "header")
_SHOWS_JSON = re.compile("json|schema|vega|openapi|swagger|code|source")
TEXT_PARAMETERS = frozenset(
    [
        "title",
        "text",
        "label",
        "tip",
        "tooltip",
        "content",
        "body",
        "message",
        "description",
        "caption",
        "summary",
        "note",
        "footnote",
        "term",
        "definition",
        "question",
        "answer",
        "quote",
        "heading",
        "header",
        "subtitle",
        "paneltitle",
        "displaytext",
        "linktext",
        "buttontext",
        "displayname",
        "display-text",
        "panel-title",
        "link-text",
        "button-text",
        "display-name",
        "filename",
        "file-name",
    ]
)
_QUIET = re.compile(
    r"base-?url|icon|logo|thumbnail|avatar|image-?url|schema|server|host|api|endpoint|callback|macro-?id|local-?id|uuid"
)
_KEY = re.compile(r"[A-Z][A-Z0-9_]*-\d+")


def said_by_parameters(walker: Walker, found: Macro) -> str:
    """What readers see of a macro that has no body: resources and addresses, text by the name of
    its parameter."""
    texts: list[str] = []
    for name, parameter in found.parameters.items():
        resources: set[Element] = set()
        for one in parameter.iter():
            if one not in resources and (one.tag == AC_LINK or one.tag in RESOURCE_TAGS):
                resources.update(one.iter())
                texts.append(
                    confluence_link(walker, one)
                    if one.tag == AC_LINK
                    else render_reference(walker, one)
                )
        value = decode_parameter(raw_text(parameter).strip())
        key = name.lower()
        if resources or not value or is_base64(value) or is_state(value):
            continue
        if value.startswith(("https://", "http://")) and not _SPACE.search(value):
            texts += [] if _QUIET.search(key) else [writing.link("", value)]
        elif key in TEXT_PARAMETERS or (key.endswith("key") and _KEY.fullmatch(value)):
            texts.append(
                (" " if found.running else BREAK).join(
                    writing.plain(part) for part in value.split("\n")
                )
            )
    texts = [
        text if writing.BLOCK in text else writing.atom(text)
        for text in dict.fromkeys(texts)
        if text.strip()
    ]
    return " ".join(texts) if found.running or len(texts) == 1 else BREAK.join(texts)


_SPACE = re.compile(r"\s")


def running_text(walker: Walker, body: Element) -> str:
    """A body in a sentence: its running text, or that of its only paragraph."""
    only = (
        len(body) == 1
        and body[0].tag == "p"
        and not (body.text or "").strip()
        and not (body[0].tail or "").strip()
    )
    return walker.inline(body[0] if only else body)


def is_running(body: Element, in_sentence: bool = False) -> bool:
    """Whether a body is running text, as that of an inline macro is; in a sentence one paragraph
    is."""
    if in_sentence and len(body) == 1 and body[0].tag == "p":
        return True
    return bool((body.text or "").strip()) or (
        len(body) > 0 and body[0].tag not in BLOCKS and not str(body[0].tag).startswith(AC)
    )
