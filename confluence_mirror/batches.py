"""Items by batches, and as far as they can be had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from confluence_mirror.errors import NOT_ANSWERED, SyncError

T = TypeVar("T")


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` items, taken lazily."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def take_until_failure(items: Iterable[T], broken: list[SyncError]) -> Iterator[T]:
    """The items; where they break off, the error goes into ``broken``, and what came before
    counts."""
    try:
        yield from items
    except NOT_ANSWERED as error:
        broken.append(error)
