"""What chunking costs and what an edit changes, beside a token window and RecursiveCharacterTextSplitter.

``pip install -r bench/chunks-requirements.txt && python bench/chunks.py [--corpus FOLDER] [--rounds N]``

Speed in CPU seconds of one process, the best of interleaved rounds; all count with the same cl100k_base. Then 300
edits of one paragraph (reword, insert, delete; top, middle and end of long pages), and how many chunks each gives a
new text. The pages are those of the tests, made from seeds, or the Markdown files of a folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import tiktoken.registry
from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

from confluence_sync.chunking import ChunkSettings, chunk, tokenizer
from confluence_sync.chunking.tokens import cl100k_base

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "chunking"))
from chunking_documents import Writer, edited

TOKENS, OVERLAP = 1000, 180
EDITS = [(where, how) for where in ("top", "middle", "end") for how in ("reword", "insert", "delete")]
COUNTER = tokenizer("cl100k_base")
ENCODING = cl100k_base()
Splitter = Callable[[str], list[str]]


def ours(overlap: int) -> Splitter:
    """The product's chunks."""
    settings = ChunkSettings(TOKENS, overlap)

    def split(text: str) -> list[str]:
        pieces = chunk(text, title="Page", site_id="s", page_id="1", settings=settings, tokenizer=COUNTER)
        return [piece.text for piece in pieces]

    return split


def window(text: str) -> list[str]:
    """Every 820 tokens a window of 1,000."""
    tokens = ENCODING.encode_ordinary(text)
    starts = range(0, max(1, len(tokens) - OVERLAP), TOKENS - OVERLAP)
    return [ENCODING.decode(tokens[start : start + TOKENS]) for start in starts]


def recursive(language: Language | None) -> Splitter:
    """LangChain's splitter with tiktoken, with its own separators or those for Markdown."""
    # tiktoken gives it the encoding that it already has, so that it need not download one.
    tiktoken.registry.ENCODINGS[ENCODING.name] = ENCODING
    make = RecursiveCharacterTextSplitter.from_tiktoken_encoder
    sizes = {"encoding_name": ENCODING.name, "chunk_size": TOKENS, "chunk_overlap": OVERLAP}
    if language is None:
        return make(**sizes).split_text
    separators = RecursiveCharacterTextSplitter.get_separators_for_language(language)
    return make(**sizes, separators=separators, is_separator_regex=True).split_text


SPLITTERS: dict[str, Splitter] = {
    "confluence_sync.chunking": ours(OVERLAP),
    "confluence_sync.chunking, no overlap": ours(0),
    "token window": window,
    "RecursiveCharacterTextSplitter": recursive(None),
    "RecursiveCharacterTextSplitter, Markdown": recursive(Language.MARKDOWN),
}


def speed(pages: Sequence[str], rounds: int) -> None:
    """Megabytes and chunks a second; then how time grows with size."""
    best = dict.fromkeys(SPLITTERS, float("inf"))
    chunks: dict[str, list[str]] = {}
    for _ in range(rounds):
        for name, split in SPLITTERS.items():
            start = time.process_time()
            chunks[name] = [piece for page in pages for piece in split(page)]
            best[name] = min(best[name], time.process_time() - start)
    size = sum(len(page.encode()) for page in pages) / 1e6
    print(f"\n{len(pages)} pages, {size:.1f} MB, {TOKENS} tokens, overlap {OVERLAP}; best of {rounds}, CPU seconds")
    print("| chunker | MB/s | chunks/s | chunks | mean tokens | most |")
    print("|---|---|---|---|---|---|")
    for name, found in chunks.items():
        counts = COUNTER.counts(found)
        rates = f"{size / best[name]:.2f} | {len(found) / best[name]:.0f}"
        print(f"| {name} | {rates} | {len(found)} | {sum(counts) / len(found):.0f} | {max(counts)} |")
    whole = "\n\n".join(pages)
    for times in (1, 2, 4, 8):
        part = whole[: times * 250_000]
        start = time.process_time()
        SPLITTERS["confluence_sync.chunking"](part)
        print(f"one page of {len(part) / 1e6:.2f} M characters: {time.process_time() - start:.2f} s")


def stability(edits: int) -> None:
    """Chunks with a new text for each edit of one paragraph."""
    pages = [Writer(700 + number).page(150) for number in range(20)]
    print(f"\nchunks that an edit of one paragraph changes, mean of {edits} edits of {len(pages)} pages")
    print("| chunker | all | top | middle | end | reword | insert | delete | chunks a page |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, split in SPLITTERS.items():
        before = [set(split("\n\n".join(page))) for page in pages]
        writer = Writer(999)
        changed: dict[str, list[int]] = {}
        for number in range(edits):
            where, how = EDITS[number % len(EDITS)]
            after = set(split("\n\n".join(edited(pages[number % len(pages)], writer, where, how))))
            new = len(after - before[number % len(pages)])
            for key in ("all", where, how):
                changed.setdefault(key, []).append(new)
        columns = ("all", "top", "middle", "end", "reword", "insert", "delete")
        means = " | ".join(f"{sum(changed[key]) / len(changed[key]):.2f}" for key in columns)
        print(f"| {name} | {means} | {sum(map(len, before)) / len(pages):.1f} |")


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description="Speed and stability of the chunks.")
    parser.add_argument("--corpus", type=Path, help="a folder of Markdown files for the speed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--edits", type=int, default=300)
    arguments = parser.parse_args()
    if arguments.corpus:
        pages = [path.read_text(errors="replace") for path in sorted(arguments.corpus.rglob("*.md"))]
    else:
        pages = ["\n\n".join(Writer(seed).page((10, 60, 150)[seed % 3])) for seed in range(60)]
    speed(pages, arguments.rounds)
    stability(arguments.edits)


if __name__ == "__main__":
    main()
