"""Images with their captions, and embedded media. An emoji that is drawn as an image is its
character."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from . import writing
from .blocks import is_text
from .emoji import emoji, legacy
from .links import RESOURCE_TAGS, absolute, file_target
from .marks import EM
from .names import (
    AC_ALT,
    AC_CAPTION,
    AC_HREF,
    AC_IMAGE,
    AC_TITLE,
    RI_ATTACHMENT,
    RI_URL,
    RI_VALUE,
)
from .source import Element
from .walk import Walker, block, inline, plain_text


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
    """A picture is not text; what stands in it and does not belong there is."""
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


@inline("iframe", "video", "audio", "embed", "object", "source")
def render_embedded(walker: Walker, element: Element) -> str:
    """Something embedded: its address."""
    url = element.get("src") or element.get("data") or ""
    return writing.link(element.get("title") or "", url) + walker.inline(element)
