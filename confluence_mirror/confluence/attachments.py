"""Files on pages: listed in bulk from the index, as v2 has them now, and read.

An upload makes a version of the file, not of its page. A name, a place or a label makes none: those
are compared as what they are.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import quote

from confluence_mirror.batches import in_batches
from confluence_mirror.confluence import cql
from confluence_mirror.confluence.background import read_ahead
from confluence_mirror.confluence.children import ReadingFaults
from confluence_mirror.confluence.downloads import Downloads, FileVersion
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.paging import iter_rows
from confluence_mirror.confluence.records import (
    AttachmentRow,
    parse_attachment,
    parse_attachment_now,
)
from confluence_mirror.confluence.refusals import AccessRefused
from confluence_mirror.confluence.routes import ATTACHMENT, SEARCH
from confluence_mirror.errors import NOT_ANSWERED, PageFailed
from confluence_mirror.model import Body, FileText, PageRef, Space

_LIMIT = 200
_PAGES_A_QUESTION = 50
_EXPANDED = "version,history,container,extensions,metadata.labels"
_HOLDERS = ("page", "blogpost")
MEGABYTE = 1_000_000

Outcome = tuple[str, Body | PageFailed | None]


class FileReader(Protocol):
    """What reads files; ``confluence_mirror.files`` states the promises."""

    def has_text(self, filename: str, media_type: str) -> bool:
        """Whether a file of this name and type is worth fetching."""

    def manner(self, filename: str, media_type: str) -> str:
        """What its text depends on beside its bytes."""

    def read(self, path: Path, filename: str, media_type: str) -> FileText:
        """The text of a file."""


class Attachments:
    """Everything about files that a source answers."""

    def __init__(
        self, gateway: Gateway, reader: FileReader, *, most_mb: int, concurrency: int
    ) -> None:
        """``most_mb``: a larger file is not fetched; as many as ``concurrency`` are in hand at a
        time, on the disk, too."""
        self._gateway = gateway
        self._downloads = Downloads(gateway)
        self._reader = reader
        self._most_mb = most_mb
        self._concurrency = concurrency
        self._faults = ReadingFaults()
        """Of files that are fetched as they are."""
        self._one_reads = threading.Lock()
        """A reading process may use as much memory as is planned for one."""

    def list_refs(self, space: Space, page_ids: Sequence[str] | None) -> Iterator[PageRef]:
        """The files of a space, or on these of its pages, as the index knows them."""
        for batch in [None] if page_ids is None else in_batches(page_ids, _PAGES_A_QUESTION):
            question = cql.attachments_in(space.key, batch)
            params: Params = {"cql": question, "expand": _EXPANDED, "limit": _LIMIT}
            for row in iter_rows(self._gateway, SEARCH, params):
                found = parse_attachment(row)
                if found.holder_type in _HOLDERS:
                    yield self._make_ref(found, space.id)

    def look_up(self, ref: PageRef) -> PageRef | None:
        """The file as v2 has it; None: gone or hidden."""
        params: Params = {"include-labels": "true"}
        try:
            row = self._gateway.request_json(ATTACHMENT, params, node_id=ref.id).data
        except AccessRefused as refusal:
            if self._is_gone(refusal):
                return None
            raise
        return self._make_ref(parse_attachment_now(row), ref.space_id)

    def read_bodies(self, refs: Iterable[PageRef]) -> Iterator[Outcome]:
        """Files with their text, several fetched at a time."""
        return read_ahead(partial(self._read_one, ReadingFaults()), refs, self._concurrency)

    def fetch_file(self, ref: PageRef, target: IO[bytes]) -> bool:
        """Its bytes, whatever its kind; False: it is larger than is fetched, or gone."""
        size = int(json.loads(ref.details)["size"])
        if size > self._most_mb * MEGABYTE:
            return False
        try:
            if size > 0:
                self._fetch_bytes(ref, size, target)
        except NOT_ANSWERED as failure:
            if isinstance(failure, AccessRefused) and self._is_gone(failure):
                return False
            raise self._faults.fail(failure) from None
        self._faults.succeed()
        return True

    def _fetch_bytes(self, ref: PageRef, size: int, target: IO[bytes]) -> None:
        version = FileVersion(ref.parent_id or "", ref.id, ref.version.number, size)
        self._downloads.fetch(version, target)

    def _make_ref(self, file: AttachmentRow, space_id: str) -> PageRef:
        """A row whose address goes on its page's, and whose details are all that its chunks depend
        on beside its version."""
        details: dict[str, object] = {"media_type": file.media_type, "size": file.size}
        if file.labels:
            details["labels"] = list(file.labels)
        if self._reader.has_text(file.filename, file.media_type):
            details["read"] = self._reader.manner(file.filename, file.media_type)
            if file.size > self._most_mb * MEGABYTE:
                details["read"] = f"not above {self._most_mb} MB"
        shown = quote(f"/{file.page_id}/{file.id.removeprefix('att')}/{file.filename}", safe="")
        return PageRef(
            id=file.id,
            type="attachment",
            status=file.status,
            space_id=space_id,
            title=file.filename,
            parent_id=file.page_id or None,
            parent_type=file.holder_type,
            author_id=file.author_id,
            created_at=file.created_at,
            version=file.version,
            webui=f"?preview={shown}",
            details=json.dumps(details, ensure_ascii=False),
        )

    # --- reading

    def _read_one(self, faults: ReadingFaults, ref: PageRef) -> Outcome:
        try:
            text = self._read_text(ref)
        except PageFailed as failure:
            return ref.id, failure
        except NOT_ANSWERED as failure:
            if isinstance(failure, AccessRefused) and self._is_gone(failure):
                return ref.id, None
            return ref.id, faults.fail(failure)
        faults.succeed()
        return ref.id, Body(ref, "", file=text)

    def _read_text(self, ref: PageRef) -> FileText:
        details = json.loads(ref.details)
        media_type, size = str(details["media_type"]), int(details["size"])
        if "read" not in details:
            return FileText(reason="no text is read of files of its kind")
        if size > self._most_mb * MEGABYTE:
            reason = f"it has {size / MEGABYTE:.1f} MB, and ATTACHMENT_MAX_MB is {self._most_mb}"
            return FileText(reason=reason, unreadable=True)
        if size <= 0:
            return FileText(reason="it is empty", unreadable=True)
        with tempfile.TemporaryFile() as target:  # without a name: gone with us, even if killed
            self._fetch_bytes(ref, size, target)
            target.flush()
            with self._one_reads:
                return self._reader.read(Path(f"/dev/fd/{target.fileno()}"), ref.title, media_type)

    def _is_gone(self, refusal: AccessRefused) -> bool:
        return refusal.status == 404 and (refusal.genuine or self._gateway.accepts_credential())
