"""Confluence storage format and rendered HTML to Markdown, without losing a word. Pure: no clock,
network or files.

What converts is imported with the first body: most nights convert none.
"""

from __future__ import annotations

import re
from typing import Final

from confluence_mirror.model import BodyFormat, Converted

from .foreign import shows_other_pages
from .resolve import NoResolver, Resolver

__all__ = [
    "CONVERTER_REVISION",
    "NoResolver",
    "Resolver",
    "account_ids",
    "convert",
    "shows_other_pages",
]

CONVERTER_REVISION: Final = 2
"""Raised whenever the Markdown of any body may change: part of every page's fingerprint."""

_NOBODY = NoResolver()
_ACCOUNT = re.compile(r"""ri:account-id\s*=\s*["']([^"'<>]+)["']""")


def account_ids(body: str) -> set[str]:
    """The account ids that a storage body mentions, for resolving names in bulk before
    converting."""
    return (
        {found.strip().replace("&amp;", "&") for found in _ACCOUNT.findall(body)}
        if "ri:account-id" in body
        else set()
    )


def convert(
    body: str, *, resolver: Resolver = _NOBODY, body_format: BodyFormat = "storage"
) -> Converted:
    """A stored body as Markdown, with the way that read it, the macros met and what a reader should
    know.

    Never raises for what the body is, but ``MemoryError`` where memory ends. The same body and the
    same answers of the resolver give the same bytes.
    """
    from .conversion import convert_body

    return convert_body(body, resolver, body_format)
