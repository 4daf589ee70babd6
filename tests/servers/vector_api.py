"""A small real server of the Vector API, both variants: HTTP, stateful, with switches to misbehave.

In a test: ``with VectorApiServer("underscore", delete=False) as server: … server.url …
server.state``. As a process: ``python -m tests.servers.vector_api --variant underscore --port 0
[--no-delete] [--set max_bytes=100000]`` prints one JSON line ``{"url": …}`` and serves until it is
stopped. ``GET /_dump`` gives everything it holds, ``POST /_switch`` takes switches by name (and
``{"lose_data": true}``), ``POST /_forget`` sets the request counter to zero.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from tests.servers.threading_server import StandInServer
from tests.servers.vector_api_routes import Dash, RefusedError, Reply, Underscore, common
from tests.servers.vector_api_state import State, Switches

Variant = Literal["dash", "underscore"]


class VectorApiServer:
    """A server on loopback, in a thread. ``before`` and ``after`` are called with the number of
    each request that is not a control request, before it is handled and after it was applied
    (before the answer leaves)."""

    def __init__(self, variant: Variant, *, port: int = 0, **switches: Any) -> None:
        self.state = State(Switches())
        self.switches = self.state.switches
        self.switches.change(**switches)
        self.api = Dash() if variant == "dash" else Underscore()
        self.before: Callable[[int], None] = lambda _number: None
        self.after: Callable[[int], None] = lambda _number: None
        self._http = _Http(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> VectorApiServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening, and cut what is open: the port is free afterwards."""
        self._http.shutdown()
        self._http.server_close()
        self._http.cut_all()
        self._thread.join()

    @property
    def requests(self) -> int:
        """Requests so far, without control requests."""
        return self.state.requests.total()

    def reply(self, method: str, target: str, headers: Any, raw: bytes) -> Reply:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        with self.state.lock:
            if url.path.startswith("/_"):
                return self._control(url.path, json.loads(raw or b"{}"))
            self.state.requests[f"{method} {url.path}"] += 1
            number = self.requests
        self.before(number)
        if self.switches.slow:
            time.sleep(self.switches.slow)
        with self.state.lock:
            reply = self._fault(headers, raw) or self._routed(method, url.path, query, raw)
        self.after(number)
        return reply

    def _control(self, path: str, body: dict[str, Any]) -> Reply:
        if path == "/_switch":
            if body.pop("lose_data", False):
                self.state.lose_data()
            self.switches.change(**body)
        elif path == "/_forget":
            self.state.requests.clear()
        return Reply(200, self.state.dump())

    def _fault(self, headers: Any, raw: bytes) -> Reply | None:
        switches = self.switches
        if switches.down:
            return Reply(503, {"detail": "down"}, {"Retry-After": "0"})
        if switches.html:
            return Reply(
                200,
                "<!doctype html><html><body>Sign in</body></html>",
                {"Content-Type": "text/html"},
            )
        if switches.token and headers.get("Authorization") != f"Bearer {switches.token}":
            return Reply(401, {"detail": "who are you?"})
        if switches.max_bytes and len(raw) > switches.max_bytes:
            return Reply(413, {"detail": "too large"})
        if switches.busy_next:
            switches.busy_next -= 1
            return Reply(429, {"detail": "slow down"}, {"Retry-After": "0"})
        if switches.fail_next:
            switches.fail_next -= 1
            return Reply(500, {"detail": "Internal server error"})
        return None

    def _routed(self, method: str, path: str, query: dict[str, str], raw: bytes) -> Reply:
        if method == "GET" and path == "/openapi.json" and self.switches.openapi:
            return Reply(200, self.api.openapi(self.state))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return Reply(400, {"detail": "no JSON"})
        try:
            return common(self.state, method, path) or self.api.route(
                self.state, method, path, query, body
            )
        except RefusedError as refused:
            return refused.reply


class _Http(StandInServer):
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler(server: VectorApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = server.reply(self.command, self.path, self.headers, raw)
            if reply.cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            page = isinstance(reply.body, str)
            content = reply.body.encode() if page else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            if reply.status == 204:
                content = b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_OPTIONS = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", choices=["dash", "underscore"], required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-delete", action="store_true")
    parser.add_argument("--no-list", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="SWITCH=JSON")
    args = parser.parse_args()
    switches = {
        name: json.loads(value) for name, _, value in (one.partition("=") for one in args.set)
    }
    if args.no_delete:
        switches["delete"] = False
    if args.no_list:
        switches["listing"] = False
    with VectorApiServer(args.variant, port=args.port, **switches) as server:
        print(json.dumps({"url": server.url}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
