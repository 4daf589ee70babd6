"""A small OpenAI-compatible embeddings server: real HTTP, vectors of hashed words, and moods."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.servers.threading_server import StandInServer
from tests.stores.words import hashed_words

HTML = "<!doctype html><html><body>Bad gateway</body></html>"


@dataclass
class Moods:
    """How the server misbehaves; a new object behaves well."""

    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Word → status and message, for a request with this word in any of its texts."""
    spoils: dict[str, Any] = field(default_factory=dict)
    """Word → what stands in place of each number of the vector of a text with this word."""
    cuts: str = ""
    """The connection is cut when a text holds this word."""
    limit: int = 0
    """Most texts of a request; ``limit_says`` is the answer to more, with ``{count}`` and
    ``{limit}``."""
    limit_says: tuple[int, str] = (422, "batch size {count} > maximum allowed batch size {limit}")
    longest: int = 0
    """Most characters of a text."""
    longest_says: tuple[int, str] = (
        413,
        "Input validation error: `inputs` must have less than 512 tokens",
    )
    loading: int = 0
    """So many requests are told to come back."""
    loading_says: tuple[int, str] = (503, "Model is loading")
    retry_after: str = ""
    slow_above: int = 0
    """A request with more texts is never answered."""
    sick: tuple[int, str] | None = None
    """The answer to everything."""


class EmbeddingServer:
    """On loopback, in a thread. ``models`` are its models with their dimensions; ``before`` is
    called with the number of each request before it is answered. ``key``, if set, must come as a
    Bearer token. ``sizes`` are the numbers of texts of the requests so far."""

    def __init__(self, **models: int) -> None:
        self.models = models
        self.key = ""
        self.sizes: list[int] = []
        self.moods = Moods()
        self.before: Callable[[int], None] = lambda _number: None
        self._over = threading.Event()
        self._http = StandInServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> EmbeddingServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def requests(self) -> int:
        return len(self.sizes)

    def answer(
        self, path: str, authorization: str, asked: dict[str, Any]
    ) -> tuple[int, Any] | None:
        """Status and content; None: the connection is cut."""
        texts: list[str] = asked["input"]
        self.sizes.append(len(texts))
        self.before(self.requests)
        if self.key and authorization != f"Bearer {self.key}":
            return 401, _error("Incorrect API key provided")
        if path != "/v1/embeddings":
            return 404, _error("no such route")
        dimension = self.models.get(asked["model"])
        if dimension is None:
            return 404, _error(f"The model `{asked['model']}` does not exist")
        if (bad := self._in_a_mood(texts)) != "well":
            return None if bad == "cut" else bad  # type: ignore[return-value]
        vectors = [self._spoilt(text) or hashed_words(text, dimension) for text in texts]
        return 200, {
            "data": [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
        }

    def _in_a_mood(self, texts: list[str]) -> tuple[int, Any] | str:
        moods = self.moods
        if moods.sick:
            status, said = moods.sick
            return status, HTML if said == HTML else _error(said)
        if moods.loading:
            moods.loading -= 1
            return moods.loading_says[0], _error(moods.loading_says[1])
        if moods.limit and len(texts) > moods.limit:
            status, said = moods.limit_says
            return status, _error(said.format(count=len(texts), limit=moods.limit))
        if moods.slow_above and len(texts) > moods.slow_above:
            self._over.wait(60)
            return "cut"
        if moods.cuts and any(moods.cuts in text for text in texts):
            return "cut"
        if moods.longest and any(len(text) > moods.longest for text in texts):
            return moods.longest_says[0], _error(moods.longest_says[1])
        for word, (status, said) in moods.refuses.items():
            if any(word in text for text in texts):
                return status, _error(said)
        return "well"

    def _spoilt(self, text: str) -> list[Any] | None:
        return next(
            ([value] * 48 for word, value in self.moods.spoils.items() if word in text), None
        )


def _error(said: str) -> dict[str, Any]:
    return {"error": {"message": said, "type": "invalid_request_error"}}


def _handler(server: EmbeddingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet, else each answer takes 40 ms

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = server.answer(self.path, self.headers.get("Authorization", ""), asked)
            if answer is None:
                self.close_connection = True
                return
            status, said = answer
            content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header(
                "Content-Type", "application/json" if said is not HTML else "text/html"
            )
            self.send_header("Content-Length", str(len(content)))
            if server.moods.retry_after and status >= 400:
                self.send_header("Retry-After", server.moods.retry_after)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
