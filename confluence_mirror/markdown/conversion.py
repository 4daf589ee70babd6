"""A body to Markdown: strict XML, else tolerant HTML, else plain text. One of them always gives
something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from confluence_mirror.model import BodyFormat, Converted

from . import (  # noqa: F401 - they register their handlers
    adf,
    apps,
    asides,
    builtin,
    elsewhere,
    images,
    links,
    roadmap,
    tasks,
    values,
    wiki,
    writing,
)
from .hidden import mark_struck_text, without_hidden
from .html import MAX_VIEW_TAGS, dense_tree, escape_markup, is_dense, parse_html, text_only
from .resolve import Resolver
from .source import Element, fix_references, parse_storage
from .view import view_to_markdown
from .walk import Walker

MAX_BODY: Final = 20_000_000
"""Characters of a body that are read; the rest is cut, and a note says so."""

_WAYS: Final[tuple[tuple[Literal["xml", "html"], Callable[[str], Element | None]], ...]] = (
    ("xml", parse_storage),
    ("html", parse_html),
)


def convert_body(body: str, resolver: Resolver, body_format: BodyFormat) -> Converted:
    """See ``markdown.convert``."""
    notes: list[str] = []
    if len(body) > MAX_BODY:
        body = body[:MAX_BODY]
        notes.append(f"cut to {MAX_BODY} characters")
    found = (_from_view if body_format == "export_view" else _from_storage)(body, resolver, notes)
    if not found.markdown and body.strip():
        found = replace(found, notes=(*found.notes, "nothing that a reader sees"))
    return found


def _from_storage(body: str, resolver: Resolver, notes: list[str]) -> Converted:
    """Strict XML, else as much of a tree as can be made of it, else its text."""
    for way, read in _WAYS:
        try:
            root = read(body)
            if root is not None:
                return _convert_tree(root, body, resolver, way, notes)
        except MemoryError:  # another way would need as much
            raise
        except Exception as error:  # a page must not fail for our fault: the next way reads it
            notes.append(f"{way}: {type(error).__name__}")
    return _as_text(body, notes)


def _convert_tree(
    root: Element, body: str, resolver: Resolver, way: Literal["xml", "html"], notes: list[str]
) -> Converted:
    walker = Walker(resolver)
    without_hidden(root, body)
    mark_struck_text(root, body)
    markdown = walker.document(root)
    return Converted(markdown, way, tuple(sorted(walker.macros)), (*notes, *walker.notes))


def _as_text(body: str, notes: list[str]) -> Converted:
    paragraphs = []
    for text in text_only(escape_markup(fix_references(body))).split("\n"):
        paragraphs += writing.flow(writing.plain(text))
    notes.append("read as plain text")
    return Converted("\n\n".join(paragraphs) + "\n" if paragraphs else "", "text", (), tuple(notes))


def _from_view(body: str, resolver: Resolver, notes: list[str]) -> Converted:
    """Rendered HTML: markdownify's walk; a body with very many tags by ours, which is linear in
    them."""
    try:
        safe = escape_markup(fix_references(body))
        if is_dense(safe, MAX_VIEW_TAGS):
            root = dense_tree(safe)
            if root is not None:
                notes.append("very many tags: read without the macros of rendered HTML")
                return _convert_tree(root, body, resolver, "html", notes)
        else:
            markdown, met = view_to_markdown(safe, resolver)
            return Converted(markdown, "html", tuple(sorted(met.macros)), (*notes, *met.notes))
    except MemoryError:
        raise
    except Exception as error:
        notes.append(f"html: {type(error).__name__}")
    return _as_text(body, notes)
