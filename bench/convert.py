"""What converting costs, beside bs4 + markdownify and the Rust html-to-markdown, on the same bodies in one run.

``pip install -r bench/convert-requirements.txt && python bench/convert.py [--rounds N]``

CPU seconds of the process, the best of interleaved rounds, so that a busy machine disturbs all alike. The pages are
those of ``bench/samples`` and a tail to 500 kB made of them. Beside speed it says what was kept: words that a reader
sees, and code bodies that stand verbatim.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import html_to_markdown
from markdownify import markdownify

from confluence_sync.markdown import convert
from confluence_sync.markdown.source import parse
from confluence_sync.markdown.walk import text_of

SAMPLES = Path(__file__).parent / "samples"
TAIL = (40_000, 90_000, 200_000, 500_000)
_WORD = re.compile(r"\w+")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def pages() -> tuple[list[str], list[str]]:
    """The committed pages, and the tail."""
    samples = [path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.xml"))]
    return samples, ["".join(_pages_until(samples, size)) for size in TAIL]


def _pages_until(samples: Sequence[str], size: int) -> list[str]:
    taken: list[str] = []
    length = 0
    while length < size:
        taken.append(samples[len(taken) % len(samples)])
        length += len(taken[-1])
    return taken


CONVERTERS: dict[str, Callable[[str], str]] = {
    "confluence_sync.markdown": lambda body: convert(body).markdown,
    "lxml, parse alone": lambda body: str(parse(body) is not None),
    "html-to-markdown (Rust)": lambda body: str(getattr(html_to_markdown.convert(body), "content", "")),
    "bs4 + markdownify": lambda body: str(markdownify(body)),
}
BASE = "bs4 + markdownify"


def seconds(work: Callable[[str], str], bodies: Sequence[str]) -> float:
    """CPU seconds for converting all bodies once."""
    start = time.process_time()
    for body in bodies:
        work(body)
    return time.process_time() - start


def measure(bodies: Sequence[str], rounds: int) -> dict[str, float]:
    """The best time of each converter over interleaved rounds."""
    best = dict.fromkeys(CONVERTERS, float("inf"))
    for _ in range(rounds):
        for name, work in CONVERTERS.items():
            best[name] = min(best[name], seconds(work, bodies))
    return best


def kept(work: Callable[[str], str], bodies: Sequence[str]) -> tuple[float, float]:
    """Shares of visible words and of code bodies that are in the output."""
    wanted_words = found_words = wanted_code = found_code = 0
    for body in bodies:
        markdown = work(body)
        root = parse(body)
        assert root is not None
        wanted = Counter(_WORD.findall(text_of(root, " ")))
        wanted_words += wanted.total()
        found_words += (wanted & Counter(_WORD.findall(markdown.replace("\\_", "_")))).total()
        codes = _CDATA.findall(body)
        wanted_code += len(codes)
        found_code += sum(code.strip("\n") in markdown for code in codes)
    return found_words / wanted_words, found_code / max(1, wanted_code)


def report(title: str, bodies: Sequence[str], rounds: int) -> None:
    """Print one table."""
    size = sum(map(len, bodies))
    middle = sorted(map(len, bodies))[len(bodies) // 2]
    print(f"\n{title}: {len(bodies)} pages, {size / 1e6:.2f} MB, median {middle / 1e3:.1f} kB")
    print(f"{'converter':26} {'docs/s':>8} {'MB/s':>7} {'× base':>7} {'words':>7} {'code':>7}")
    best = measure(bodies, rounds)
    for name, time_taken in sorted(best.items(), key=lambda pair: pair[1]):
        words, code = kept(CONVERTERS[name], bodies) if "parse" not in name else (0.0, 0.0)
        shares = f"{words:7.1%} {code:7.1%}" if words else f"{'–':>7} {'–':>7}"
        rate = f"{len(bodies) / time_taken:8.0f} {size / time_taken / 1e6:7.2f} {best[BASE] / time_taken:7.2f}"
        print(f"{name:26} {rate} {shares}")
    ours, rust = best["confluence_sync.markdown"], best["html-to-markdown (Rust)"]
    print(f"ours: {best[BASE] / ours:.1f} × bs4 + markdownify, {rust / ours:.2f} × html-to-markdown")


def linearity(body: str, rounds: int) -> None:
    """Print the time for 1, 2, 4 and 8 times the same page."""
    work = CONVERTERS["confluence_sync.markdown"]
    work(body)
    times = {}
    for factor in (1, 2, 4, 8):
        times[factor] = min(seconds(work, [body * factor]) for _ in range(rounds))
    print(f"\nLinear in size (page of {len(body) / 1e3:.0f} kB)")
    for factor, time_taken in times.items():
        print(f"{factor} ×: {time_taken * 1e3:8.1f} ms, {time_taken / times[1]:5.2f} times the first")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    samples, tail = pages()
    report("Pages", samples, rounds)
    report("Tail", tail, max(1, rounds // 2))
    report("All", [*samples, *tail], max(1, rounds // 2))
    linearity(tail[1], rounds)


if __name__ == "__main__":
    main()
