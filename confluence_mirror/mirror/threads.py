"""A thread of comments as Markdown: the text that it is about, then who wrote what and when, in
order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal

from confluence_mirror import markdown
from confluence_mirror.model import Body, Comment, Converted

REVISION = 1
"""Raised where the same thread gives another text."""

_NAMELESS = "Someone"
"""Who wrote a comment, where Confluence shows no name."""
_WAYS: tuple[Literal["xml", "html", "text"], ...] = ("xml", "html", "text")


def mentioned_accounts(comments: Sequence[Comment]) -> set[str]:
    """The account ids of all who wrote or are named in these comments."""
    named = [markdown.account_ids(comment.body) for comment in comments]
    return {comment.author_id for comment in comments}.union(*named) - {""}


def convert_thread(body: Body, resolver: markdown.Resolver, names: Mapping[str, str]) -> Converted:
    """Each comment is converted by itself: what is wrong with one does not reach the next. A
    comment that says nothing is left out, and so is a thread of such."""
    read = [markdown.convert(comment.body, resolver=resolver) for comment in body.comments]
    said = []
    for comment, converted in zip(body.comments, read, strict=True):
        if converted.markdown.strip():
            said += [_opening(comment, names), converted.markdown.strip("\n")]
    return Converted(
        "\n\n".join([*_subject(body), *said]) if said else "",
        max((each.way for each in read), key=_WAYS.index, default="xml"),
        tuple(sorted({macro for each in read for macro in each.macros})),
        tuple(note for each in read for note in each.notes),
    )


def _subject(body: Body) -> list[str]:
    """The text that an inline comment marks, and that the thread is resolved."""
    details = json.loads(body.ref.details or "{}")
    parts = []
    if selection := str(details.get("selection", "")).strip():
        parts.append(_written(f"<blockquote><p>{escape(selection)}</p></blockquote>"))
    if details.get("resolved"):
        parts.append("(resolved)")
    return parts


def _opening(comment: Comment, names: Mapping[str, str]) -> str:
    """Who wrote a comment, and on which day."""
    who = names.get(comment.author_id, "").strip() or _NAMELESS
    return _written(f"<p><strong>{escape(who)}</strong>, {escape(comment.written_at[:10])}:</p>")


def _written(storage: str) -> str:
    return markdown.convert(storage).markdown.strip("\n")
