"""A small HTTP/1.1 server: keep-alive, a thread a connection, answers in one write."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from confluence_sync.sample.faults import Cut
from confluence_sync.sample.replies import Answer

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
    """Serves ``respond`` on a host and port until it is closed."""

    def __init__(self, respond: Callable[[Incoming], Outgoing], host: str, port: int) -> None:
        self._open: set[socket.socket] = set()
        self._server = _Server((host, port), respond, self._open)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="sample-gateway", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop, and cut what is still open."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], respond: Callable[[Incoming], Outgoing], connections: set[socket.socket]
    ) -> None:
        self.respond = respond
        self.connections = connections
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours; a bug is raised where it happens."""


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        self.server.connections.add(self.connection)
        try:
            while self._one():
                pass
        finally:
            self.server.connections.discard(self.connection)

    def _one(self) -> bool:
        words = self.rfile.readline(_LONGEST_LINE).decode("latin-1").split()
        if len(words) != 3:
            return False
        headers: dict[str, str] = {}
        while line := self.rfile.readline(_LONGEST_LINE).decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", "0")))
        outgoing = self.server.respond(Incoming(words[0], words[1], headers, body))
        keep = headers.get("connection", "").lower() != "close" and words[2] == "HTTP/1.1"
        return self._send(outgoing, keep) and keep

    def _send(self, outgoing: Outgoing, keep: bool) -> bool:
        head, body = wire(outgoing, keep)
        if outgoing.delay:
            time.sleep(outgoing.delay)
        outgoing.done(len(body))
        if outgoing.cut is None:
            self.connection.sendall(head + body)
            return True
        if outgoing.cut == "middle":
            self.connection.sendall(head + body[: len(body) // 2])
        if outgoing.cut == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
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
        body = json.dumps(answer.payload, ensure_ascii=False, separators=(",", ":")).encode()
    if outgoing.truncate:
        body = body[: len(body) // 2]
    headers |= answer.headers
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "keep-alive" if keep else "close"
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{name}: {value}" for name, value in headers.items() if value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"), body
