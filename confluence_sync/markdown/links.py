"""What points elsewhere: links, mentions, images, dates, emoticons.

A resolver gives addresses on the site. What it does not know keeps a stable form, so that neither the name nor the
direction is lost: ``page:SPACE/Title``, ``blog:SPACE/Title``, ``space:KEY``, ``user:ID``; a file is named by its name.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from . import writing
from .blocks import is_text
from .marks import EM
from .names import (
    AC_ALT,
    AC_ANCHOR,
    AC_CAPTION,
    AC_EMOJI_FALLBACK,
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
    RI_USERKEY,
    RI_USERNAME,
    RI_VALUE,
)
from .source import RI, Element, raw_text
from .walk import Walker, block, inline

_NO_TITLES = frozenset(["@self", "@home", "@parent", "@none", ""])
_SLUG_DROP = re.compile(r"[^\w\- ]+")

_EMOTICONS = {
    "smile": "🙂", "sad": "🙁", "cheeky": "😛", "laugh": "😀", "wink": "😉", "thumbs-up": "👍", "thumbs-down": "👎",
    "information": "ℹ️", "tick": "✅", "cross": "❌", "warning": "⚠️", "plus": "➕", "minus": "➖", "question": "❓",
    "light-on": "💡", "light-off": "💡", "yellow-star": "⭐", "red-star": "⭐", "green-star": "⭐", "blue-star": "⭐",
    "heart": "❤️", "broken-heart": "💔",
}  # fmt: skip


def slug(anchor: str) -> str:
    """An anchor as Markdown readers make them from headings: lower case, hyphens, no punctuation."""
    return _SLUG_DROP.sub("", unquote(anchor)).strip().lower().replace(" ", "-")


@inline("a")
def hyperlink(walker: Walker, element: Element) -> str:
    """An ordinary link. Blocks inside come after it; an anchor without an address is its text."""
    label = walker.inline(element)
    url = (element.get("href") or "").strip()
    if not url:
        return label
    return linked(label, f"#{slug(url[1:])}" if url[0] == "#" else url)


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
    """A link to something in Confluence: the resource says where, the body (optional) what is shown."""
    label = ""
    resource: Element | None = None
    for child in element:
        tag = child.tag
        if tag in (AC_LINK_BODY, AC_PLAIN_TEXT_LINK_BODY):
            label += writing.plain(raw_text(child)) if tag[8] == "p" else walker.inline(child)
        elif isinstance(tag, str) and tag.startswith(RI) and resource is None:
            resource = child
        else:
            found = walker.unknown(child) if tag not in _RESOURCE_TAGS else ""
            label += found
    if not label.strip() and element.text and not element.text.isspace():
        label = writing.plain(element.text)
    anchor = element.get(AC_ANCHOR) or ""
    if resource is None:
        if not anchor:
            return label
        return linked(label if label.strip() else writing.plain(unquote(anchor)), "#" + slug(anchor))
    return refer(walker, resource, label, anchor)


_RESOURCE_TAGS = frozenset(
    RI + name for name in ("page", "blog-post", "attachment", "user", "space", "url", "shortcut", "content-entity")
)


def refer(walker: Walker, resource: Element, label: str = "", anchor: str = "") -> str:
    """A link to a resource (``ri:…``), under its own name where no label is given."""
    name = resource.tag[len(RI) :]
    has_label = bool(label.strip())
    if name == "user":
        return label if has_label else mention(walker, resource)
    if name in ("page", "blog-post"):
        title, url = page_target(walker, resource, anchor)
        if not title:
            if anchor:
                return linked(label if has_label else writing.plain(unquote(anchor)), "#" + slug(anchor))
            return label
        return linked(label if has_label else writing.plain(title), url)
    if name == "attachment":
        title, url = file_target(walker, resource)
        return linked(label if has_label else writing.plain(title), url)
    if name == "url":
        return linked(label, resource.get(RI_VALUE) or "")
    if name == "space":
        key = resource.get(RI_SPACE_KEY) or ""
        return linked(label if has_label else writing.plain(key), f"space:{key}") if key else label
    if name == "shortcut":
        key, value = resource.get(RI_KEY) or "", resource.get(RI_PARAMETER) or ""
        return label if has_label else writing.plain(f"{value}@{key}" if key else value)
    text = resource.get(RI_CONTENT_TITLE) or resource.get(RI_CONTENT_ID) or ""
    return linked(label if has_label else writing.plain(text), f"page:{text}") if text else label


def page_target(walker: Walker, resource: Element, anchor: str = "") -> tuple[str, str]:
    """Title and address of a page or blog post; an empty title where it names none (``@self``)."""
    title = (resource.get(RI_CONTENT_TITLE) or "").strip()
    key = resource.get(RI_SPACE_KEY) or None
    if title in _NO_TITLES:
        return "", ""
    return title, title_target(walker, title, key, anchor, blog=resource.tag == RI_BLOG_POST)


def title_target(walker: Walker, title: str, key: str | None, anchor: str = "", *, blog: bool = False) -> str:
    """Address of a page by its title, or the stable form."""
    url = walker.resolver.page_url(key, title)
    fragment = f"#{anchor}" if anchor else ""
    if url:
        return url + fragment
    return f"{'blog' if blog else 'page'}:{key + '/' if key else ''}{title}{'#' + unquote(anchor) if anchor else ''}"


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
    return filename, walker.resolver.attachment_url(filename, title, key) or filename


def mention(walker: Walker, resource: Element) -> str:
    """A person: ``@`` and the display name, or the id where no name is known. Never empty."""
    account = (resource.get(RI_ACCOUNT_ID) or resource.get(RI_USERKEY) or resource.get(RI_USERNAME) or "").strip()
    if not account:
        return "@unknown"
    return "@" + writing.plain(walker.resolver.user(account) or account)


@inline(*_RESOURCE_TAGS)
def bare_resource(walker: Walker, element: Element) -> str:
    """A resource that stands outside a link."""
    return refer(walker, element)


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
            caption += _caption(walker, child)
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


def _caption(walker: Walker, element: Element) -> list[str]:
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
def html_image(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """An image of plain HTML; an emoji that is drawn as one is its character."""
    emoji = element.get("data-emoji-fallback")
    if emoji:
        return writing.plain(emoji)
    url = element.get("src") or ""
    filename = element.get("data-linked-resource-default-alias") or last_part(url)
    return image(element.get("alt") or element.get("title") or filename, url, filename)


@block("figcaption")
def figure_caption(walker: Walker, element: Element, out: list[str]) -> None:
    """The caption of a figure."""
    out += _caption(walker, element)


@block("summary")
def summary(walker: Walker, element: Element, out: list[str]) -> None:
    """The title of what can be folded, as that of an expand macro."""
    text = writing.line(walker.inline(element))
    if text:
        out.append(text if "**" in text else f"**{text}**")


@inline("iframe", "video", "audio", "embed", "object", "source")
def embedded(walker: Walker, element: Element) -> str:
    """Something embedded: its address."""
    url = element.get("src") or element.get("data") or ""
    return writing.link(element.get("title") or "", url) + walker.inline(element)


@inline("input")
def field(walker: Walker, element: Element) -> str:  # noqa: ARG001
    """A form field: what stands in it."""
    return "" if element.get("type") in ("hidden", "password") else writing.plain(element.get("value") or "")


@inline("time")
def date(walker: Walker, element: Element) -> str:
    """A date: as it is written, or the ISO date that it stands for."""
    text = walker.inline(element)
    return text if text.strip() else writing.plain(element.get("datetime") or "")


@inline(AC_EMOTICON)
def emoticon(walker: Walker, element: Element) -> str:
    """An emoji. The name may be a placeholder that means nothing, so the fallback comes first."""
    fallback = element.get(AC_EMOJI_FALLBACK) or ""
    if fallback and not fallback.startswith(":"):
        return writing.plain(fallback)
    name = element.get(AC_NAME) or ""
    found = _EMOTICONS.get(name)
    short = element.get(AC_EMOJI_SHORTNAME) or fallback
    if found and not short:
        return found
    return writing.plain(short or found or (f":{name}:" if name else "")) + walker.inline(element)
