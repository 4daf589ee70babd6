"""A first load: pages per second, requests, bytes, memory and CPU, beside the two loaders that
people use instead.

``python bench/full_load.py [--pages 5000] [--peer-pages 500] [--latencies 0 50 200] [--concurrency
4] [--rounds 2]``

All ask the same test gateway, which serves the removed v1 routes to the peers, and answers each
request after so many milliseconds. Ours ends in a null store, without an index of words, theirs in
lists of chunks; all cut at 1,000 tokens with an overlap of 180. The limit is the larger of two
times: that of the very requests of our run, sent by a bare client over as many connections, and
that of converting and cutting the same pages with nothing else, spread over the cores.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import lzma
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from environments import PEERS, environment
from measured import HERE, Measured, Site, run, site
from tables import Table, publish

VOCABULARY = HERE.parent / "confluence_mirror" / "data" / "cl100k_base.tiktoken.xz"
VOCABULARY_IN_CACHE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""Where tiktoken looks for cl100k_base: the SHA-1 of the address that it would download it from."""
NAMES = {
    "langchain": "LangChain `ConfluenceLoader`, `RecursiveCharacterTextSplitter`",
    "llamaindex": "LlamaIndex `ConfluenceReader`, `SentenceSplitter`",
}


@dataclass(frozen=True)
class Load:
    """What one load cost."""

    pages: int
    seconds: float
    cpu_s: float
    peak_mb: float
    requests: int
    megabytes: float
    gateway_cpu_s: float

    @property
    def rate(self) -> float:
        """Pages a second."""
        return self.pages / self.seconds


def load(gateway: Site, measure: Any) -> Load:
    """Run one, and count at the gateway what it asked."""
    before, used = len(gateway.control("log")), gateway.cpu_s()
    cost: Measured = measure()
    used = gateway.cpu_s() - used
    entries = gateway.control("log")[before:]
    out = cost.output
    megabytes = sum(entry["sent"] for entry in entries) / 1e6
    return Load(
        out["pages"], out["seconds"], out["cpu_s"], cost.peak_mb, len(entries), megabytes, used
    )


def ours(gateway: Site, concurrency: int) -> Load:
    """A first run of the job, into the null store, without an index of words, which no peer has."""
    with tempfile.TemporaryDirectory() as state:
        night: list[str | Path] = [
            sys.executable,
            HERE / "night.py",
            json.dumps(gateway.about),
            state,
            "--concurrency",
            str(concurrency),
            "--no-text-index",
            "--loaded",
        ]
        return load(gateway, lambda: run(night))


def peer(name: str, gateway: Site, pages: int, cache: str) -> Load:
    """A load by another, in its own environment."""
    command = [
        environment(name),
        "-W",
        "ignore",
        PEERS / f"{name}_load.py",
        json.dumps(gateway.about),
        str(pages),
    ]
    return load(
        gateway, lambda: run(command, {"TIKTOKEN_CACHE_DIR": cache} if name == "langchain" else {})
    )


def requests_alone(gateway: Site, entries: Sequence[Mapping[str, Any]], concurrency: int) -> float:
    """Seconds that these requests take over so many connections, their answers read and thrown
    away."""
    about = gateway.about
    credential = base64.b64encode(f"{about['user']}:{about['token']}".encode()).decode()
    headers = {"Authorization": f"Basic {credential}"}
    paths = [
        f"/ex/confluence/{about['cloud_id']}{each['path']}?{urlencode(each['query'], doseq=True)}"
        for each in entries
    ]

    def ask(mine: Sequence[str]) -> None:
        connection = http.client.HTTPConnection(urlsplit(about["url"]).netloc)
        for path in mine:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, (answer.status, path)

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(ask, [paths[start::concurrency] for start in range(concurrency)]))
    return time.perf_counter() - began


def rows(loads: Mapping[str, Load], limit_s: float) -> list[list[str]]:
    """Cells, in the order of speed."""
    best_peer = max(
        (each.rate for name, each in loads.items() if name != "ours"), default=loads["ours"].rate
    )
    made = []
    for name, each in loads.items():
        made.append(
            [
                NAMES.get(name, "**confluence-mirror**"),
                f"{each.rate / best_peer:.1f}",
                f"{each.requests / each.pages:.3f}",
                f"{each.megabytes / each.pages * 1000:.1f}",
                f"{each.cpu_s / each.pages / (loads['ours'].cpu_s / loads['ours'].pages):.1f}",
                f"{each.peak_mb:.0f}",
                f"{each.seconds / limit_s:.2f}" if name == "ours" else "",
            ]
        )
    return made


COLUMNS = (
    "load",
    "pages per second, × best peer",
    "requests per page",
    "kB per page",
    "CPU per page, × ours",
    "peak MB",
    "time, × limit",
)


def beside(
    gateway: Site, milliseconds: int, given: argparse.Namespace, convert_s: float, cache: str
) -> Table:
    """All loads at one latency."""
    gateway.latency(milliseconds)
    cores, limits, mine = len(os.sched_getaffinity(0)), [], []
    for _ in range(given.rounds):
        before = len(gateway.control("log"))
        mine.append(ours(gateway, given.concurrency))
        limits.append(requests_alone(gateway, gateway.control("log")[before:], given.concurrency))
    loads = {"ours": min(mine, key=lambda each: each.seconds)}
    limit = max(min(limits), convert_s / cores)
    loads |= {name: peer(name, gateway, given.peer_pages, cache) for name in given.peers}
    best = loads["ours"]
    busy = [used / cores / best.seconds for used in (best.cpu_s, best.gateway_cpu_s)]
    slower = (
        "the requests alone"
        if min(limits) > convert_s / cores
        else "converting and cutting on all cores"
    )
    note = (
        f"{given.pages:,} pages by us (`CONCURRENCY={given.concurrency}`), {given.peer_pages} by"
        f" each peer. The limit is {slower}; of it the requests alone would take"
        f" {min(limits) / limit:.2f}, converting and cutting {convert_s / cores / limit:.2f}. While"
        f" ours ran, it kept {busy[0]:.0%} of the cores busy, and the gateway on the same machine"
        f" {busy[1]:.0%}."
    )
    data = {
        "loads": {name: {**vars(each), "rate": each.rate} for name, each in loads.items()},
        "limit_s": limit,
        "requests_s": min(limits),
        "convert_cpu_s": convert_s,
        "cores": cores,
    }
    title = f"Full load, {milliseconds} ms a request"
    return Table(f"full-load-{milliseconds}", title, COLUMNS, rows(loads, limit), note, data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--peer-pages", type=int, default=500)
    parser.add_argument("--peers", nargs="*", default=list(NAMES))
    parser.add_argument(
        "--latencies", type=int, nargs="+", default=[0, 50, 200], help="milliseconds"
    )
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    alone = run(
        [sys.executable, HERE / "convert_alone.py", str(given.pages), str(given.rounds)]
    ).output["cpu_s"]
    with (
        site("--pages", str(given.pages), "--legacy") as gateway,
        tempfile.TemporaryDirectory() as cache,
    ):
        Path(cache, VOCABULARY_IN_CACHE).write_bytes(lzma.decompress(VOCABULARY.read_bytes()))
        tables = [
            beside(gateway, milliseconds, given, alone, cache) for milliseconds in given.latencies
        ]
    publish("full load", tables)


if __name__ == "__main__":
    main()
