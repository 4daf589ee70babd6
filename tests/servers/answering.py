"""A server that has one answer for everything: a proxy's sign-in page, a refusal."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.servers.threading_server import StandInServer

HTML = "<!doctype html><html><body>Sign in</body></html>"


@dataclass
class Answering:
    """``heard`` are the headers of each request."""

    url: str = ""
    heard: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def answering(status: int, content: str = HTML) -> Iterator[Answering]:
    """On loopback, in a thread."""
    given = Answering()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            """What is no HTTP gets a 400 at its first byte, as from nginx."""
            if self.connection.recv(1, socket.MSG_PEEK).isalpha():
                super().handle_one_request()
            else:
                self.wfile.write(f"HTTP/1.1 400 Bad Request\r\n\r\n{HTML}".encode())
                self.close_connection = True

        def answer(self) -> None:
            given.heard.append(dict(self.headers))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header(
                "Content-Type", "text/html" if content.startswith("<") else "application/json"
            )
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with StandInServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        given.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield given
        server.shutdown()
        thread.join()
