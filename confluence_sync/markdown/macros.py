"""Macros: what each becomes. A macro that is not known keeps its title and its bodies, and loses its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from . import blocks, writing
from .elements import add_code
from .links import confluence_link, page_target, refer, title_target
from .marks import STRONG
from .names import (
    AC_DEFAULT_PARAMETER,
    AC_LINK,
    AC_MACRO,
    AC_NAME,
    AC_PARAMETER,
    AC_PLAIN_TEXT_BODY,
    AC_RICH_TEXT_BODY,
    AC_STRUCTURED_MACRO,
    AC_TASK,
    AC_TASK_BODY,
    AC_TASK_LIST,
    AC_TASK_STATUS,
    RI_ATTACHMENT,
    RI_BLOG_POST,
    RI_CONTENT_TITLE,
    RI_PAGE,
    RI_URL,
    RI_USER,
    RI_VALUE,
)
from .source import AC, Element, raw_text
from .walk import BLOCKS, Walker, block, inline
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

    def value(self, *names: str) -> str:
        """The text of the first of these parameters that has one."""
        for name in names:
            found = self.parameters.get(name)
            if found is not None and (text := raw_text(found).strip()):
                return text
        return ""


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
    result = MACROS.get(name.lower(), unknown)(walker, Macro(name.lower(), parameters, bodies, text))
    return result + writing.block(rest) if rest else result


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
    return writing.flow(BREAK.join(writing.plain(part) for part in text.split("\n")), walker.newline)


def unknown(walker: Walker, found: Macro) -> str:
    """Title and bodies; a plain-text body verbatim, as it may be anything. No other parameter is for readers."""
    if found.text is None and len(found.bodies) == 1 and not found.value("title") and _is_running(found.bodies[0]):
        return walker.inline(found.bodies[0])
    out: list[str] = []
    for body in found.bodies:
        walker.blocks(body, out)
    if found.text:
        add_code(walker, found.text, "", out)
    title = found.value("title")
    return writing.block([writing.bold(title), *out] if title else out)


def _is_running(body: Element) -> bool:
    """Whether a body is running text, as that of an inline macro is."""
    return bool((body.text or "").strip()) or (
        len(body) > 0 and body[0].tag not in BLOCKS and not str(body[0].tag).startswith(AC)
    )


@macro("code", "codeblock", "code-block")
def code(walker: Walker, found: Macro) -> str:
    """A code block: language, title, body."""
    out = [writing.bold(title)] if (title := found.value("title")) else []
    if found.text is None:
        for body in found.bodies:
            add_code(
                walker,
                "\n".join(raw_text(part) for part in body) or body.text or "",
                found.value("language", "lang", ""),
                out,
            )
    else:
        add_code(walker, found.text, found.value("language", "lang", ""), out)
    return writing.block(out)


@macro("noformat")
def noformat(walker: Walker, found: Macro) -> str:
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
def panel(walker: Walker, found: Macro) -> str:
    """A panel: an alert, or a quote where it is of no kind."""
    inner: list[str] = [] if found.bodies else body_blocks(walker, found)
    for body in found.bodies:
        walker.put_in(body, inner)
    return writing.block(blocks.alert(_PANELS[found.name], found.value("title"), inner, cell=bool(walker.cell)))


@macro("expand", "ui-expand", "ui-tab", "ui-step", "tab", "localtab", "card", "deck", "aura-expand", "accordion-item")
def expand(walker: Walker, found: Macro) -> str:
    """What can be folded: title and content, unfolded."""
    title = found.value("title", "label")
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
    "chart",
)
def transparent(walker: Walker, found: Macro) -> str:
    """What only arranges or names its content."""
    if found.text is None and len(found.bodies) == 1 and _is_running(found.bodies[0]):
        return walker.inline(found.bodies[0])
    return writing.block(body_blocks(walker, found))


@macro("status", "status-handy")
def status(walker: Walker, found: Macro) -> str:  # noqa: ARG001
    """A lozenge: its text, bold; the colour adds nothing. Without a title it shows its colour."""
    title = found.value("title", "Status", "status") or found.value("colour", "color", "Color").upper()
    return writing.mark(STRONG, writing.plain(title)) if title else ""


@macro(
    "toc", "toc-zone", "anchor", "livesearch", "pagetreesearch", "create-from-template", "create-space-button",
    "change-history", "contributors", "contributors-summary", "navmap", "space-details", "style", "css",
    "search", "favpages", "global-reports", "network", "recently-updated-dashboard", "spaces", "popular-labels",
    "recently-used-labels", "related-labels", "listlabels", "userlister", "bookmarks", "profile-list", "loremipsum",
    "space-attachments", "gallery", "attachments", "recently-updated", "blog-posts", "tasks-report-macro",
    "task-report", "contentbylabel", "detailssummary", "decisionreport", "children", "pagetree", "include-page-tree",
    "content-report-table", "labels-list", "index", "roadmap", "team-calendar", "calendar", "calendarextension",
)  # fmt: skip
def dynamic(walker: Walker, found: Macro) -> str:
    """Navigation and lists made of other pages: nothing of this page, so nothing here, except the content of a zone
    and the page that a list names."""
    out = body_blocks(walker, found) if found.name not in ("style", "css") else []
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_PAGE, RI_BLOG_POST):
            if page_target(walker, resource)[0]:
                out += writing.flow(_LISTS.get(found.name, "") + refer(walker, resource), walker.newline)
    return writing.block(out)


_LISTS = {"children": "Child pages of ", "pagetree": "Page tree of "}


@macro("include", "excerpt-include", "multiexcerpt-include", "multiexcerpt-include-macro", "table-excerpt-include")
def include(walker: Walker, found: Macro) -> str:
    """A page, or an excerpt of one, that stands elsewhere: a reference to it."""
    target = _page_reference(walker, found)
    name = found.value("name", "MultiExcerptName", "multiexcerptname") if found.name != "include" else ""
    if not target and not name:
        return ""
    kind = "Included page" if found.name == "include" else "Included excerpt"
    detail = f" ({writing.plain(name)})" if name and target else writing.plain(name) if name else ""
    return writing.block(writing.flow(f"{kind}: {target}{detail}", walker.newline))


def _page_reference(walker: Walker, found: Macro) -> str:
    for name in ("", "page", "PageWithExcerpt", "pagewithexcerpt", "default-parameter"):
        parameter = found.parameters.get(name)
        if parameter is None:
            continue
        link = next(parameter.iter(AC_LINK), None)
        if link is not None:
            return confluence_link(walker, link)
        resource = next(parameter.iter(RI_PAGE, RI_BLOG_POST), None)
        if resource is not None:
            return refer(walker, resource)
        text = raw_text(parameter).strip()
        if text:
            key, colon, title = text.partition(":")
            if not colon or not key.replace("~", "").isalnum() or title.startswith(" "):
                key, title = "", text
            return writing.link(writing.plain(title), title_target(walker, title, key or None))
    return ""


@macro("jira", "jiraissues", "jirachart", "jira-issue")
def jira(walker: Walker, found: Macro) -> str:
    """One Jira issue: its key. A list of them: the question that makes it."""
    key = found.value("key", "issueKey") or (found.value("") if "=" not in found.value("") else "")
    if key:
        return writing.link(writing.plain(key), walker.resolver.jira_url(key) or "")
    question = found.value("jqlQuery", "jql", "jqlquery", "")
    if not question:
        url = found.value("url")
        return writing.link("Jira issues", url) if url else ""
    return writing.block(writing.flow("Jira issues: " + writing.code_span(question), walker.newline))


@macro(
    "view-file",
    "viewfile",
    "viewpdf",
    "viewdoc",
    "viewxls",
    "viewppt",
    "multimedia",
    "pdf",
    "office-excel",
    "office-word",
    "preview",
)
def file(walker: Walker, found: Macro) -> str:
    """A file that is shown: a link to it."""
    for parameter in found.parameters.values():
        resource = next(parameter.iter(RI_ATTACHMENT), None)
        if resource is not None:
            return refer(walker, resource)
    name = found.value("name", "filename", "file", "")
    if not name:
        return writing.block(body_blocks(walker, found))
    page = next((page for parameter in found.parameters.values() for page in parameter.iter(RI_PAGE)), None)
    title = page.get(RI_CONTENT_TITLE) if page is not None else None
    return writing.link(
        writing.plain(name), walker.resolver.attachment_url(name, title or found.value("page") or None, None) or name
    )


@macro("profile", "profile-picture", "user-profile")
def profile(walker: Walker, found: Macro) -> str:
    """A person's card: a mention."""
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_USER):
            return refer(walker, resource)
    return ""


