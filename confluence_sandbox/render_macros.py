"""Macros as HTML. What needs an app or a browser is an empty shell, as in a real export."""

from __future__ import annotations

import re
from html import escape
from xml.etree import ElementTree

from confluence_sandbox.content import Content
from confluence_sandbox.render import (
    DEEPEST_INCLUDE,
    Element,
    Macro,
    Renderer,
    attribute,
    local,
    tree,
)
from confluence_sandbox.site import Site

_PANELS = {"info": "information", "note": "note", "warning": "warning", "tip": "tip"}
_LOZENGES = {"green": "success", "yellow": "current", "red": "error", "blue": "complete"}
_LABEL = re.compile(r'label\s*=\s*"([^"]+)"')


def export_view(storage: str, site: Site, content: Content, *, depth: int = 0) -> str:
    """A page as HTML. A body that is not XML, or nested too deep, comes back as it was saved."""
    try:
        return Renderer(site, content, depth, _structured_macro).inside(tree(storage))
    except (ElementTree.ParseError, RecursionError):
        return storage


def _structured_macro(renderer: Renderer, macro: Element) -> str:
    name = attribute(macro, "ac:name")
    return _MACROS.get(name, _shell)(renderer, macro)


def parameter(macro: Element, name: str) -> str:
    """A parameter's text."""
    for child in macro:
        if local(child) == "ac:parameter" and attribute(child, "ac:name") == name:
            return "".join(child.itertext())
    return ""


def _rich(renderer: Renderer, macro: Element) -> str:
    return "".join(renderer.inside(child) for child in macro if local(child) == "ac:rich-text-body")


def _plain(macro: Element) -> str:
    return "".join(
        "".join(child.itertext()) for child in macro if local(child) == "ac:plain-text-body"
    )


def _shell(renderer: Renderer, macro: Element) -> str:
    name = escape(attribute(macro, "ac:name"))
    return (
        '<div class="ap-container conf-macro output-block" data-hasbody="false"'
        f' data-macro-name="{name}"><div class="ap-content"></div>{_rich(renderer, macro)}</div>'
    )


def _code(_renderer: Renderer, macro: Element) -> str:
    language, title = parameter(macro, "language") or "java", parameter(macro, "title")
    head = f'<div class="codeHeader panelHeader pdl"><b>{escape(title)}</b></div>' if title else ""
    settings = f"brush: {escape(language)}; gutter: false; theme: Confluence"
    return (
        '<div class="code panel pdl conf-macro output-block" data-hasbody="true"'
        f' data-macro-name="code">{head}'
        '<div class="codeContent panelContent pdl"><pre class="syntaxhighlighter-pre"'
        ' data-theme="Confluence" '
        f'data-syntaxhighlighter-params="{settings}">{escape(_plain(macro), quote=False)}'
        "</pre></div></div>"
    )


def _noformat(_renderer: Renderer, macro: Element) -> str:
    return (
        '<div class="preformatted panel conf-macro output-block" data-macro-name="noformat"><div'
        ' class="preformattedContent'
        f' panelContent"><pre>{escape(_plain(macro), quote=False)}</pre></div></div>'
    )


def _admonition(renderer: Renderer, macro: Element) -> str:
    name = attribute(macro, "ac:name")
    kind, title = f"confluence-information-macro-{_PANELS[name]}", parameter(macro, "title")
    head = f'<p class="title conf-macro-render">{escape(title)}</p>' if title else ""
    return (
        f'<div class="confluence-information-macro {kind} conf-macro output-block"'
        f' data-macro-name="{name}">{head}<span class="aui-icon aui-icon-small'
        ' confluence-information-macro-icon"> </span><div'
        f' class="confluence-information-macro-body">{_rich(renderer, macro)}</div></div>'
    )


def _panel(renderer: Renderer, macro: Element) -> str:
    title = parameter(macro, "title")
    head = f'<div class="panelHeader"><b>{escape(title)}</b></div>' if title else ""
    body = f'<div class="panelContent">{_rich(renderer, macro)}</div>'
    return f'<div class="panel conf-macro output-block" data-macro-name="panel">{head}{body}</div>'


def _expand(renderer: Renderer, macro: Element) -> str:
    title = escape(parameter(macro, "title") or "Click here to expand...")
    return (
        '<div class="expand-container conf-macro output-block" data-macro-name="expand"><div'
        f' class="expand-control"><span class="expand-control-text">{title}</span></div><div'
        f' class="expand-content">{_rich(renderer, macro)}</div></div>'
    )


def _toc(renderer: Renderer, _macro: Element) -> str:
    headings = [
        "".join(element.itertext())
        for element in tree(renderer.content.body).iter()
        if re.fullmatch(r"h[1-6]", local(element))
    ]
    items = "".join(
        f'<li><a href="#{escape(renderer.anchor(text))}">{escape(text)}</a></li>'
        for text in headings
        if text
    )
    return (
        '<div class="toc-macro conf-macro output-block"'
        f' data-macro-name="toc"><ul>{items}</ul></div>'
    )


def _anchor(renderer: Renderer, macro: Element) -> str:
    name = escape(renderer.anchor(parameter(macro, "")))
    return f'<span class="confluence-anchor-link conf-macro output-inline" id="{name}"></span>'


