"""A server that takes what it is sent and does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Silent:
    """``heard`` is set as soon as somebody has connected and said something."""

    port: int
    heard: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def silent() -> Iterator[Silent]:
    """On loopback, in a thread."""
    open_: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        given = Silent(listening.getsockname()[1])

        def take() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    open_.append(connection)
                    if connection.recv(1):
                        given.heard.set()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield given
        listening.shutdown(socket.SHUT_RDWR)
        for connection in open_:
            connection.close()
        thread.join()
