"""What converting costs, beside the lxml parse, bs4 + markdownify (what both peers' readers do) and
html-to-markdown.

``python bench/convert.py [--rounds N]``. All on the same bodies in one process, in an environment
of its own (``peers/converters.txt``): CPU seconds, the best of interleaved rounds, so that a busy
machine disturbs all alike. The pages are those of ``bench/samples`` and a tail to 500 kB made of
them. Beside speed it says what was kept: words that a reader sees, and code bodies that stand
verbatim.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from environments import environment
from markdownify import markdownify
from tables import Table, publish

from confluence_mirror.markdown import convert
from confluence_mirror.markdown.source import parse_storage
from confluence_mirror.markdown.walk import text_of

SAMPLES = Path(__file__).parent / "samples"
TAIL = (40_000, 90_000, 200_000, 500_000)
OURS, PARSE, BASE, RUST = (
    "confluence-mirror",
    "lxml, parse alone",
    "bs4 + markdownify",
    "html-to-markdown (Rust)",
)
_WORD = re.compile(r"\w+")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
Converter = Callable[[str], str]


def samples() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.xml"))]


def long_ones(pages: Sequence[str]) -> list[str]:
    """Pages of at least these sizes, put together from the others."""
    return ["".join(_until(pages, size)) for size in TAIL]


def _until(pages: Sequence[str], size: int) -> list[str]:
    taken: list[str] = []
    length = 0
    while length < size:
        taken.append(pages[len(taken) % len(pages)])
        length += len(taken[-1])
    return taken


def converters() -> dict[str, Converter]:
    import html_to_markdown

    return {
        OURS: lambda body: convert(body).markdown,
        PARSE: lambda body: str(parse_storage(body) is not None),
        RUST: lambda body: str(getattr(html_to_markdown.convert(body), "content", "")),
        BASE: lambda body: str(markdownify(body)),
    }


def seconds(work: Converter, bodies: Sequence[str]) -> float:
    """CPU seconds for converting all bodies once."""
    start = time.process_time()
    for body in bodies:
        work(body)
    return time.process_time() - start


def measure(by: Mapping[str, Converter], bodies: Sequence[str], rounds: int) -> dict[str, float]:
    """The best time of each converter over interleaved rounds."""
    best = dict.fromkeys(by, float("inf"))
    for _ in range(rounds):
        for name, work in by.items():
            best[name] = min(best[name], seconds(work, bodies))
    return best


def kept(work: Converter, bodies: Sequence[str]) -> tuple[float, float]:
    """Shares of visible words and of code bodies that are in the output."""
    wanted_words = found_words = wanted_code = found_code = 0
    for body in bodies:
        markdown = work(body)
        root = parse_storage(body)
        assert root is not None
        wanted = Counter(_WORD.findall(text_of(root, " ")))
        wanted_words += wanted.total()
        found_words += (wanted & Counter(_WORD.findall(markdown.replace("\\_", "_")))).total()
        codes = _CDATA.findall(body)
        wanted_code += len(codes)
        found_code += sum(code.strip("\n") in markdown for code in codes)
    return found_words / wanted_words, found_code / max(1, wanted_code)


def speed(
    by: Mapping[str, Converter], pages: Sequence[str], tail: Sequence[str], rounds: int
) -> Table:
    """Documents (or bytes, which is the same on the same bodies) a second, as ratios."""
    usual, large = measure(by, pages, rounds), measure(by, tail, max(1, rounds // 2))
    rows, data = [], {}
    for name in sorted(by, key=lambda name: usual[name]):
        rates = [best[unit] / best[name] for best in (usual, large) for unit in (PARSE, BASE)]
        shares = None if name == PARSE else kept(by[name], [*pages, *tail])
        rows.append(
            [name, *(f"{rate:.2f}" for rate in rates), *(f"{share:.1%}" for share in shares or ())]
        )
        rows[-1] += ["–"] * (7 - len(rows[-1]))
        data[name] = {"rates": rates, "kept": shares}
    columns = [
        "converter",
        "pages (parse: 1)",
        f"pages ({BASE}: 1)",
        "long pages (parse: 1)",
        f"long pages ({BASE}: 1)",
    ]
    middle = sorted(map(len, pages))[len(pages) // 2]
    note = (
        f"Documents per second, and so MB per second, as ratios: {len(pages)} pages, median"
        f" {middle / 1e3:.1f} kB, and {len(tail)} of {TAIL[0] // 1000} to {TAIL[-1] // 1000} kB."
        f" CPU seconds, best of {rounds} interleaved rounds. Kept: words that a reader sees, and"
        " code bodies that stand verbatim."
    )
    return Table(
        "conversion", "Conversion alone", [*columns, "words kept", "code kept"], rows, note, data
    )


def growth(work: Converter, body: str, rounds: int) -> Table:
    """The time for 1, 2, 4 and 8 times the same page."""
    times = {
        factor: min(seconds(work, [body * factor]) for _ in range(rounds))
        for factor in (1, 2, 4, 8)
    }
    data = {str(factor): taken / times[1] for factor, taken in times.items()}
    rows = [
        [f"{factor} × {len(body) / 1e3:.0f} kB", f"{data[str(factor)]:.2f}"] for factor in times
    ]
    note = "CPU time of converting one page, in units of the first."
    return Table(
        "conversion-growth", "Conversion of ever larger pages", ("page", "time"), rows, note, data
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    if (
        find_spec("html_to_markdown") is None
    ):  # then this is not yet the environment that has all of them
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        raise SystemExit(
            subprocess.run([environment("converters"), *sys.argv], env=environ).returncode
        )
    by, pages = converters(), samples()
    tail = long_ones(pages)
    tables = [speed(by, pages, tail, rounds), growth(by[OURS], tail[1], rounds)]
    publish("conversion", tables, ["lxml", "markdownify", "beautifulsoup4", "html-to-markdown"])


if __name__ == "__main__":
    main()
