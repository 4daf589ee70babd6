"""Macros that stand for something elsewhere: other pages, Jira issues, files, people, addresses."""

from __future__ import annotations

from . import writing
from .links import confluence_link, on_its_own, render_reference, title_target
from .macros import Macro, body_blocks, macro, said_by_parameters
from .names import (
    AC_LINK,
    RI_ATTACHMENT,
    RI_BLOG_POST,
    RI_CONTENT_TITLE,
    RI_PAGE,
    RI_URL,
    RI_USER,
    RI_VALUE,
)
from .source import raw_text
from .walk import Walker


@macro(
    "include",
    "excerpt-include",
    "multiexcerpt-include",
    "multiexcerpt-include-macro",
    "table-excerpt-include",
)
def render_include(walker: Walker, found: Macro) -> str:
    """A page, or an excerpt of one, that stands elsewhere: a reference to it."""
    target = _page_reference(walker, found)
    name = (
        found.value("name", "MultiExcerptName", "multiexcerptname")
        if found.name != "include"
        else ""
    )
    if not target and not name:
        return ""
    kind = "Included page" if found.name == "include" else "Included excerpt"
    detail = f" ({writing.plain(name)})" if name and target else writing.plain(name) if name else ""
    text = f"{kind}: {target}{detail}"
    return text if found.running else on_its_own(walker, text)


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
            return render_reference(walker, resource)
        text = raw_text(parameter).strip()
        if text:
            key, colon, title = text.partition(":")
            if not colon or not key.replace("~", "").isalnum() or title.startswith(" "):
                key, title = "", text
            return writing.link(writing.plain(title), title_target(walker, title, key or None))
    return ""


@macro("jira", "jiraissues", "jirachart", "jira-issue")
def render_jira(walker: Walker, found: Macro) -> str:
    """One Jira issue: its key. A list of them: the question that makes it."""
    key = found.value("key", "issueKey") or (found.value("") if "=" not in found.value("") else "")
    if key:
        return writing.plain(key)  # its server is named by an id that only Jira knows
    question = found.value("jqlQuery", "jql", "jqlquery", "")
    if not question:
        url = found.value("url")
        return writing.link("Jira issues", url) if url else ""
    text = "Jira issues: " + writing.code_span(question)
    return text if found.running else on_its_own(walker, text)


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
def render_file(walker: Walker, found: Macro) -> str:
    """A file that is shown: a link to it."""
    for parameter in found.parameters.values():
        resource = next(parameter.iter(RI_ATTACHMENT), None)
        if resource is not None:
            return render_reference(walker, resource)
    name = found.value("name", "filename", "file", "")
    if not name:
        return writing.block(body_blocks(walker, found)) or said_by_parameters(walker, found)
    page = next(
        (page for parameter in found.parameters.values() for page in parameter.iter(RI_PAGE)), None
    )
    title = page.get(RI_CONTENT_TITLE) if page is not None else None
    return writing.link(
        writing.plain(name),
        walker.resolver.attachment_url(name, title or found.value("page") or None, None) or name,
    )


@macro("profile", "profile-picture", "user-profile")
def render_profile(walker: Walker, found: Macro) -> str:
    """A person's card: a mention."""
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_USER):
            return render_reference(walker, resource)
    name = found.value("user", "username", "accountId", "account-id", "")
    return writing.atom(writing.plain("@" + (walker.resolver.user(name) or name))) if name else ""


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
def render_embedded(walker: Walker, found: Macro) -> str:
    """Something from elsewhere: its address, under its title if it has one."""
    url = ""
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_URL):
            url = url or resource.get(RI_VALUE) or ""
    url = url or found.value("url", "src", "link", "href", "")
    title = found.value("title", "name")
    out = body_blocks(walker, found)
    if "://" not in url:
        shown = writing.block([writing.bold(title), *out] if title else out)
        return shown if out else said_by_parameters(walker, found) or shown
    return writing.block(
        [*writing.flow(writing.link(writing.plain(title), url), walker.newline), *out]
    )


@macro(
    "button",
    "ui-button",
    "button-hyperlink",
    "button-handy",
    "link-window",
    "refined-toolbar-button",
)
def render_button(walker: Walker, found: Macro) -> str:
    """A button: a link."""
    title = found.value("title", "text", "label", "name", "Title")
    for parameter in found.parameters.values():
        for resource in parameter.iter(RI_PAGE, RI_URL, RI_ATTACHMENT):
            return render_reference(walker, resource, writing.plain(title))
    return writing.link(writing.plain(title), found.value("url", "link", "href"))
