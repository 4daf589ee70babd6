"""What chunking costs, beside tiktoken's own encode of the same texts, a token window and the
peers' splitters.

``python bench/chunks.py [--corpus FOLDER] [--rounds N]``. CPU seconds of one process, the best of
interleaved rounds; all count with the same cl100k_base, and the encode is measured in each process
anew. The pages are those of the tests, made from seeds, or the Markdown files of a folder. What an
edit changes is in ``editing.py``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splitters import ENCODING, OVERLAP, TOKENS, here, peers, pieces
from tables import Table, publish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "chunking"))
from chunking_documents import Writer

PART_OF_A_PAGE = 250_000


def speed(pages: Sequence[str], rounds: int) -> Table:
    """Tokens a second of each splitter, and what its chunks are like."""
    found: dict[str, dict[str, Any]] = {**here(pages, rounds), **peers(pages, rounds)}
    data = {
        name: {
            "of encode": each["encode_s"] / each["cpu_s"],
            "chunks": len(each["tokens"]),
            "mean": sum(each["tokens"]) / len(each["tokens"]),
            "most": max(each["tokens"]),
        }
        for name, each in found.items()
    }
    rows = [
        [name, f"{each['of encode']:.2f}", each["chunks"], f"{each['mean']:.0f}", each["most"]]
        for name, each in sorted(data.items(), key=lambda pair: -pair[1]["of encode"])
    ]
    size = sum(len(page.encode()) for page in pages) / 1e6
    note = (
        f"{len(pages)} pages, {size:.1f} MB; at most {TOKENS:,} tokens, overlap {OVERLAP}. The unit"
        " is tiktoken's own encode of the same pages, in the same process: CPU seconds, best of"
        f" {rounds}."
    )
    columns = ("splitter", "tokens/s (tiktoken's encode: 1)", "chunks", "mean tokens", "most")
    return Table("chunking", "Chunking alone", columns, rows, note, data)


def growth(pages: Sequence[str], rounds: int) -> Table:
    """CPU time a character, for ever larger pages and for text that is hard to cut, as ratios to
    tiktoken's encode."""
    whole = "\n\n".join(pages)
    texts = {
        f"a page of {times * PART_OF_A_PAGE / 1e6:.2f} M characters": whole[
            : times * PART_OF_A_PAGE
        ]
        for times in (1, 2, 4)
    }
    texts["1 M characters without a blank"] = "".join(whole[: 2 * 10**6].split())[: 10**6]
    data = {}
    for name, text in texts.items():
        ours = encode = float("inf")
        for _ in range(rounds):
            began = time.process_time()
            ENCODING.encode_ordinary(text)
            encode, began = min(encode, time.process_time() - began), time.process_time()
            pieces(text)
            ours = min(ours, time.process_time() - began)
        data[name] = ours / encode
    rows = [[name, f"{ratio:.2f}"] for name, ratio in data.items()]
    note = "CPU time of chunking it, in units of tiktoken's encode of it: flat is linear."
    return Table(
        "chunking-growth", "Large pages", ("text", "time (tiktoken's encode: 1)"), rows, note, data
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder of Markdown files for the speed")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.corpus:
        pages = [path.read_text(errors="replace") for path in sorted(given.corpus.rglob("*.md"))]
    else:
        pages = ["\n\n".join(Writer(seed).page((10, 60, 150)[seed % 3])) for seed in range(60)]
    publish("chunking", [speed(pages, given.rounds), growth(pages, given.rounds)], ["tiktoken"])


if __name__ == "__main__":
    main()
