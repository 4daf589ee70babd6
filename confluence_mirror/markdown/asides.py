"""Macros that put words beside something: a chart's axes, a tooltip, a footnote."""

from __future__ import annotations

from . import writing
from .macros import Macro, body_blocks, macro, running_text
from .walk import Walker, text_of


@macro("chart", "chart-macro")
def render_chart(walker: Walker, found: Macro) -> str:
    """A chart: its titles and the names of its axes above the table that it is drawn from."""
    out = [writing.bold(title)] if (title := found.value("title")) else []
    about = [found.value("subTitle", "subtitle")]
    for axis, names in (
        ("x", ("xLabel", "xlabel", "domainAxisLabel")),
        ("y", ("yLabel", "ylabel", "rangeAxisLabel")),
    ):
        about.append(f"{axis}: {label}" if (label := found.value(*names)) else "")
    for text in about:
        out += writing.flow(writing.plain(text), walker.newline) if text else []
    return writing.block(out + body_blocks(walker, found))


@macro("tooltip", "inline-tooltip", "hover-tooltip")
def render_tooltip(walker: Walker, found: Macro) -> str:
    """A word with an explanation: the explanation in parentheses."""
    label = found.value("text", "label", "title", "linkText", "link-text", "term", "word", "")
    tip = found.value(
        "tip",
        "tooltip",
        "tooltipText",
        "tooltip-text",
        "content",
        "description",
        "definition",
        "message",
    )
    shown = writing.plain(label)
    if found.bodies and not label:
        shown = running_text(walker, found.bodies[0])
    elif found.bodies:
        tip = tip or text_of(found.bodies[0], " ", walker).strip()
    elif found.text and not label:
        shown = writing.plain(found.text)
    if not shown.strip():
        return writing.atom(writing.plain(tip))
    return writing.atom(f"{shown} ({writing.plain(tip)})" if tip else shown)


@macro("footnote", "footnote-macro", "footnotemacro")
def render_footnote(walker: Walker, found: Macro) -> str:
    """A footnote: in parentheses where it is referred to."""
    text = writing.plain(
        found.text
        or found.value("text", "content", "note", "footnote", "body", "description", "title")
    )
    if found.bodies:
        text = " ".join([running_text(walker, body) for body in found.bodies])
    if writing.BLOCK in text:
        return text
    return f" ({text.strip()})" if text.strip() else ""
