"""Threads of comments: listed and read in bulk from the index, and as v2 has them now.

The index gives comments one by one, with those that each answers; v2 gives the beginnings of
threads and, one level at a time, the answers. Both are put together to the same refs: a thread's
version is the sum of its comments' version numbers, and the time of the last change, a resolution
included.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby

from confluence_mirror.batches import in_batches
from confluence_mirror.confluence import cql
from confluence_mirror.confluence.background import read_ahead
from confluence_mirror.confluence.children import ReadingFaults
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.paging import Row, iter_rows
from confluence_mirror.confluence.reading import Outcome
from confluence_mirror.confluence.records import CommentRow, parse_comment, parse_comment_now
from confluence_mirror.confluence.refusals import AccessRefused, QuestionRefused
from confluence_mirror.confluence.routes import COMMENT, COMMENT_CHILDREN, SEARCH
from confluence_mirror.errors import NOT_ANSWERED, PageFailed
from confluence_mirror.model import Body, Comment, PageRef, Space, Version

_LIMIT = 200
_WITH_BODIES = 50
"""Rows in one answer, which Confluence cuts to that where bodies are asked for."""
_EXPANDED = "version,history,container,ancestors,extensions.inlineProperties,extensions.resolution"
_BATCH = 500


class Comments:
    """Everything about comments that a source answers."""

    def __init__(self, gateway: Gateway, concurrency: int) -> None:
        """``concurrency``: batches of bodies in flight."""
        self._gateway = gateway
        self._concurrency = concurrency

    def list_refs(self, space: Space, page_ids: Sequence[str] | None) -> Iterator[PageRef]:
        """The threads of a space, or on these pages, as the index knows them. A thread of which it
        does not know the beginning is left out."""
        with closing(_Heads()) as heads:
            for batch in [None] if page_ids is None else in_batches(page_ids, _WITH_BODIES):
                question = cql.comments_in([space.key], batch)
                for rows in in_batches(self._search(question, _EXPANDED, _LIMIT), _BATCH):
                    heads.add([parse_comment(row) for row in rows])
            for thread in heads.threads():
                if (ref := _make_ref(thread, space.id)) is not None:
                    yield ref

    def look_up(self, ref: PageRef) -> PageRef | None:
        """The thread as v2 has it; None: gone or hidden; with an empty status: nothing is known."""
        try:
            thread = self._read_thread(ref.id)
        except QuestionRefused as refusal:
            if refusal.status != 400:
                raise
            return replace(ref, status="")
        found = _make_ref(thread, ref.space_id)
        # v2 does not tell when an edited comment was made.
        return found and replace(found, created_at=ref.created_at or found.created_at)

    def read_bodies(self, refs: Iterable[PageRef]) -> Iterator[Outcome]:
        """Threads with their comments; each as v2 has it where the index shows it otherwise than it
        was listed."""
        faults = ReadingFaults()

        def read(batch: Sequence[PageRef]) -> list[Outcome]:
            return list(self._read_batch(batch, faults))

        for outcomes in read_ahead(read, _batches_by_comments(refs), self._concurrency):
            yield from outcomes

    def _read_batch(self, refs: Sequence[PageRef], faults: ReadingFaults) -> Iterator[Outcome]:
        ids = [each for ref in refs for each in _comment_ids(ref)]
        try:
            rows = [
                parse_comment(row)
                for row in self._search(
                    cql.comments_with_ids(ids), f"{_EXPANDED},body.storage", _WITH_BODIES
                )
            ]
        except NOT_ANSWERED as failure:
            if isinstance(failure, AccessRefused) and failure.scope:
                raise
            rows = []  # each is asked for by itself
        by_root: dict[str, list[CommentRow]] = {}
        for row in rows:
            by_root.setdefault(row.root_id, []).append(row)
        for ref in refs:
            thread = by_root.get(ref.id, [])
            found = _make_ref(thread, ref.space_id)
            if found is not None and found.version == ref.version:
                faults.succeed()
                yield ref.id, _make_body(ref, found, thread)
            else:
                yield ref.id, self._read_now(ref, faults)

    def _read_now(self, ref: PageRef, faults: ReadingFaults) -> Body | PageFailed | None:
        try:
            thread = self._read_thread(ref.id)
        except NOT_ANSWERED as failure:
            return faults.fail(failure)
        faults.succeed()
        found = _make_ref(thread, ref.space_id)
        return None if found is None else _make_body(ref, found, thread)

    def _read_thread(self, root_id: str) -> list[CommentRow]:
        """A comment with all answers to it, from their own routes; nothing where it is gone."""
        for location in COMMENT:
            root = self._read_comment(location, root_id)
            if root is not None:
                found = [parse_comment_now(root, root_id, location)]
                waiting = [root_id]
                while waiting:
                    params: Params = {"limit": 250, "body-format": "storage"}
                    route = COMMENT_CHILDREN[location]
                    for row in iter_rows(self._gateway, route, params, node_id=waiting.pop()):
                        found.append(parse_comment_now(row, root_id, location))
                        waiting.append(found[-1].id)
                return found
        return []

    def _read_comment(self, location: str, comment_id: str) -> Row | None:
        try:
            params: Params = {"body-format": "storage"}
            route = COMMENT[location]
            return self._gateway.request_json(route, params, node_id=comment_id).data
        except AccessRefused as refusal:
            if refusal.status == 404 and (refusal.genuine or self._gateway.accepts_credential()):
                return None
            raise

    def _search(self, question: str, expand: str, limit: int) -> Iterator[Row]:
        params: Params = {"cql": question, "expand": expand, "limit": limit}
        return iter_rows(self._gateway, SEARCH, params)


class _Heads:
    """Comments of a listing without their bodies, by thread. SQLite keeps what does not fit its
    cache in an unnamed temporary file."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("CREATE TABLE head (id TEXT PRIMARY KEY, root TEXT, row TEXT)")

    def add(self, rows: Iterable[CommentRow]) -> None:
        """Take over rows; a repeated id keeps the last."""
        values = [(row.id, row.root_id, row.to_json()) for row in rows]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", values)
        self._db.execute("COMMIT")

    def threads(self) -> Iterator[list[CommentRow]]:
        """The comments of each thread."""
        rows = self._db.execute("SELECT root, row FROM head ORDER BY root")
        for _, group in groupby(rows, key=lambda row: row[0]):
            yield [CommentRow.from_json(row) for _, row in group]

    def close(self) -> None:
        """Drop the temporary file."""
        self._db.close()


