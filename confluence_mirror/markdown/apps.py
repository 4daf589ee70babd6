"""Macros of apps whose text is a language of its own: diagrams, mathematics, Markdown, HTML."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from urllib.parse import unquote

from . import writing
from .elements import add_code, code_text
from .macros import Macro, body_blocks, decode_parameter, macro, said_by_parameters
from .marks import EM
from .names import RI_ATTACHMENT, RI_FILENAME
from .payload import is_base64, is_state, without_data, without_payloads
from .source import raw_text
from .walk import Walker

_MAX_INFLATED = 1_000_000
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def _titled_fence(walker: Walker, found: Macro, source: str, language: str) -> str:
    title, caption = found.value("title", "name", "filename"), found.value("caption")
    out = [writing.bold(title)] if title else []
    add_code(walker, source, language, out)
    out += (
        writing.flow(writing.mark(EM, writing.plain(caption)), walker.newline)
        if caption != title
        else []
    )
    return writing.block(out)


@macro(
    "mermaid-macro",
    "mermaid",
    "mermaid-cloud",
    "mermaid-diagram",
    "mermaiddiagram",
    "mermaid-chart",
    "mermaidjs-macro",
)
def render_mermaid(walker: Walker, found: Macro) -> str:
    """A Mermaid diagram: its source, or the name of the file that holds it."""
    source = _find_source(
        walker,
        found,
        "code",
        "source",
        "body",
        "diagram",
        "diagramCode",
        "diagram-code",
        "content",
        "text",
    )
    return (
        _titled_fence(walker, found, source, "mermaid") if source else render_diagram(walker, found)
    )


def _find_source(walker: Walker, found: Macro, *names: str) -> str:
    """A source: the body unless it is a picture, else a parameter, else the text of the bodies."""
    for text in (found.text or "", found.value(*names)):
        if text.strip() and not is_base64(text):
            return without_payloads(text)
    return "\n".join(code_text(walker, body) for body in found.bodies)


@macro("plantuml", "plantumlrender", "plantuml-macro", "plantumlcloud", "uml", "flowchart")
def render_plantuml(walker: Walker, found: Macro) -> str:
    """A PlantUML diagram: its source, unpacked where the app packs it."""
    source = _unpack_source(found.value("data")) or _unpack_source((found.text or "").strip())
    source = source or _find_source(
        walker, found, "code", "source", "umlcode", "umlCode", "uml", "body", "content", "text"
    )
    return (
        _titled_fence(walker, found, source, "plantuml")
        if source.strip()
        else render_diagram(walker, found)
    )


def _unpack_source(data: str) -> str:
    """The ``data`` of plantumlcloud: base64 of a raw deflate stream of percent-encoded text, or
    that text itself."""
    if not data or data.startswith("@"):
        return ""
    try:
        packed = base64.b64decode(unquote(data), validate=True)
        text = zlib.decompressobj(-15).decompress(packed, _MAX_INFLATED).decode()
    except (binascii.Error, zlib.error, ValueError):
        return unquote(data) if "@start" in unquote(data) else ""
    return unquote(text)


@macro("graphviz", "digraph", "dot")
def render_graphviz(walker: Walker, found: Macro) -> str:
    """A Graphviz diagram: its source."""
    source = _find_source(walker, found, "code", "source", "dot", "body")
    return _titled_fence(walker, found, source, "dot") if source else render_diagram(walker, found)


@macro(
    "drawio",
    "inc-drawio",
    "drawio-sketch",
    "gliffy",
    "gliffy-macro",
    "lucidchart-macro",
    "balsamiq",
    "creately",
    "cacoo",
    "whimsical",
    "excalidraw",
    "yed",
    "visio",
    "diagram",
    "bpmn",
    "archimate",
)
def render_diagram(walker: Walker, found: Macro) -> str:
    """A diagram that lives in an attachment: its name, and a link where the file is known."""
    name = found.value(
        "diagramDisplayName",
        "diagramName",
        "diagramname",
        "displayName",
        "name",
        "filename",
        "fileName",
        "title",
        "diagram",
    )
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_ATTACHMENT):
            name = name or resource.get(RI_FILENAME) or ""
    if not name:
        return writing.block(
            [] if found.text else body_blocks(walker, found)
        ) or said_by_parameters(walker, found)
    page = found.value("pageName", "pageTitle") or None
    url = walker.resolver.attachment_url(found.value("diagramName", "name") or name, page, None)
    label = writing.plain(name)
    shown = writing.link(label, url) if url else label
    kept = (
        found._replace(text=None)
        if is_base64(found.text or "") or is_state(found.text or "")
        else found
    )
    return writing.block(
        [*writing.flow(f"Diagram: {shown}", walker.newline), *body_blocks(walker, kept)]
    )


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
    text = decode_parameter(found.text or "") or found.value(
        "body",
        "equation",
        "formula",
        "latex",
        "tex",
        "math",
        "expression",
        "code",
        "content",
        "text",
        "source",
        "",
    )
    if not text and found.bodies:
        text = "".join(raw_text(body) for body in found.bodies)
    text = _ODD.sub("", text).strip()
    for fence in ("$$", "$"):
        if len(text) > 2 * len(fence) and text.startswith(fence) and text.endswith(fence):
            return text[len(fence) : -len(fence)].strip()
    return text


@macro(*_MATH_BLOCKS)
def math_block(walker: Walker, found: Macro) -> str:
    """A formula: its LaTeX between ``$$``, in a sentence between ``$``."""
    if found.running:
        return math_inline(walker, found)
    text = _formula(found)
    if not text:
        return ""
    text = "\n".join(part for part in text.split("\n") if part.strip())
    return writing.block(
        ["$$" + text.replace("\n", " ") + "$$" if walker.cell else f"$$\n{text}\n$$"]
    )


@macro(*_MATH_INLINE)
def math_inline(walker: Walker, found: Macro) -> str:  # noqa: ARG001
    """A formula in running text: its LaTeX between ``$``."""
    text = " ".join(_formula(found).split())
    return f"${text}$" if text else ""


@macro("markdown", "markdown-macro", "markdown-from-url", "github-markdown", "md-macro", "md")
def render_markdown(walker: Walker, found: Macro) -> str:
    """Markdown, as it stands, without the data of pictures. A fence that it leaves open is closed;
    in a table cell it is lines of text. Vendors keep it as a body, plain or rich, or as a
    parameter."""
    text = found.text or "\n".join(code_text(walker, body) for body in found.bodies)
    text = (
        text
        if text.strip()
        else found.value("markdown", "markdownText", "source", "content", "text", "body", "md", "")
    )
    text = without_data(_ODD.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    if not text.strip() or _ADDRESS.fullmatch(text.strip()):
        return embedded_url(walker, found)
    if walker.cell:
        return writing.block(
            ["<br>".join(part.strip() for part in text.split("\n") if part.strip())]
        )
    return writing.block([close_fence(_tidy(text))])


_ADDRESS = re.compile(r"https?://\S+")


def embedded_url(walker: Walker, found: Macro) -> str:
    """A macro that names an address and holds no text."""
    url = found.value("url", "URL", "")
    if "://" in url:
        return writing.block(writing.flow(writing.link("", url), walker.newline))
    return writing.block(body_blocks(walker, found)) or said_by_parameters(walker, found)


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


@macro(
    "html",
    "html-bobswift",
    "html-macro",
    "sql",
    "sql-query",
    "csv",
    "json-table",
    "openapi",
    "swagger",
    "open-api",
)
def render_source(walker: Walker, found: Macro) -> str:
    """Text in a language of its own: a fence in that language."""
    language = {
        "html-bobswift": "html",
        "html-macro": "html",
        "sql-query": "sql",
        "json-table": "json",
    }.get(found.name, found.name)
    names = (
        found.name,
        "data",
        "source",
        "content",
        "code",
        "body",
        "spec",
        "yaml",
        "json",
        "text",
    )
    text = without_payloads(found.text or found.value(*names))
    if not text.strip() or _ADDRESS.fullmatch(text.strip()):
        return embedded_url(walker, found)
    return _titled_fence(
        walker, found, text, "" if language in ("openapi", "swagger", "open-api") else language
    )
