"""What every splitter is asked, in whichever environment: the chunks of these texts, and the CPU
seconds that it took.

Imports nothing but the standard library and tiktoken, so that it runs in each peer's environment.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tiktoken

Splitter = Callable[[str], list[str]]


def measure(
    splitters: Mapping[str, Splitter],
    texts: Sequence[str],
    rounds: int,
    encoding: tiktoken.Encoding,
) -> dict[str, dict[str, Any]]:
    """For each splitter: ``chunks`` (for each text the digests of its chunks), ``cpu_s`` and
    ``encode_s``, which is what tiktoken's own encode of the same texts takes; both the best of
    interleaved rounds. ``tokens`` of all chunks, in order, where there is more than one round: then
    it is speed that is asked for."""
    best = dict.fromkeys(splitters, float("inf"))
    encode_s = float("inf")
    found: dict[str, list[list[str]]] = {}
    for _ in range(rounds):
        began = time.process_time()
        for text in texts:
            encoding.encode_ordinary(text)
        encode_s = min(encode_s, time.process_time() - began)
        for name, split in splitters.items():
            began = time.process_time()
            found[name] = [split(text) for text in texts]
            best[name] = min(best[name], time.process_time() - began)
    return {
        name: {
            "chunks": [
                [hashlib.sha256(chunk.encode()).hexdigest()[:24] for chunk in chunks]
                for chunks in each
            ],
            "tokens": [
                len(encoding.encode_ordinary(chunk))
                for chunks in each
                for chunk in chunks
                if rounds > 1
            ],
            "cpu_s": best[name],
            "encode_s": encode_s,
        }
        for name, each in found.items()
    }


def serve(make: Callable[[int, int], Mapping[str, Splitter]]) -> None:
    """Answer the request on standard input (``tokens``, ``overlap``, ``texts``, ``rounds``) with
    one line of JSON."""
    asked = json.load(sys.stdin)
    splitters = make(asked["tokens"], asked["overlap"])
    for split in splitters.values():
        split("What is loaded with the first text is loaded.")
    print(
        json.dumps(
            measure(
                splitters, asked["texts"], asked["rounds"], tiktoken.get_encoding("cl100k_base")
            )
        )
    )
