"""Confluence storage format and rendered HTML to Markdown, without losing a word. Pure: no clock,
network or files."""

from .convert import CONVERTER_REVISION, account_ids, convert
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
