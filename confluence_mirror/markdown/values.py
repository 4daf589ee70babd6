"""Elements that stand for a value: dates, emoticons, form fields."""

from __future__ import annotations

from . import writing
from .emoji import emoji
from .names import (
    AC_EMOJI_FALLBACK,
    AC_EMOJI_ID,
    AC_EMOJI_SHORTNAME,
    AC_EMOTICON,
    AC_NAME,
)
from .source import Element
from .walk import Walker, inline, plain_text, text_of


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
