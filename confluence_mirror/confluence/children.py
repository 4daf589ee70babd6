"""The mirror's questions about what hangs on pages, each answered by the reader of its type."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import IO, Protocol, runtime_checkable

from confluence_mirror.confluence.refusals import AccessRefused
from confluence_mirror.errors import (
    IncompleteEvidence,
    PageFailed,
    PermissionRefused,
    SourceUnavailable,
    SyncError,
)
from confluence_mirror.model import Body, ChildType, PageRef, Space

_FAULTS = 3
"""After so many in a row that cannot be asked for, the site is at fault."""
_FAILURES_IN_A_ROW = 8
"""The same of those that cannot be read."""


class ReadingFaults:
    """Tells whether single child documents fail or the site does. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._any_read = False
        self._failures = 0

    def succeed(self) -> None:
        """One was read."""
        with self._lock:
            self._any_read, self._failures = True, 0

    def fail(self, failure: SyncError) -> PageFailed:
        """Its own failure. Raises it where it is not its own."""
        with self._lock:
            self._failures += 1
            at_fault = self._failures >= _FAILURES_IN_A_ROW
        if at_fault or (isinstance(failure, AccessRefused) and failure.scope):
            raise failure
        return PageFailed(
            f"Confluence does not return it: {Exception.__str__(failure)}",
            lies_in_page=self._any_read and not isinstance(failure, AccessRefused),
        )


class ChildReader(Protocol):
    """What answers for one type of child document; the mirror's ``Source`` states the promises."""

    def list_refs(self, space: Space, page_ids: Sequence[str] | None) -> Iterator[PageRef]:
        """``Source.list_children``."""

    def look_up(self, ref: PageRef) -> PageRef | None:
        """``Source.look_up_children``, of one."""

    def read_bodies(
        self, refs: Iterable[PageRef]
    ) -> Iterator[tuple[str, Body | PageFailed | None]]:
        """``Source.read_children``."""


@runtime_checkable
class FileFetcher(Protocol):
    """What gives the bytes of attached files."""

    def fetch_file(self, ref: PageRef, target: IO[bytes]) -> bool:
        """``Source.fetch_file``."""


class ChildQuestions:
    """The part of the mirror's ``Source`` that is about child documents."""

    def __init__(self, children: Mapping[str, ChildReader]) -> None:
        self._children = children
        """By type of child document."""

    def list_children(
        self, child_type: ChildType, space: Space, page_ids: Sequence[str] | None = None
    ) -> Iterator[PageRef]:
        """Child documents of this type on the pages of a space, as the index knows them."""
        return self._children[child_type].list_refs(space, page_ids)

    def look_up_children(self, refs: Sequence[PageRef]) -> Mapping[str, PageRef]:
        """What v2 says now of these child documents."""
        found: dict[str, PageRef] = {}
        failures = 0
        for ref in refs:
            try:
                now = self._children[ref.type].look_up(ref)
                failures = 0
            except (PermissionRefused, SourceUnavailable) as failure:
                if isinstance(failure, AccessRefused) and failure.scope:
                    raise
                failures += 1
                if failures == _FAULTS:
                    raise IncompleteEvidence(
                        f"What hangs on pages could not be looked up by id: {failure}",
                        hint="None of it is removed.",
                    ) from None
                now = replace(ref, status="")
            if now is not None:
                found[ref.id] = now
        return found

    def fetch_file(self, ref: PageRef, target: IO[bytes]) -> bool:
        """The bytes of an attached file's current version."""
        reader = self._children[ref.type]
        assert isinstance(reader, FileFetcher)
        return reader.fetch_file(ref, target)

    def read_children(
        self, refs: Iterable[PageRef]
    ) -> Iterator[tuple[str, Body | PageFailed | None]]:
        """Bodies of these child documents, in batches of one type."""
        for child_type, some in groupby(refs, key=lambda ref: ref.type):
            yield from self._children[child_type].read_bodies(some)
