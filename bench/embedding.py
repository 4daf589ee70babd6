"""A first load through an embedding server of 1 and of 8 replicas, and the local model beside
onnxruntime alone.

``python bench/embedding.py [--pages 400 2000] [--texts 400] [--rounds 3]``

A replica takes 200 ms for a request of 8 texts; ours sends 8 texts per request
(``EMBEDDING_BATCH=8``), 16 requests at a time (``EMBEDDING_CONCURRENCY=16``), into a store that
keeps nothing. The ideal is the larger of two times: that of the replicas, none of them ever idle,
and that of the run's own CPU over two cores. Measured is from the first request to the end of the
run. The local model is given the texts as a run gives them, onnxruntime alone all at once, in the
order of their lengths; compared are CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import requests
from measured import HERE, run, site
from tables import Table, publish

from confluence_mirror.embedding import DeferredEmbedder
from confluence_mirror.embedding.local import DIMENSION

SECONDS, TEXTS, IN_FLIGHT = 0.2, 8, 16
REPLICAS = (1, 8)
WORDS = [f"word{number}" for number in range(3000)]
PADDED_TOKENS = 1024


@contextmanager
def embedding_server(replicas: int) -> Iterator[str]:
    """``bench/embedding_server.py``: its address, until the block ends."""
    command = [sys.executable, str(HERE / "embedding_server.py"), "--replicas", str(replicas)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def load(pages: int, replicas: int) -> dict[str, Any]:
    """One first load: what it took, and what it would have taken at best."""
    with (
        site("--pages", str(pages)) as gateway,
        embedding_server(replicas) as url,
        tempfile.TemporaryDirectory() as state,
    ):
        night = [sys.executable, HERE / "night.py", json.dumps(gateway.about), state]
        options = ["--embedder", url, "--texts", str(TEXTS), "--in-flight", str(IN_FLIGHT)]
        done = run([*night, *options]).output
        log = requests.get(f"{url}/log", timeout=30).json()
    at_best = done["chunks"] / TEXTS * SECONDS / replicas
    ideal = max(at_best, done["cpu_s"] / 2)
    seconds = done["ended"] - log["first"]
    return {**done, "seconds": seconds, "ideal": ideal, "requests": log["requests"]}


def texts_of(count: int) -> list[str]:
    """As long as chunks are, short ones among them."""
    chance = random.Random(7)
    return [" ".join(chance.choices(WORDS, k=chance.randint(5, 80))) for _ in range(count)]


def ours_alone(model: DeferredEmbedder, texts: Sequence[str]) -> float:
    """CPU seconds of the local model, given the texts as a run gives them."""
    used = time.process_time()
    for start in range(0, len(texts), model.batch_size):
        assert len(model(texts[start : start + model.batch_size])[0]) == DIMENSION
    return time.process_time() - used


def onnxruntime_alone(folder: Path, texts: Sequence[str]) -> float:
    """CPU seconds of the same model and tokenizer, on all texts in the order of their lengths."""
    import numpy
    import onnxruntime
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(folder)
    )
    graph = resources.files("confluence_mirror.embedding").joinpath("minilm.onnx").read_bytes()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    used = time.process_time()
    ids = sorted((one.ids for one in tokenizer.encode_batch(list(texts))), key=len, reverse=True)
    while ids:
        size = max(1, PADDED_TOKENS // len(ids[0]))
        some, ids = ids[:size], ids[size:]
        inputs = numpy.zeros((len(some), len(some[0])), numpy.int64)
        mask = numpy.zeros_like(inputs)
        for row, found in enumerate(some):
            inputs[row, : len(found)], mask[row, : len(found)] = found, 1
        session.run(None, {"input_ids": inputs, "attention_mask": mask})
    return time.process_time() - used


def local(count: int, rounds: int) -> dict[str, float]:
    """The best of so many rounds, in turn."""
    texts = texts_of(count)
    with closing(DeferredEmbedder("all-MiniLM-L6-v2", None)) as model:
        folder = model.model_folder
        model(texts[:8])
        mine = [(ours_alone(model, texts), onnxruntime_alone(folder, texts)) for _ in range(rounds)]
    return {"ours_s": min(one for one, _ in mine), "alone_s": min(one for _, one in mine)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, nargs=2, default=[400, 2000], help="by replicas")
    parser.add_argument("--texts", type=int, default=400, help="for the local model")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    loads = {
        replicas: load(pages, replicas)
        for replicas, pages in zip(REPLICAS, given.pages, strict=True)
    }
    one = loads[1]["chunks"] / loads[1]["seconds"]
    cells = [
        [
            str(replicas),
            f"{each['chunks']:,}",
            f"{each['requests'] / (each['chunks'] / TEXTS):.2f}",
            f"{each['chunks'] / each['seconds'] / one:.1f}",
            f"{each['ideal'] / each['seconds']:.2f}",
        ]
        for replicas, each in loads.items()
    ]
    columns = ("replicas", "chunks", "requests, × full ones", "chunks per second", "ideal ÷ time")
    note = (
        f"A replica takes {SECONDS * 1000:.0f} ms per request of {TEXTS} texts;"
        f" `EMBEDDING_BATCH={TEXTS}`, `EMBEDDING_CONCURRENCY={IN_FLIGHT}`. Chunks per second in"
        " those of one replica."
    )
    of_model = local(given.texts, given.rounds)
    ratio = of_model["alone_s"] / of_model["ours_s"]
    publish(
        "embedding",
        [
            Table("embedding-server", "Embedding server", columns, cells, note, {"loads": loads}),
            Table(
                "embedding-local",
                "Local model",
                ("texts", "onnxruntime alone ÷ ours"),
                [[f"{given.texts:,}", f"{ratio:.2f}"]],
                "CPU time; alone: all texts at once, in the order of their lengths.",
                of_model,
            ),
        ],
        ["onnxruntime"],
    )


if __name__ == "__main__":
    main()