@macro(
    "widget",
    "iframe",
    "html-include",
    "rss",
    "trello",
    "embed",
    "web-preview",
    "figma",
    "miro",
    "loom",
    "youtube",
    "googledrive",
    "lucidchart",
    "vimeo",
)
def embedded(walker: Walker, found: Macro) -> str:
    """Something from elsewhere: its address, under its title if it has one."""
    url = ""
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_URL):
            url = url or resource.get(RI_VALUE) or ""
    url = url or found.value("url", "src", "link", "href", "")
    title = found.value("title", "name")
    out = body_blocks(walker, found)
    if "://" not in url:
        return writing.block([writing.bold(title), *out] if title else out)
    return writing.block([*writing.flow(writing.link(writing.plain(title), url), walker.newline), *out])


@macro("button", "ui-button", "button-hyperlink", "button-handy", "link-window", "refined-toolbar-button")
def button(walker: Walker, found: Macro) -> str:
    """A button: a link."""
    title = found.value("title", "text", "label", "name", "Title")
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_PAGE, RI_URL, RI_ATTACHMENT):
            return refer(walker, resource, writing.plain(title))
    return writing.link(writing.plain(title), found.value("url", "link", "href"))


@macro("unmigrated-wiki-markup", "unmigrated-inline-wiki-markup")
def wiki_markup(walker: Walker, found: Macro) -> str:
    """Old wiki markup that Confluence could not migrate: as it stands."""
    return writing.block(body_blocks(walker, found))


@block(AC_TASK_LIST)
def task_list(walker: Walker, element: Element, out: list[str]) -> None:
    """Tasks with their state. A list of tasks in a list of tasks belongs to the task before it."""
    items: list[tuple[str, list[str]]] = []
    for child in element:
        if child.tag == AC_TASK_LIST:
            walker.nested(task_list, child, items[-1][1] if items else out)
            continue
        if child.tag != AC_TASK:
            items += [("- ", texts)] if (texts := writing.flow(walker.unknown(child))) else []
            continue
        state = (child.findtext(AC_TASK_STATUS) or "").strip()
        inner: list[str] = []
        for part in child:
            if part.tag == AC_TASK_BODY:
                walker.put_in(part, inner)
            elif part.tag == AC_TASK_LIST:
                walker.nested(task_list, part, inner)
        if inner:
            items.append(("- ", blocks.task(inner, state == "complete")))
    out += blocks.listing(items, cell=bool(walker.cell))
