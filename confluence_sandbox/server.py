"""A small HTTP/1.1 server: keep-alive, a thread a connection, answers in one write."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

from confluence_sandbox.faults import Cut
from confluence_sandbox.replies import Answer

_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Incoming:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass
class Outgoing:
    """An answer, and what becomes of it on the way."""

    answer: Answer
    date: str
    delay: float = 0.0
    cut: Cut | None = None
    truncate: bool = False
    done: Callable[[int], None] = lambda _: None
    """Called with the number of bytes of the body."""


class Listener:
    """Serves ``respond`` on a host and port until it is closed, a thread a connection."""

    def __init__(self, respond: Callable[[Incoming], Outgoing], host: str, port: int) -> None:
        self._respond = respond
        self._open: set[socket.socket] = set()
        self._closing = False
        self._socket = socket.create_server((host, port), backlog=128)
        self._address = self._socket.getsockname()[:2]
        self.url = f"http://{host}:{self._address[1]}"
        self._thread = threading.Thread(target=self._accept, name="sample-gateway", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and cut what is still open."""
        self._closing = True
        with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=1):
            """Wakes the thread that waits for a connection."""
        self._thread.join()
        self._socket.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._closing:
                connection.close()
                return
            self._open.add(connection)
            threading.Thread(
                target=self._serve, args=(connection,), name="sample-connection", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A client that goes away in the middle is not our error.
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as incoming:
            while self._one(connection, incoming):
                pass
        self._open.discard(connection)

    def _one(self, connection: socket.socket, lines: BinaryIO) -> bool:
        """Answer a request; False when the connection is to be closed."""
        words = lines.readline(_LONGEST_LINE).decode("latin-1").split()
        if len(words) != 3:
            return False
        headers: dict[str, str] = {}
        while line := lines.readline(_LONGEST_LINE).decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "0")
        body = lines.read(int(length)) if length.isdigit() else b""
        outgoing = self._respond(Incoming(words[0], words[1], headers, body))
        keep = headers.get("connection", "").lower() != "close" and words[2] == "HTTP/1.1"
        return _send(connection, outgoing, keep) and keep


def _send(connection: socket.socket, outgoing: Outgoing, keep: bool) -> bool:
    head, body = wire(outgoing, keep)
    if outgoing.delay:
        time.sleep(outgoing.delay)
    outgoing.done(len(body))
    if outgoing.cut is None:
        connection.sendall(head + body)
        return True
    if outgoing.cut == "middle":
        connection.sendall(head + body[: len(body) // 2])
    if outgoing.cut == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def wire(outgoing: Outgoing, keep: bool) -> tuple[bytes, bytes]:
    """Head and body as they are sent."""
    answer = outgoing.answer
    headers = {"Content-Type": "application/json", "Date": outgoing.date}
    if isinstance(answer.payload, bytes):
        body = answer.payload
    elif isinstance(answer.payload, str):
        body = answer.payload.encode()
        headers["Content-Type"] = "text/html;charset=UTF-8"
    else:
        body = json.dumps(answer.payload, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "backslashreplace"
        )
    if outgoing.truncate:
        body = body[: len(body) // 2]
    headers |= answer.headers
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "keep-alive" if keep else "close"
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [
        f"HTTP/1.1 {answer.status} {reason}",
        *(f"{name}: {value}" for name, value in headers.items() if value),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"), body