def _status(_renderer: Renderer, macro: Element) -> str:
    colour = _LOZENGES.get(parameter(macro, "colour").lower(), "default")
    title = escape(parameter(macro, "title"))
    return (
        f'<span class="status-macro aui-lozenge aui-lozenge-{colour} conf-macro'
        f' output-inline">{title}</span>'
    )


def _body(renderer: Renderer, macro: Element) -> str:
    name = attribute(macro, "ac:name")
    return (
        f'<div class="plugin-tabmeta-{name} conf-macro output-block">{_rich(renderer, macro)}</div>'
    )


def _excerpt(renderer: Renderer, macro: Element) -> str:
    return "" if parameter(macro, "hidden") == "true" else _rich(renderer, macro)


def _include(renderer: Renderer, macro: Element) -> str:
    target = renderer.target(macro)
    if target is None or renderer.depth >= DEEPEST_INCLUDE:
        return _missing("include")
    return export_view(target.body, renderer.site, target, depth=renderer.depth + 1)


def _excerpt_include(renderer: Renderer, macro: Element) -> str:
    target, name = renderer.target(macro), parameter(macro, "name")
    if target is None or renderer.depth >= DEEPEST_INCLUDE:
        return _missing("excerpt-include")
    inner = Renderer(renderer.site, target, renderer.depth + 1, renderer.macro)
    for element in tree(target.body).iter():
        if attribute(element, "ac:name") == "excerpt" and (
            not name or parameter(element, "name") == name
        ):
            return (
                '<div class="conf-macro output-block"'
                f' data-macro-name="excerpt-include">{_rich(inner, element)}</div>'
            )
    return _missing("excerpt-include")


def _missing(name: str) -> str:
    return (
        f'<div class="error"><span class="error">Unable to render {{{name}}}</span> Page not'
        " found.</div>"
    )


def _jira(renderer: Renderer, macro: Element) -> str:
    key = escape(parameter(macro, "key"))
    if not key:
        return '<div class="jira-table conf-macro output-block" data-macro-name="jira"></div>'
    link = f'<a href="https://{renderer.site.host}/browse/{key}" class="jira-issue-key">{key}</a>'
    waiting = '<span class="summary">Getting issue details...</span>'
    return (
        f'<span class="jira-issue conf-macro output-inline" data-jira-key="{key}">{link} -'
        f" {waiting}</span>"
    )


def _links(name: str, found: list[Content], renderer: Renderer) -> str:
    items = "".join(f"<li>{renderer.linked(content)}</li>" for content in found)
    return f'<ul class="{name}-macro conf-macro output-block" data-macro-name="{name}">{items}</ul>'


def _shown(renderer: Renderer, content: Content) -> bool:
    same = content.space_id == renderer.content.space_id
    return (
        same
        and content.status == "current"
        and content.type in ("page", "blogpost")
        and renderer.site.visible(content)
    )


def _children(renderer: Renderer, _macro: Element) -> str:
    found = [child for child in renderer.site.children(renderer.content) if _shown(renderer, child)]
    return _links("childpages", found, renderer)


def _by_label(renderer: Renderer, macro: Element) -> str:
    wanted = set(_LABEL.findall(parameter(macro, "cql")))
    found = [
        content
        for content in renderer.site.content.values()
        if _shown(renderer, content) and wanted & {name for _, name in content.labels}
    ]
    return _links("content-by-label", found, renderer)


def _recent(renderer: Renderer, macro: Element) -> str:
    name, most = attribute(macro, "ac:name"), parameter(macro, "max")
    kinds = ("blogpost",) if name == "blog-posts" else ("page", "blogpost")
    found = [
        each
        for each in renderer.site.content.values()
        if _shown(renderer, each) and each.type in kinds
    ]
    found.sort(key=lambda content: content.version.created_at, reverse=True)
    return _links(name, found[: int(most) if most.isdigit() else 15], renderer)


def _attachments(renderer: Renderer, _macro: Element) -> str:
    items = "".join(
        f'<li><a href="{renderer.file(file.title)}">{escape(file.title)}</a></li>'
        for file in renderer.site.files_of(renderer.content)
    )
    return (
        f'<div class="plugin_attachments_container conf-macro output-block"><ul>{items}</ul></div>'
    )


def _view_file(renderer: Renderer, macro: Element) -> str:
    for element in macro.iter():
        name = attribute(element, "ri:filename")
        if name:
            return (
                '<a class="confluence-embedded-file"'
                f' href="{renderer.file(name)}">{escape(name)}</a>'
            )
    return ""


def _column(renderer: Renderer, macro: Element) -> str:
    kind = attribute(macro, "ac:name")
    return f'<div class="{kind}Macro conf-macro output-block">{_rich(renderer, macro)}</div>'


_MACROS: dict[str, Macro] = {
    "anchor": _anchor,
    "attachments": _attachments,
    "blog-posts": _recent,
    "children": _children,
    "code": _code,
    "column": _column,
    "contentbylabel": _by_label,
    "details": _body,
    "detailssummary": _by_label,
    "excerpt": _excerpt,
    "excerpt-include": _excerpt_include,
    "expand": _expand,
    "include": _include,
    "jira": _jira,
    "noformat": _noformat,
    "panel": _panel,
    "recently-updated": _recent,
    "section": _column,
    "status": _status,
    "toc": _toc,
    "view-file": _view_file,
    **dict.fromkeys(_PANELS, _admonition),
}
