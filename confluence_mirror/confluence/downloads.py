"""The bytes of attached files.

The gateway answers with an address on the media host, which is signed, good for a moment, and used
at once: no credential goes there, and the address goes into no text. A transfer that breaks off is
resumed, with another address, where the host can tell that the file is the same. What came is the
file where it has the right length: a page that asks to log in is answered with 200, too.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO
from urllib.parse import SplitResult

from confluence_mirror.addresses import host_and_port, is_loopback, split_url
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.routes import DOWNLOAD
from confluence_mirror.errors import PageFailed, StateUnusable
from confluence_mirror.net.answers import Reply
from confluence_mirror.net.reachability import AnswerTooLargeError, Fault, NoAnswer
from confluence_mirror.net.session import Session

_ATTEMPTS = 5
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of a file on a page."""

    page_id: str
    file_id: str
    number: int
    size: int
    """Its length in bytes."""


class Downloads:
    """Fetches files. May be used by several threads."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def fetch(self, file: FileVersion, target: IO[bytes]) -> None:
        """Write a file's bytes to an empty ``target``.

        Raises ``PageFailed`` where they do not come, and what ``Gateway.request_json`` raises where
        it gives no address.
        """
        transfer = _Transfer(file.size, target)
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._gateway.pause(2.0 ** (attempt - 1))
            address = self._gateway.request_json(
                DOWNLOAD,
                {"version": file.number},
                node_id=file.page_id,
                part_id=file.file_id,
            ).location
            if self._try_once(address, transfer):
                return
        raise PageFailed(
            f"its bytes do not come: {transfer.fault}", lies_in_page=transfer.is_other_length
        )

    def _try_once(self, address: str, transfer: _Transfer) -> bool:
        """Whether all of it is there now."""
        parts = split_url(address)
        if parts is None or (parts.scheme != "https" and not is_loopback(parts.hostname or "")):
            transfer.fail("Confluence gives no https address for it")
            return False
        try:
            reply = self._session_for(parts).send(
                "GET",
                f"{parts.path}?{parts.query}",
                headers={**_HEADERS, **transfer.wanted_range()},
                into=transfer.begin_answer,
            )
        except NoAnswer as none:
            if none.fault is Fault.TOO_LARGE:
                transfer.fail_length("more")
            else:
                transfer.break_off(none.reason)
            return False
        return transfer.end_answer(reply)

    def _session_for(self, parts: SplitResult) -> Session:
        origin = f"{parts.scheme}://{host_and_port(parts)}"
        with self._lock:
            if origin not in self._sessions:
                self._sessions[origin] = self._gateway.open_session(origin)
            return self._sessions[origin]


class _Transfer:
    """What has come of one file."""

    def __init__(self, size: int, target: IO[bytes]) -> None:
        self._size = size
        self._target = target
        self._tag = ""
        self.fault = ""
        """Why it is not whole."""
        self.is_other_length = False
        """The host gave an answer to its end, and it is not the file."""

    def wanted_range(self) -> Mapping[str, str]:
        """Headers that ask for the rest, where there is something that it is the rest of."""
        held = self._target.tell()
        if not held or not self._tag:
            return {}
        return {"Range": f"bytes={held}-", "If-Range": self._tag}

    def begin_answer(self, reply: Reply) -> _Bounded:
        """Where its body goes: behind what is there, if that is what it says."""
        held = self._target.tell()
        placed = reply.headers.get("Content-Range", "").startswith(f"bytes {held}-")
        if reply.status != 206 or not placed:
            self.start_over()
        tag = reply.headers.get("ETag", "")
        self._tag = "" if tag.startswith("W/") else tag
        return _Bounded(self._target, self._size)

    def end_answer(self, reply: Reply) -> bool:
        """Whether the file is whole."""
        held = self._target.tell()
        if reply.status in (200, 206) and held == self._size:
            return True
        if reply.status in (200, 206):
            self.fail_length(str(held))
        else:
            self.fail(f"the media host answers {reply.status}")
        return False

    def break_off(self, reason: str) -> None:
        """The answer did not come to its end; what came of it may be gone on with."""
        self.fault, self.is_other_length = reason, False

    def fail_length(self, came: str) -> None:
        """An answer to its end, and not the file."""
        self.fail(f"{came} bytes came, and it has {self._size}")
        self.is_other_length = True

    def fail(self, reason: str) -> None:
        """What came is not the file."""
        self.start_over()
        self.fault, self.is_other_length = reason, False

    def start_over(self) -> None:
        """Throw away what came."""
        self._target.seek(0)
        self._target.truncate()
        self._tag = ""


class _Bounded:
    """A file that takes no more bytes than it is to have."""

    def __init__(self, target: IO[bytes], size: int) -> None:
        self._target = target
        self._size = size

    def write(self, piece: bytes) -> int:
        """Raises ``AnswerTooLargeError``, and ``StateUnusable`` where the disk is full."""
        if self._target.tell() + len(piece) > self._size:
            raise AnswerTooLargeError
        try:
            return self._target.write(piece)
        except OSError as error:
            raise StateUnusable(
                f"An attached file does not fit into the temporary folder ({error.strerror}).",
                hint="Make room there, or set TMPDIR to another folder.",
            ) from None
