"""Confluence's own macros: code, panels, what can be folded, lozenges, lists of other pages."""

from __future__ import annotations

from . import blocks, writing
from .elements import add_code, code_text
from .links import RESOURCE_TAGS, page_target, plain_resource, render_reference
from .macros import (
    TEXT_PARAMETERS,
    Macro,
    body_blocks,
    handler_of,
    is_running,
    macro,
    running_text,
)
from .marks import STRONG
from .names import (
    AC_MACRO,
    AC_NAME,
    AC_PARAMETER,
    AC_PLAIN_TEXT_BODY,
    AC_RICH_TEXT_BODY,
    AC_STRUCTURED_MACRO,
    RI_BLOG_POST,
    RI_PAGE,
)
from .source import Element, raw_text
from .walk import Walker, plain_text


@macro("code", "codeblock", "code-block")
def render_code(walker: Walker, found: Macro) -> str:
    """A code block: language, title, body."""
    out = [writing.bold(title)] if (title := found.value("title")) else []
    if found.text is None:
        for body in found.bodies:
            add_code(walker, code_text(walker, body), found.value(*_LANGUAGES), out)
    else:
        add_code(walker, found.text, found.value(*_LANGUAGES), out)
    return writing.block(out)


_LANGUAGES = ("language", "lang", "syntax", "brush", "")


@macro("noformat")
def render_noformat(walker: Walker, found: Macro) -> str:
    """Preformatted text: a fence without a language."""
    out = [writing.bold(title)] if (title := found.value("title")) else []
    add_code(walker, found.text or "", "", out)
    return writing.block(out + (body_blocks(walker, found) if found.bodies else []))


_PANELS = {
    "info": "NOTE",
    "note": "WARNING",
    "warning": "CAUTION",
    "tip": "TIP",
    "success": "TIP",
    "error": "CAUTION",
    "panel": "",
}


@macro(*_PANELS)
def render_panel(walker: Walker, found: Macro) -> str:
    """A panel: an alert, or a quote where it is of no kind."""
    inner: list[str] = [] if found.bodies else body_blocks(walker, found)
    for body in found.bodies:
        walker.put_in(body, inner)
    return writing.block(
        blocks.alert(_PANELS[found.name], found.value("title"), inner, cell=bool(walker.cell))
    )


@macro(
    "expand",
    "ui-expand",
    "ui-tab",
    "ui-step",
    "tab",
    "localtab",
    "card",
    "deck",
    "aura-expand",
    "accordion-item",
)
def render_expand(walker: Walker, found: Macro) -> str:
    """What can be folded: title and content, unfolded."""
    title = found.value("title", "label", "name", "heading")
    out = body_blocks(walker, found)
    return writing.block([writing.bold(title), *out] if title else out)


@macro(
    "section",
    "column",
    "excerpt",
    "details",
    "div",
    "span",
    "multiexcerpt",
    "multiexcerpt-macro",
    "div-macro",
    "table-filter",
    "table-excerpt",
)
def render_transparent(walker: Walker, found: Macro) -> str:
    """What only arranges or names its content."""
    if found.text is None and len(found.bodies) == 1 and is_running(found.bodies[0], found.running):
        return running_text(walker, found.bodies[0])
    return writing.block(body_blocks(walker, found))


@macro("status", "status-handy")
def render_status(walker: Walker, found: Macro) -> str:  # noqa: ARG001
    """A lozenge: its text, bold; the colour adds nothing. Without a title it shows its colour."""
    title = (
        found.value("title", "Status", "status") or found.value("colour", "color", "Color").upper()
    )
    return writing.mark(STRONG, writing.plain(title)) if title else ""


@macro(
    "toc",
    "toc-zone",
    "anchor",
    "livesearch",
    "pagetreesearch",
    "create-from-template",
    "create-space-button",
    "change-history",
    "contributors",
    "contributors-summary",
    "navmap",
    "space-details",
    "style",
    "css",
    "search",
    "favpages",
    "global-reports",
    "network",
    "recently-updated-dashboard",
    "spaces",
    "popular-labels",
    "recently-used-labels",
    "related-labels",
    "listlabels",
    "userlister",
    "bookmarks",
    "profile-list",
    "loremipsum",
    "space-attachments",
    "gallery",
    "attachments",
    "recently-updated",
    "blog-posts",
    "tasks-report-macro",
    "task-report",
    "contentbylabel",
    "detailssummary",
    "decisionreport",
    "children",
    "pagetree",
    "include-page-tree",
    "content-report-table",
    "labels-list",
    "index",
    "team-calendar",
    "calendar",
    "calendarextension",
)
def render_dynamic(walker: Walker, found: Macro) -> str:
    """Navigation and lists made of other pages: nothing of this page, so nothing here, except the
    content of a zone and the page that a list names."""
    out = body_blocks(walker, found) if found.name not in ("style", "css") else []
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_PAGE, RI_BLOG_POST):
            if page_target(walker, resource)[0]:
                out += writing.flow(
                    _LISTS.get(found.name, "") + render_reference(walker, resource), walker.newline
                )
    return writing.block(out)


_LISTS = {"children": "Child pages of ", "pagetree": "Page tree of "}


@plain_text(AC_STRUCTURED_MACRO, AC_MACRO)
def plain_macro(walker: Walker, element: Element) -> str | None:
    """A macro in plain text: what a lozenge or a Jira key shows; its bodies; else what its
    parameters show."""
    name = (element.get(AC_NAME) or "").lower()
    shown = {
        "status": ("title", "colour"),
        "jira": ("key",),
        "jiraissues": ("key",),
        "jira-issue": ("key",),
    }.get(name)
    if shown is None and any(one.tag in (AC_RICH_TEXT_BODY, AC_PLAIN_TEXT_BODY) for one in element):
        return None
    found = {one.get(AC_NAME) or "": one for one in element if one.tag == AC_PARAMETER}
    if shown is not None:
        return next(
            (text for key in shown if key in found and (text := raw_text(found[key]).strip())), ""
        )
    texts = [
        plain_resource(walker, one)
        for parameter in found.values()
        for one in parameter.iter(*RESOURCE_TAGS)
    ]
    texts += [
        raw_text(one).strip()
        for key, one in found.items()
        if key.lower() in TEXT_PARAMETERS and not len(one)
    ]
    return (
        " ".join(text for text in texts if text) if handler_of(name) is not render_dynamic else ""
    )
