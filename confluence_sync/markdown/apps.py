"""Macros of apps whose text is a language of its own: diagrams, mathematics, Markdown, HTML."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from urllib.parse import unquote

from . import writing
from .elements import add_code
from .macros import Macro, body_blocks, macro
from .names import RI_ATTACHMENT, RI_FILENAME
from .source import raw_text
from .walk import Walker

_MAX_INFLATED = 1_000_000
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def _titled(walker: Walker, found: Macro, source: str, language: str) -> str:
    title = found.value("title", "name", "filename")
    out = [writing.bold(title)] if title else []
    add_code(walker, source, language, out)
    return writing.block(out)


@macro(
    "mermaid-macro", "mermaid", "mermaid-cloud", "mermaid-diagram", "mermaiddiagram", "mermaid-chart", "mermaidjs-macro"
)
def mermaid(walker: Walker, found: Macro) -> str:
    """A Mermaid diagram: its source, or the name of the file that holds it."""
    source = found.text or found.value("code", "source", "body", "diagram")
    if not source and found.bodies:
        source = "\n".join(raw_text(body) for body in found.bodies)
    return _titled(walker, found, source, "mermaid") if source else diagram(walker, found)


@macro("plantuml", "plantumlrender", "plantuml-macro", "plantumlcloud", "uml", "flowchart")
def plantuml(walker: Walker, found: Macro) -> str:
    """A PlantUML diagram: its source, unpacked where the app packs it."""
    source = found.text or found.value("code", "source", "umlcode") or _unpacked(found.value("data"))
    return _titled(walker, found, source, "plantuml") if source.strip() else diagram(walker, found)


def _unpacked(data: str) -> str:
    """The ``data`` of plantumlcloud: base64 of a raw deflate stream of percent-encoded text, or that text itself."""
    if not data:
        return ""
    try:
        packed = base64.b64decode(unquote(data), validate=True)
        text = zlib.decompressobj(-15).decompress(packed, _MAX_INFLATED).decode()
    except (binascii.Error, zlib.error, ValueError):
        return unquote(data) if "@start" in unquote(data) else ""
    return unquote(text)


@macro("graphviz", "digraph", "dot")
def graphviz(walker: Walker, found: Macro) -> str:
    """A Graphviz diagram: its source."""
    return _titled(walker, found, found.text or "", "dot") if found.text else diagram(walker, found)


@macro(
    "drawio", "inc-drawio", "drawio-sketch", "gliffy", "gliffy-macro", "lucidchart-macro", "balsamiq", "creately",
    "cacoo", "whimsical", "excalidraw", "yed", "visio", "diagram", "bpmn", "archimate",
)  # fmt: skip
def diagram(walker: Walker, found: Macro) -> str:
    """A diagram that lives in an attachment: its name, and a link where the file is known."""
    name = found.value(
        "diagramDisplayName", "diagramName", "diagramname", "displayName", "name", "filename", "title", "diagram"
    )
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_ATTACHMENT):
            name = name or resource.get(RI_FILENAME) or ""
    if not name:
        return writing.block(body_blocks(walker, found))
    page = found.value("pageName", "pageTitle") or None
    url = walker.resolver.attachment_url(found.value("diagramName", "name") or name, page, None)
    label = writing.plain(name)
    shown = writing.link(label, url) if url else label
    return writing.block([*writing.flow(f"Diagram: {shown}", walker.newline), *body_blocks(walker, found)])


_MATH_BLOCKS = (
    "mathblock",
    "latex",
    "mathjax-block-macro",
    "eazy-math-block",
    "easy-math-block",
    "latex-formatting",
    "math",
    "mathmacro",
    "latexmath",
)
_MATH_INLINE = (
    "mathinline",
    "mathjax-inline-macro",
    "eazy-math-inline",
    "easy-math-inline",
    "latex-inline",
    "math-inline",
)


def _formula(found: Macro) -> str:
    text = found.text or found.value("body", "equation", "formula", "latex", "code", "")
    if not text and found.bodies:
        text = "".join(raw_text(body) for body in found.bodies)
    text = _ODD.sub("", text).strip()
    for fence in ("$$", "$"):
        if len(text) > 2 * len(fence) and text.startswith(fence) and text.endswith(fence):
            return text[len(fence) : -len(fence)].strip()
    return text


@macro(*_MATH_BLOCKS)
def math_block(walker: Walker, found: Macro) -> str:
    """A formula: its LaTeX between ``$$``."""
    text = _formula(found)
    if not text:
        return ""
    text = "\n".join(part for part in text.split("\n") if part.strip())
    return writing.block(["$$" + text.replace("\n", " ") + "$$" if walker.cell else f"$$\n{text}\n$$"])


@macro(*_MATH_INLINE)
def math_inline(walker: Walker, found: Macro) -> str:  # noqa: ARG001
    """A formula in running text: its LaTeX between ``$``."""
    text = " ".join(_formula(found).split())
    return f"${text}$" if text else ""


@macro("markdown", "markdown-macro", "markdown-from-url", "github-markdown", "md-macro")
def markdown(walker: Walker, found: Macro) -> str:
    """Markdown, as it stands. A fence that it leaves open is closed; in a table cell it is lines of text."""
    text = _ODD.sub("", (found.text or "").replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        return embedded_url(walker, found)
    if walker.cell:
        return writing.block(["<br>".join(part.strip() for part in text.split("\n") if part.strip())])
    return writing.block([close_fence(_tidy(text))])


def embedded_url(walker: Walker, found: Macro) -> str:
    """A macro that names an address and holds no text."""
    url = found.value("url", "URL", "")
    return writing.block(
        writing.flow(writing.link("", url), walker.newline) if "://" in url else body_blocks(walker, found)
    )


def _tidy(text: str) -> str:
    return text.strip("\n").rstrip()


def close_fence(text: str) -> str:
    """Markdown with the fence closed that it leaves open."""
    fence = ""
    for found in _FENCE.finditer(text):
        run = found[1]
        rest = text[found.end() : (text.find("\n", found.end()) + 1 or len(text) + 1) - 1]
        if not fence:
            if run[0] != "`" or "`" not in rest:
                fence = run
        elif run[0] == fence[0] and len(run) >= len(fence) and not rest.strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


@macro("html", "html-bobswift", "html-macro", "sql", "sql-query", "csv", "json-table", "openapi", "swagger", "open-api")
def source(walker: Walker, found: Macro) -> str:
    """Text in a language of its own: a fence in that language."""
    language = {"html-bobswift": "html", "html-macro": "html", "sql-query": "sql", "json-table": "json"}.get(
        found.name, found.name
    )
    if not found.text:
        return embedded_url(walker, found)
    return _titled(walker, found, found.text, "" if language in ("openapi", "swagger", "open-api") else language)
