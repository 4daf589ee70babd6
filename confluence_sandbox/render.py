"""Storage format to the HTML of ``view`` and ``export_view``: what Confluence makes of a page for
one reader.

Macros that Confluence knows are rendered with what this credential may see; those of apps become
the empty shells that an export shows. Class names are those of Confluence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.entities import html5
from typing import TypeAlias
from urllib.parse import quote

# The bodies are those of the sample site itself.
from xml.etree import ElementTree

from confluence_sandbox.clock import parse_stamp
from confluence_sandbox.content import Content
from confluence_sandbox.paths import webui
from confluence_sandbox.site import Site

Element = ElementTree.Element
Macro: TypeAlias = Callable[["Renderer", Element], str]
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(\w+;)")
_VOID = frozenset({"br", "hr", "col", "img"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
DEEPEST_INCLUDE = 3


def tree(storage: str) -> Element:
    """A storage body as XML: entities resolved, prefixes declared. Raises ``ParseError``."""
    text = _ENTITY.sub(lambda found: html5.get(found.group(1), found.group()), storage)
    return ElementTree.fromstring(f'<r xmlns:ac="ac" xmlns:ri="ri">{text}</r>')  # noqa: S314 - our own bodies


def local(element: Element) -> str:
    """``ac:link`` in place of ``{ac}link``."""
    return str(element.tag).replace("{", "").replace("}", ":")


def attribute(element: Element, name: str) -> str:
    """An attribute by its prefixed name; empty if absent."""
    prefix, colon, rest = name.partition(":")
    return element.get(f"{{{prefix}}}{rest}" if colon else name, "")


class Renderer:
    """Renders one page."""

    def __init__(self, site: Site, content: Content, depth: int, macro: Macro) -> None:
        self.site = site
        self.content = content
        self.depth = depth
        """How many pages this one is included in."""
        self.macro = macro
        """Renders a structured macro."""
        self.base = f"https://{site.host}/wiki"
        self._elements: dict[str, Callable[[Element], str]] = {
            "ac:structured-macro": lambda element: self.macro(self, element),
            "ac:link": self._link,
            "ac:image": self._image,
            "ac:emoticon": self._emoticon,
            "ac:task-list": self._tasks,
            "ac:adf-extension": self._extension,
            "ac:placeholder": lambda _: "",
            "ac:layout": lambda element: (
                f'<div class="contentLayout2">{self.inside(element)}</div>'
            ),
            "ac:layout-section": self._section,
            "ac:layout-cell": self._cell,
            "ac:inline-comment-marker": self.inside,
            "time": self._time,
            "table": self._table,
        }

    def inside(self, element: Element) -> str:
        """What is inside an element."""
        parts = [escape(element.text or "", quote=False)]
        for child in element:
            parts += [self.one(child), escape(child.tail or "", quote=False)]
        return "".join(parts)

    def one(self, element: Element) -> str:
        """An element."""
        name = local(element)
        if name in self._elements:
            return self._elements[name](element)
        if ":" in name:
            return self.inside(element)
        names = "".join(
            f' {key}="{escape(value)}"' for key, value in element.attrib.items() if "}" not in key
        )
        if name in _VOID:
            return f"<{name}{names}/>"
        if name in _HEADINGS:
            names = f' id="{escape(self.anchor(re.sub("<[^>]+>", "", self.inside(element))))}"'
        if name in ("th", "td"):
            names = f' class="confluence{name.capitalize()}"{names}'
        return f"<{name}{names}>{self.inside(element)}</{name}>"

    def anchor(self, text: str) -> str:
        """The id that the legacy renderer gives a heading."""
        return f"{self.content.title}-{text}".replace(" ", "")

    def url(self, content: Content) -> str:
        """The address of content for people."""
        return f"{self.base}{webui(self.site, content)}"

    def linked(self, content: Content) -> str:
        """A link with the content's title."""
        return f'<a href="{escape(self.url(content))}">{escape(content.title)}</a>'

    def target(self, element: Element) -> Content | None:
        """The page or post that an ``ri:page`` or ``ri:blog-post`` inside means, if it is there and
        visible."""
        found = next(
            (each for each in element.iter() if local(each) in ("ri:page", "ri:blog-post")), None
        )
        if found is None:
            return None
        title, key = attribute(found, "ri:content-title"), attribute(found, "ri:space-key")
        if title == "@self":
            return self.content
        for content in self.site.content.values():
            in_space = (
                self.site.spaces[content.space_id].key == key
                if key
                else content.space_id == self.content.space_id
            )
            if (
                content.title == title
                and in_space
                and content.status == "current"
                and self.site.visible(content)
            ):
                return content
        return None

    # -- elements

    def _link(self, element: Element) -> str:
        names = {local(each): each for each in element.iter()}
        body = next(
            (
                each
                for each in element
                if local(each) in ("ac:link-body", "ac:plain-text-link-body")
            ),
            None,
        )
        text = "" if body is None else self.inside(body)
        if "ri:user" in names:
            return self._mention(names["ri:user"])
        if "ri:attachment" in names:
            name = attribute(names["ri:attachment"], "ri:filename")
            return (
                '<a class="confluence-embedded-file"'
                f' href="{self.file(name)}">{text or escape(name)}</a>'
            )
        if "ri:space" in names:
            key = escape(attribute(names["ri:space"], "ri:space-key"))
            return f'<a href="{self.base}/spaces/{key}">{text or key}</a>'
        anchor = attribute(element, "ac:anchor")
        target = self.target(element)
        page = names.get("ri:page", names.get("ri:blog-post"))
        if target is None and page is not None:
            return (
                '<a class="createlink"'
                f' href="#">{text or escape(attribute(page, "ri:content-title"))}</a>'
            )
        href = "" if target is None else self.url(target)
        href += (
            f"#{quote((target or self.content).title.replace(' ', ''))}-{anchor}" if anchor else ""
        )
        return f'<a href="{escape(href)}">{text or escape(target.title if target else anchor)}</a>'

    def _mention(self, element: Element) -> str:
        account_id = attribute(element, "ri:account-id") or attribute(element, "ri:userkey")
        person = self.site.people.get(account_id)
        name = person.display_name if person is not None else None
        shown = escape(name or (f"Unknown User ({account_id})" if account_id else "Anonymous"))
        href = f"{self.base}/people/{quote(account_id)}"
        return (
            f'<a class="confluence-userlink user-mention" data-account-id="{account_id}"'
            f' href="{href}">{shown}</a>'
        )

    def file(self, name: str, of: Content | None = None) -> str:
        """The address of an attachment."""
        return f"{self.base}/download/attachments/{(of or self.content).id}/{quote(name)}?api=v2"

    def _image(self, element: Element) -> str:
        source = next(
            (each for each in element if local(each) in ("ri:attachment", "ri:url")), None
        )
        if source is None:
            return ""
        name = attribute(source, "ri:filename")
        src = self.file(name, self.target(element)) if name else attribute(source, "ri:value")
        alt = escape(attribute(element, "ac:alt") or name)
        image = f'<img class="confluence-embedded-image" alt="{alt}" src="{escape(src)}"/>'
        return f'<span class="confluence-embedded-file-wrapper">{image}</span>'

    def _emoticon(self, element: Element) -> str:
        name, fallback = attribute(element, "ac:name"), attribute(element, "ac:emoji-fallback")
        shortname = attribute(element, "ac:emoji-shortname")
        return (
            f'<img class="emoticon emoticon-{name}" data-emoji-fallback="{fallback}"'
            f' data-emoji-shortname="{shortname}" alt="({name})"'
            f' src="{self.base}/s/-/emoticons/{name}.png"/>'
        )

    def _tasks(self, element: Element) -> str:
        items = []
        for task in element:
            parts = {local(each): each for each in task}
            done = (
                (parts["ac:task-status"].text or "") == "complete"
                if "ac:task-status" in parts
                else False
            )
            body = self.inside(parts["ac:task-body"]) if "ac:task-body" in parts else ""
            number = (parts["ac:task-id"].text or "") if "ac:task-id" in parts else ""
            checked = ' class="checked"' if done else ""
            items.append(f'<li{checked} data-inline-task-id="{number}">{body}</li>')
        return (
            '<ul class="inline-task-list"'
            f' data-inline-tasks-content-id="{self.content.id}">{"".join(items)}</ul>'
        )

    def _extension(self, element: Element) -> str:
        """The fallback; where that only repeats the node, the app is asked by the browser and an
        export has nothing."""
        fallback = next((each for each in element if local(each) == "ac:adf-fallback"), None)
        if fallback is None or any(local(each) == "ac:adf-node" for each in fallback):
            return (
                '<div class="ap-container conf-macro output-block"><div'
                ' class="ap-content"></div></div>'
            )
        return self.inside(fallback)

    def _section(self, element: Element) -> str:
        kind = attribute(element, "ac:type").replace("_", "-")
        return f'<div class="columnLayout {kind}" data-layout="{kind}">{self.inside(element)}</div>'

    def _cell(self, element: Element) -> str:
        return (
            '<div class="cell normal" data-type="normal"><div'
            f' class="innerCell">{self.inside(element)}</div></div>'
        )

    def _time(self, element: Element) -> str:
        date = element.get("datetime", "")
        try:
            moment = parse_stamp(date)
        except ValueError:
            return ""
        return f'<time datetime="{date}" class="date-past">{moment.day} {moment:%b %Y}</time>'

    def _table(self, element: Element) -> str:
        return (
            '<div class="table-wrap"><table'
            f' class="confluenceTable">{self.inside(element)}</table></div>'
        )
