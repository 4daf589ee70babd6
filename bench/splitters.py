"""Ours and the peers' ways to cut a text into chunks of 1,000 tokens with an overlap of 180, all by
cl100k_base."""

from __future__ import annotations

import json
import lzma
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from environments import PEERS, environment

from confluence_mirror.chunking import ChunkSettings, chunk_page, load_tokenizer
from confluence_mirror.chunking.tokens import cl100k_base
from confluence_mirror.model import Piece

sys.path.insert(0, str(PEERS))
from splitting import Splitter, measure

TOKENS, OVERLAP = 1000, 180
OURS, WINDOW = "confluence-mirror", "token window"
COUNTER = load_tokenizer("cl100k_base")
ENCODING = cl100k_base()
_VOCABULARY = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""What tiktoken calls the vocabulary in its cache."""


def pieces(text: str, *, title: str = "Page", overlap: int = OVERLAP) -> list[Piece]:
    """The product's chunks."""
    settings = ChunkSettings(TOKENS, overlap)
    return chunk_page(
        text, title=title, site_id="s", page_id="1", settings=settings, tokenizer=COUNTER
    )


def window(text: str) -> list[str]:
    """Every 820 tokens a window of 1,000."""
    tokens = ENCODING.encode_ordinary(text)
    starts = range(0, max(1, len(tokens) - OVERLAP), TOKENS - OVERLAP)
    return [ENCODING.decode(tokens[start : start + TOKENS]) for start in starts]


HERE: dict[str, Splitter] = {
    OURS: lambda text: [piece.text for piece in pieces(text)],
    f"{OURS}, no overlap": lambda text: [piece.text for piece in pieces(text, overlap=0)],
    WINDOW: window,
}


def here(texts: Sequence[str], rounds: int) -> dict[str, dict[str, Any]]:
    """What ``measure`` says of ours and of the window."""
    return measure(HERE, texts, rounds, ENCODING)


def peers(texts: Sequence[str], rounds: int = 1) -> dict[str, dict[str, Any]]:
    """What ``measure`` says of the peers' splitters, each in its own environment, where nothing is
    downloaded."""
    found: dict[str, dict[str, Any]] = {}
    asked = json.dumps({"tokens": TOKENS, "overlap": OVERLAP, "texts": texts, "rounds": rounds})
    with tempfile.TemporaryDirectory() as cache:
        packed = (
            resources.files("confluence_mirror")
            .joinpath("data", "cl100k_base.tiktoken.xz")
            .read_bytes()
        )
        Path(cache, _VOCABULARY).write_bytes(lzma.decompress(packed))
        for peer in ("langchain", "llamaindex"):
            done = subprocess.run(
                [environment(peer), PEERS / f"{peer}_split.py"],
                input=asked,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={**os.environ, "TIKTOKEN_CACHE_DIR": cache},
            )
            found |= json.loads(done.stdout.strip().rpartition("\n")[2])
    return found
