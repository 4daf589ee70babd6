"""What points elsewhere: links, mentions, images, dates, emoticons.

A resolver gives addresses on the site. What it does not know keeps a stable form, so that neither
the name nor the
direction is lost: ``page:SPACE/Title``, ``blog:SPACE/Title``, ``space:KEY``, ``user:ID``; a file is
named by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

from . import writing
from .blocks import is_text
from .emoji import emoji, legacy
from .marks import EM
from .names import (
    AC_ALT,
    AC_ANCHOR,
    AC_CAPTION,
    AC_CARD,
    AC_EMOJI_FALLBACK,
    AC_EMOJI_ID,
    AC_EMOJI_SHORTNAME,
    AC_EMOTICON,
    AC_HREF,
    AC_IMAGE,
    AC_LINK,
    AC_LINK_BODY,
    AC_NAME,
    AC_PLAIN_TEXT_LINK_BODY,
    AC_TITLE,
    RI_ACCOUNT_ID,
    RI_ATTACHMENT,
    RI_BLOG_POST,
    RI_CONTENT_ID,
    RI_CONTENT_TITLE,
    RI_FILENAME,
    RI_KEY,
    RI_PAGE,
    RI_PARAMETER,
    RI_SPACE_KEY,
    RI_URL,
    RI_USER,
    RI_USERKEY,
    RI_USERNAME,
    RI_VALUE,
)
from .resolve import Resolver, site_of, space_url, url_by_id, user_url
from .source import RI, Element, raw_text
from .walk import Walker, block, inline, plain_text, text_of

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


@inline(AC_IMAGE)
def confluence_image(walker: Walker, element: Element) -> str:
    """An image: alternative text or file name, file, caption; in a link if it is one."""
    filename = url = ""
    caption: list[str] = []
    for child in element:
        if child.tag == RI_ATTACHMENT:
            filename, url = file_target(walker, child)
        elif child.tag == RI_URL:
            url = child.get(RI_VALUE) or ""
            filename = last_part(url)
        elif child.tag == AC_CAPTION:
            caption += _write_caption(walker, child)
        else:
            caption += writing.flow(walker.unknown(child), walker.newline)
    alt = element.get(AC_ALT) or element.get(AC_TITLE) or filename
    picture = image(alt, url, filename)
    if href := element.get(AC_HREF):
        picture = writing.link(picture, href)
    return picture + writing.block(caption)


def image(alt: str, url: str, filename: str) -> str:
    """An image; one whose data stands in the address keeps only its text."""
    if url[:5].lower() == "data:":
        url = filename
    if not url and not alt.strip():
        return ""
    if not url:
        return writing.plain(alt)
    return writing.image(alt if alt.strip() else filename or "image", url)


def _write_caption(walker: Walker, element: Element) -> list[str]:
    """The paragraphs of a caption, each in italics."""
    text = walker.inline(element).replace(EM[0], "").replace(EM[1], "")
    return [f"*{part}*" if is_text(part) else part for part in writing.flow(text, walker.newline)]


def last_part(url: str) -> str:
    """The file name in an address, for an image that has no other words."""
    try:
        return "" if url[:5].lower() == "data:" else unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    except ValueError:
        return ""


@inline("img")
def html_image(walker: Walker, element: Element) -> str:
    """An image of plain HTML; an emoji that is drawn as one is its character."""
    if found := drawn_emoji(element.get):
        return writing.plain(found)
    url = element.get("src") or ""
    filename = element.get("data-linked-resource-default-alias") or last_part(url)
    alt = element.get("alt") or element.get("title") or filename
    return image(alt, absolute(walker.resolver, url) if url else "", filename)


def drawn_emoji(get: Callable[[str], str | None]) -> str:
    """What an ``img`` of an emoji stands for, by its attributes; empty for any other picture."""
    classes = get("class") or ""
    fallback, short = (
        get("data-emoji-fallback") or "",
        get("data-emoji-short-name") or get("data-emoji-shortname") or "",
    )
    identifier = get("data-emoji-id") or ""
    if not (fallback or short or identifier or _EMOTICON.search(classes)):
        return ""
    alt = get("alt") or get("title") or ""
    name = get("data-emoticon-name") or legacy(classes, alt)
    return emoji(fallback or alt if not alt.isascii() else fallback, identifier, short, name) or alt


_EMOTICON = re.compile(r"(?:^|\s)(?:emoticon|emoji|ac-emoticon)(?:\s|$|-)")


@plain_text(AC_IMAGE)
def plain_picture(walker: Walker, element: Element) -> str | None:  # noqa: ARG001
    """A picture is no text; what stands in it and does not belong there is."""
    return (
        ""
        if all(child.tag in RESOURCE_TAGS or child.tag == AC_CAPTION for child in element)
        else None
    )


@plain_text("img")
def plain_image(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """An emoji in plain text; no other picture is text."""
    return drawn_emoji(element.get)


@block("figcaption")
def figure_caption(walker: Walker, element: Element, out: list[str]) -> None:
    """The caption of a figure."""
    out += _write_caption(walker, element)


@block("summary")
def render_summary(walker: Walker, element: Element, out: list[str]) -> None:
    """The title of what can be folded, as that of an expand macro."""
    text = writing.line(walker.inline(element))
    if text:
        out.append(text if "**" in text else f"**{text}**")


@inline("iframe", "video", "audio", "embed", "object", "source")
def render_embedded(walker: Walker, element: Element) -> str:
    """Something embedded: its address."""
    url = element.get("src") or element.get("data") or ""
    return writing.link(element.get("title") or "", url) + walker.inline(element)


@inline("input")
def render_field(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """A form field: what stands in it."""
    return (
        ""
        if element.get("type") in ("hidden", "password")
        else writing.plain(element.get("value") or "")
    )


@inline("time")
def render_date(walker: Walker, element: Element) -> str:
    """A date: as it is written, or the ISO date that it stands for."""
    text = walker.inline(element)
    return writing.atom(text if text.strip() else writing.plain(element.get("datetime") or ""))


@plain_text("time")
def plain_date(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """A date in plain text."""
    text = text_of(element)
    return text if text.strip() else element.get("datetime") or ""


@inline(AC_EMOTICON)
def render_emoticon(walker: Walker, element: Element) -> str:
    """An emoji."""
    return writing.plain(plain_emoticon(walker, element)) + walker.inline(element)


@plain_text(AC_EMOTICON)
def plain_emoticon(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """An emoji in plain text."""
    return emoji(
        element.get(AC_EMOJI_FALLBACK) or "",
        element.get(AC_EMOJI_ID) or "",
        element.get(AC_EMOJI_SHORTNAME) or "",
        element.get(AC_NAME) or "",
    )