def _make_ref(thread: Sequence[CommentRow], space_id: str) -> PageRef | None:
    """A thread as a ref, whose title and address are its page's; None without its beginning."""
    rows = _in_order(thread)
    root = next((row for row in rows if row.id == row.root_id), None)
    if root is None:
        return None
    resolved = root.resolution == "resolved"
    changed = max([*(row.version.created_at for row in rows), root.resolved_at])
    details: dict[str, object] = {"ids": [row.id for row in rows]}
    if root.selection:
        details["selection"] = root.selection
    if resolved:
        details["resolved"] = True
    return PageRef(
        id=root.id,
        type="comment",
        status="resolved" if resolved and root.status == "current" else root.status,
        space_id=space_id,
        title="",
        parent_id=root.page_id or None,
        parent_type=None,
        author_id=root.author_id,
        created_at=root.created_at,
        version=Version(sum(row.version.number for row in rows), changed),
        webui=f"?focusedCommentId={root.id}",
        details=json.dumps(details, ensure_ascii=False),
    )


def _make_body(ref: PageRef, found: PageRef, thread: Sequence[CommentRow]) -> Body:
    """The thread as it was read, in the place where it was listed."""
    read = replace(ref, status=found.status, version=found.version, details=found.details)
    comments = tuple(
        Comment(row.id, row.author_id, row.version.created_at, row.body)
        for row in _in_order(thread)
    )
    return Body(read, "", comments=comments)


def _in_order(thread: Iterable[CommentRow]) -> list[CommentRow]:
    """As they were made: ids grow."""
    return sorted(thread, key=lambda row: (len(row.id), row.id))


def _comment_ids(ref: PageRef) -> list[str]:
    ids = json.loads(ref.details or "{}").get("ids", [])
    return [str(each) for each in ids] or [ref.id]


def _batches_by_comments(refs: Iterable[PageRef]) -> Iterator[list[PageRef]]:
    """Threads whose comments fit one answer; a longer one stands alone."""
    batch: list[PageRef] = []
    size = 0
    for ref in refs:
        count = len(_comment_ids(ref))
        if batch and size + count > _WITH_BODIES:
            yield batch
            batch, size = [], 0
        batch.append(ref)
        size += count
    if batch:
        yield batch
