"""Servers below HTTP: each connection is handed to a function, which may do with it what it
likes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "tls.pem"
"""Self-signed, for 127.0.0.1 and localhost, with its key: made for these tests, and trusted by
nobody else."""

Talk = Callable[[socket.socket], None]


@contextmanager
def talking(talk: Talk, *, tls: bool = False) -> Iterator[str]:
    """``127.0.0.1:PORT``, where each connection gets a thread that calls ``talk`` and then closes
    it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            # Else each small message waits 40 ms for the one before to be acknowledged.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not tls:
                talk(connection)
            else:
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    talk(wrapped)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def refusing() -> Iterator[str]:
    """A port that nothing listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """A port whose queue is full: what is sent there is dropped, as by a firewall."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def read_request(connection: socket.socket) -> bytes:
    """A request with its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1]
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def saying(*pieces: bytes, pause: float = 0.0) -> Talk:
    """Sends these bytes to whatever is asked, one connection per request."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)

    return talk


def dripping(start: bytes, drop: bytes, seconds: float) -> Talk:
    """Sends ``start``, then ``drop`` every so often, without end."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        while True:
            time.sleep(seconds)
            connection.sendall(drop)

    return talk


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP answer that ends its connection."""
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body
