"""Embeddings for a Llama Stack under test: hashed words, deterministic, 384 numbers.

Texts that share words are near, nothing more; no model is needed. As a program it is an
OpenAI-compatible endpoint on 127.0.0.1 (``python embeddings.py PORT``), which servers from 0.3 on
use through their ``remote::vllm`` provider; a server of 0.2 imports it in the place of
``sentence_transformers``. Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
import sys
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = ("all-MiniLM-L6-v2", "another-model")
"""Two names for the same."""
DIMENSION = 384


def embed(texts: Iterable[str]) -> list[list[float]]:
    """A unit vector for each text; never a zero one, which the servers refuse."""
    vectors = []
    for text in texts:
        vector = [0.0] * DIMENSION
        for word in re.findall(r"\w+", text.lower()):
            digest = hashlib.sha256(word.encode()).digest()
            vector[int.from_bytes(digest[:4], "big") % DIMENSION] += 1.0 if digest[4] % 2 else -1.0
        if not any(vector):
            vector[0] = 1.0
        length = math.sqrt(sum(number * number for number in vector))
        vectors.append([number / length for number in vector])
    return vectors


class SentenceTransformer:
    """What a server of 0.2 asks of the package of this name."""

    def __init__(self, *_args: object, **_options: object) -> None:
        import numpy

        self._array = numpy.array

    def encode(self, texts: str | list[str], **_options: object) -> object:
        """An array of one vector, or one a text."""
        if isinstance(texts, str):
            return self._array(embed([texts])[0], dtype="float32")
        return self._array(embed(texts), dtype="float32")


class Endpoint(BaseHTTPRequestHandler):
    """``GET`` anything: the models. ``POST``: embeddings, as floats or base64."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def do_GET(self) -> None:
        """The models."""
        rows = [
            {"id": model, "object": "model", "created": 0, "owned_by": "tests"} for model in MODELS
        ]
        self._answer({"object": "list", "data": rows})

    def do_POST(self) -> None:
        """The vectors of ``input``."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        packed = asked.get("encoding_format") == "base64"
        rows = []
        for place, vector in enumerate(embed(texts)):
            coded = (
                base64.b64encode(struct.pack(f"<{DIMENSION}f", *vector)).decode()
                if packed
                else vector
            )
            rows.append({"object": "embedding", "index": place, "embedding": coded})
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        self._answer(
            {"object": "list", "model": asked.get("model", MODELS[0]), "data": rows, "usage": usage}
        )


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Endpoint).serve_forever()
