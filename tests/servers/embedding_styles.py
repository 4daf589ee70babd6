"""Stand-ins for embedding servers that do not speak OpenAI's way: Azure OpenAI, Ollama and
text-embeddings-inference, with the limits, errors and words that they have."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from confluence_mirror.model import EmbeddingApi
from tests.servers.threading_server import StandInServer
from tests.stores.words import hashed_words

MODEL = "some-model"
KEY = "secret-embedding-key"
MOST = 8
"""Texts of a request."""
LONGEST = 1000
"""Tokens of a text: a character of ASCII is one, any other three."""

Answer = tuple[int, dict[str, str], Any]


class StyledServer:
    """On loopback, in a thread. ``busy``: so many requests are told to come back."""

    def __init__(self, style: EmbeddingApi) -> None:
        self.style = style
        self.busy = 0
        self.headers: list[dict[str, str]] = []
        self.together: threading.Barrier | None = None
        """At which requests wait for each other."""
        self.alone = False
        """A request beside another one is never answered."""
        self._in_flight = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._answer = {"azure": self._azure, "ollama": self._ollama, "tei": self._tei}[style]
        self._http = StandInServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> StyledServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, target: str, headers: dict[str, str], asked: dict[str, Any]) -> Answer:
        self.headers.append(headers)
        if self.together is not None:
            self.together.wait()
        if self.busy:
            self.busy -= 1
            return _BUSY[self.style]
        with self._lock:
            self._in_flight += 1
            beside = self.alone and self._in_flight > 1
        try:
            if beside:
                self._over.wait(0.5)  # whoever asked has given it up by then
            return self._answer(target, headers, asked)
        finally:
            with self._lock:
                self._in_flight -= 1

    def _azure(self, target: str, headers: dict[str, str], asked: dict[str, Any]) -> Answer:
        if headers.get("api-key") != KEY:
            return _azure_error(401, "401", "Access denied due to invalid subscription key.")
        parts = urlsplit(target)
        if parse_qs(parts.query).get("api-version") != ["2024-10-21"]:
            return _azure_error(404, "404", "Resource not found")
        if parts.path != f"/openai/deployments/{MODEL}/embeddings":
            said = "The API deployment for this resource does not exist."
            return _azure_error(404, "DeploymentNotFound", said)
        texts = asked["input"]
        if len(texts) > MOST:
            said = f"Too many inputs. The max number of inputs is {MOST}."
            return _azure_error(400, "invalid_request_error", said)
        if any(_tokens(text) > LONGEST for text in texts):
            said = f"This model's maximum context length is {LONGEST} tokens."
            return _azure_error(400, "invalid_request_error", said)
        rows = [{"index": n, "embedding": hashed_words(text)} for n, text in enumerate(texts)]
        return 200, {}, {"object": "list", "data": rows[::-1], "model": MODEL}

    def _ollama(self, target: str, headers: dict[str, str], asked: dict[str, Any]) -> Answer:
        if headers.get("Authorization") != f"Bearer {KEY}":  # by a proxy: Ollama has no keys
            return 401, {}, {"error": "unauthorized"}
        if target != "/api/embed":
            return 404, {}, "404 page not found"
        if asked["model"] != MODEL:
            return 404, {}, {"error": f'model "{asked["model"]}" not found, try pulling it first'}
        texts = asked["input"]
        if len(texts) > MOST:  # it has no limit of its own: memory ends
            return 500, {}, {"error": "llama runner process has terminated: exit status 2"}
        if any(_tokens(text) > LONGEST for text in texts):
            if asked.get("truncate", True):
                texts = [text[: LONGEST // 3] for text in texts]
            else:
                return 400, {}, {"error": "the input length exceeds the context length"}
        return 200, {}, {"model": MODEL, "embeddings": [hashed_words(text) for text in texts]}

    def _tei(self, target: str, headers: dict[str, str], asked: dict[str, Any]) -> Answer:
        if headers.get("Authorization") != f"Bearer {KEY}":
            return 401, {}, ""
        if target != "/embed":
            return 404, {}, ""
        texts = asked["inputs"]
        if len(texts) > MOST:
            said = f"batch size {len(texts)} > maximum allowed batch size {MOST}"
            return 422, {}, {"error": said, "error_type": "Validation"}
        for text in texts:
            if _tokens(text) > LONGEST and not asked.get("truncate", False):
                said = (
                    f"Input validation error: `inputs` must have less than {LONGEST} tokens."
                    f" Given: {_tokens(text)}"
                )
                return 413, {}, {"error": said, "error_type": "Validation"}
        return 200, {}, [hashed_words(text[:LONGEST]) for text in texts]


_BUSY: dict[str, Answer] = {
    "azure": (
        429,
        {"Retry-After": "2", "retry-after-ms": "1500"},
        {"error": {"code": "429", "message": "Requests have exceeded the call rate limit."}},
    ),
    "ollama": (
        503,
        {},
        {"error": "server busy, please try again.  maximum pending requests exceeded"},
    ),
    "tei": (429, {}, {"error": "Model is overloaded", "error_type": "Overloaded"}),
}


def _azure_error(status: int, code: str, said: str) -> Answer:
    return status, {}, {"error": {"code": code, "message": said}}


def _tokens(text: str) -> int:
    return sum(1 if char.isascii() else 3 for char in text)


def _handler(server: StyledServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet, else each answer takes 40 ms

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, said = server.answer(self.path, dict(self.headers), asked)
            content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
