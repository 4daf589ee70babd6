"""What points elsewhere: links, mentions, files.

A resolver gives addresses on the site. What it does not know keeps a stable form, so that neither
the name nor the direction is lost: ``page:SPACE/Title``, ``blog:SPACE/Title``, ``space:KEY``,
``user:ID``; a file is named by its name.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from . import writing
from .names import (
    AC_ANCHOR,
    AC_CARD,
    AC_LINK,
    AC_LINK_BODY,
    AC_PLAIN_TEXT_LINK_BODY,
    RI_ACCOUNT_ID,
    RI_BLOG_POST,
    RI_CONTENT_ID,
    RI_CONTENT_TITLE,
    RI_FILENAME,
    RI_KEY,
    RI_PAGE,
    RI_PARAMETER,
    RI_SPACE_KEY,
    RI_USER,
    RI_USERKEY,
    RI_USERNAME,
    RI_VALUE,
)
from .resolve import Resolver, site_of, space_url, url_by_id, user_url
from .source import RI, Element, raw_text
from .walk import Walker, inline, plain_text, text_of

_NO_TITLES = frozenset(["@self", "@home", "@parent", "@none", ""])
_SLUG_DROP = re.compile(r"[^\w\- ]+")

RESOURCE_TAGS = frozenset(
    RI + name
    for name in (
        "page",
        "blog-post",
        "attachment",
        "user",
        "space",
        "url",
        "shortcut",
        "content-entity",
    )
)


def slug(anchor: str) -> str:
    """An anchor as Markdown readers make them from headings: lower case, hyphens, no
    punctuation."""
    return _SLUG_DROP.sub("", unquote(anchor)).strip().lower().replace(" ", "-")


@inline("a")
def render_hyperlink(walker: Walker, element: Element) -> str:
    """An ordinary link. Blocks inside come after it; an anchor without an address is its text."""
    label = walker.inline(element)
    url = (element.get("href") or "").strip()
    if not url:
        return label
    if url[0] == "#":
        return (
            linked(label, f"#{slug(url[1:])}") if label.strip() else label
        )  # the place, not a link to it
    done = linked(label, absolute(walker.resolver, url))
    return on_its_own(walker, done) if element.get("data-card-appearance") in _CARDS else done


_CARDS = frozenset(["block", "embed"])


def on_its_own(walker: Walker, text: str) -> str:
    """Running text as a block; a card stands on a line of its own."""
    return writing.block(writing.flow(text, walker.newline))


def absolute(resolver: Resolver, url: str) -> str:
    """An address on the site that does not say which site."""
    site = site_of(resolver)
    if not site or url[0] != "/" or url[:2] == "//":
        return url
    parts = urlsplit(site)
    return f"{parts.scheme}://{parts.netloc}{url}"


def linked(label: str, url: str) -> str:
    """A link around running text; blocks that stand in it keep their place behind it."""
    if writing.BLOCK not in label:
        return writing.link(label, url)
    parts = label.split(writing.BLOCK)
    texts = [part for part in parts[1::2] if part]
    if all("\n" not in part and part[0] not in "#>|" for part in texts):
        return writing.link(" ".join(part for part in parts if part.strip()), url)
    return writing.link("".join(parts[::2]), url) + writing.block(texts)


@inline(AC_LINK)
def confluence_link(walker: Walker, element: Element) -> str:
    """A link to something in Confluence: the resource says where, the body (optional) what is
    shown."""
    label = ""
    resource: Element | None = None
    for child in element:
        tag = child.tag
        if tag in (AC_LINK_BODY, AC_PLAIN_TEXT_LINK_BODY):
            label += writing.plain(raw_text(child)) if tag[8] == "p" else walker.inline(child)
        elif isinstance(tag, str) and tag.startswith(RI) and resource is None:
            resource = child
        else:
            found = walker.unknown(child) if tag not in RESOURCE_TAGS else ""
            label += found
    if not label.strip() and element.text and not element.text.isspace():
        label = writing.plain(element.text)
    anchor = element.get(AC_ANCHOR) or ""
    if resource is None:
        if not anchor:
            return label
        return linked(
            label if label.strip() else writing.plain(unquote(anchor)), "#" + slug(anchor)
        )
    done = render_reference(walker, resource, label, anchor)
    return on_its_own(walker, done) if element.get(AC_CARD) in _CARDS else done


def render_reference(walker: Walker, resource: Element, label: str = "", anchor: str = "") -> str:
    """A link to a resource (``ri:…``), under its own name where no label is given."""
    name = resource.tag[len(RI) :]
    has_label = bool(label.strip())
    if name == "user":
        account = account_of(resource)
        return (
            linked(label, user_url(walker.resolver, account) or f"user:{account}")
            if has_label and account
            else (label if has_label else render_mention(walker, resource))
        )
    if name in ("page", "blog-post", "content-entity"):
        title, url = page_target(walker, resource, anchor)
        if not title:
            if anchor:
                return linked(
                    label if has_label else writing.plain(unquote(anchor)), "#" + slug(anchor)
                )
            return label
        return linked(label if has_label else writing.plain(title), url)
    if name == "attachment":
        title, url = file_target(walker, resource)
        return linked(label if has_label else writing.plain(title), url)
    if name == "url":
        return linked(label, absolute(walker.resolver, resource.get(RI_VALUE) or ""))
    if name == "space":
        key = resource.get(RI_SPACE_KEY) or ""
        url = space_url(walker.resolver, key) or f"space:{key}"
        return linked(label if has_label else writing.plain(key), url) if key else label
    if name == "shortcut":
        key, value = resource.get(RI_KEY) or "", resource.get(RI_PARAMETER) or ""
        target = writing.plain(f"{value}@{key}" if key else value)
        return (
            f"{label} ({target})"
            if has_label and target and target != label.strip()
            else target or label
        )
    return label


def page_target(walker: Walker, resource: Element, anchor: str = "") -> tuple[str, str]:
    """Title and address of a page or blog post; an empty title where it names none (``@self``). A
    page that is named by its id has the id as its title."""
    title = (resource.get(RI_CONTENT_TITLE) or "").strip()
    key = resource.get(RI_SPACE_KEY) or None
    if title in _NO_TITLES:
        identifier = (resource.get(RI_CONTENT_ID) or "").strip()
        if title or not identifier:
            return "", ""
        url = url_by_id(walker.resolver, identifier)
        return identifier, f"{url or f'page:{identifier}'}{f'#{anchor}' if anchor else ''}"
    return title, title_target(walker, title, key, anchor, blog=resource.tag == RI_BLOG_POST)


def title_target(
    walker: Walker, title: str, key: str | None, anchor: str = "", *, blog: bool = False
) -> str:
    """Address of a page by its title, or the stable form."""
    url = walker.resolver.page_url(key, title)
    fragment = f"#{anchor}" if anchor else ""
    if url:
        return url + fragment
    space, mark = f"{key}/" if key else "", f"#{unquote(anchor)}" if anchor else ""
    return f"{'blog' if blog else 'page'}:{space}{title}{mark}"


def file_target(walker: Walker, resource: Element) -> tuple[str, str]:
    """Name and address of an attachment; where it is not known, its name is its address."""
    filename = (resource.get(RI_FILENAME) or "").strip()
    page = resource.find(RI_PAGE)
    if page is None:
        page = resource.find(RI_BLOG_POST)
    title = key = None
    if page is not None:
        title = page.get(RI_CONTENT_TITLE) or None
        key = page.get(RI_SPACE_KEY) or None
        identifier, site = page.get(RI_CONTENT_ID) or "", site_of(walker.resolver)
        if identifier and site and not title:
            return filename, f"{site}/download/attachments/{quote(identifier)}/{quote(filename)}"
    return filename, walker.resolver.attachment_url(filename, title, key) or filename


def render_mention(walker: Walker, resource: Element) -> str:
    """A person: ``@`` and the display name, or the id where no name is known. Never empty."""
    return writing.atom(writing.plain(person(walker, resource)))


def person(walker: Walker, resource: Element) -> str:
    """A mention as plain text."""
    account = account_of(resource)
    return "@" + (walker.resolver.user(account) or account) if account else "@unknown"


def account_of(resource: Element) -> str:
    """The id of a person, or what older versions of Confluence have in its place."""
    return (
        resource.get(RI_ACCOUNT_ID) or resource.get(RI_USERKEY) or resource.get(RI_USERNAME) or ""
    ).strip()


@plain_text(AC_LINK)
def plain_link(walker: Walker, element: Element) -> str | None:
    """A link in plain text: its body, else the name of what it points to, else whatever stands in
    it."""
    label = "".join(
        text_of(one) for one in element if one.tag in (AC_LINK_BODY, AC_PLAIN_TEXT_LINK_BODY)
    )
    if label.strip():
        return label
    for child in element:
        if child.tag in RESOURCE_TAGS:
            return plain_resource(walker, child)
    return None if len(element) else element.text or unquote(element.get(AC_ANCHOR) or "")


@plain_text(*RESOURCE_TAGS)
def plain_resource(walker: Walker, element: Element) -> str:
    """A resource in plain text: the name of a person, the title of a page, the name of a file."""
    if element.tag == RI_USER:
        return person(walker, element)
    names = (RI_CONTENT_TITLE, RI_FILENAME, RI_VALUE, RI_PARAMETER, RI_SPACE_KEY, RI_CONTENT_ID)
    return next((value for name in names if (value := element.get(name))), "")


@inline(*RESOURCE_TAGS)
def bare_resource(walker: Walker, element: Element) -> str:
    """A resource that stands outside a link."""
    return render_reference(walker, element)
