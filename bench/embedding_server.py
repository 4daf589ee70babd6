"""An embedding server of several replicas, each of which takes as long for one request: OpenAI's
route, vectors that mean nothing.

``python bench/embedding_server.py --replicas 8``; prints its address. ``GET /log`` answers when the
first request came, and how many requests and texts there were.
"""

from __future__ import annotations

import argparse
import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Replicas:
    """What requests have in common."""

    def __init__(self, count: int, seconds: float, most: int) -> None:
        self.free = threading.Semaphore(count)
        self.seconds, self.most = seconds, most
        self.first = 0.0
        self.requests = self.texts = 0
        self.lock = threading.Lock()

    def answer(self, texts: list[str]) -> tuple[int, dict[str, Any]]:
        """Status and content, when a replica has worked on it."""
        with self.lock:
            self.first = self.first or time.time()
            self.requests += 1
            self.texts += len(texts)
        if len(texts) > self.most:
            said = f"batch size {len(texts)} > maximum allowed batch size {self.most}"
            return 422, {"error": said}
        with self.free:
            time.sleep(self.seconds)
        angles = (float(hash(text) % 6283) / 1000 for text in texts)
        rows = [
            {"index": place, "embedding": [math.cos(angle), math.sin(angle)]}
            for place, angle in enumerate(angles)
        ]
        return 200, {"data": rows}


def handler(replicas: Replicas) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet, else each answer takes 40 ms

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(*replicas.answer(asked["input"]))

        def do_GET(self) -> None:
            names = ("first", "requests", "texts")
            self._send(200, {name: getattr(replicas, name) for name in names})

        def _send(self, status: int, said: dict[str, Any]) -> None:
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.2, help="per request")
    parser.add_argument("--texts", type=int, default=8, help="per request, at most")
    given = parser.parse_args()
    replicas = Replicas(given.replicas, given.seconds, given.texts)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(replicas))
    print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
