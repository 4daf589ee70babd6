"""A small OpenAI-compatible embeddings server: real HTTP, vectors of hashed words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.stores.words import hashed_words


class EmbeddingServer:
    """On loopback, in a thread. ``models`` are its models with their dimensions; ``before`` is called with the number
    of each request before it is answered. ``key``, if set, must come as a Bearer token."""

    def __init__(self, **models: int) -> None:
        self.models = models
        self.key = ""
        self.requests = 0
        self.before: Callable[[int], None] = lambda _number: None
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> EmbeddingServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, path: str, authorization: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests += 1
        self.before(self.requests)
        if self.key and authorization != f"Bearer {self.key}":
            return 401, {"error": {"message": "Incorrect API key provided"}}
        if path != "/v1/embeddings":
            return 404, {"error": {"message": "no such route"}}
        dimension = self.models.get(asked["model"])
        if dimension is None:
            return 404, {"error": {"message": f"The model `{asked['model']}` does not exist"}}
        vectors = [hashed_words(text, dimension) for text in asked["input"]]
        return 200, {"data": [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]}


def _handler(server: EmbeddingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = server.answer(self.path, self.headers.get("Authorization", ""), asked)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
