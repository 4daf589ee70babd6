"""One run of the job against a test gateway, into the null store; prints what it did as one line of
JSON.

``python bench/night.py GATEWAY STATE [--concurrency 4] [--reconcile-hours 0] [--no-labels]``, where
GATEWAY is the line that ``bench/gateway.py`` printed and STATE a folder for the manifest.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from null_store import NullStore

from confluence_mirror.chunking import ChunkSettings, load_tokenizer
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.embedding import ServerEmbedder, ServerOptions
from confluence_mirror.mirror.documents import RecipeSpec
from confluence_mirror.mirror.run import Run
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.runs.report import RunReport
from confluence_mirror.stores.base import ChunkEmbedder, Store


def night(
    about: Mapping[str, str],
    store: Store,
    state: Path,
    plan: PlanSettings,
    *,
    text_index: bool = True,
    embedder: ChunkEmbedder | None = None,
    loaded: bool = False,
) -> dict[str, Any]:
    """Run, and say what it cost: seconds, CPU seconds (children that have ended included),
    requests, pages. ``loaded``: without loading the vocabulary."""
    counter, report = load_tokenizer("cl100k_base"), RunReport(site_id=about["cloud_id"])
    if loaded:
        counter.count_tokens("")
    sizes = ChunkSettings(1000, 180)
    job = MirrorSpec(
        site=about["cloud_id"],
        wanted=ScopeSpec(),
        collection="night",
        state_url=f"sqlite:///{state / 'manifest.db'}",
        state_dir=state,
        recipe=RecipeSpec(about["cloud_id"], counter, sizes, sizes, text_index=text_index),
        plan=plan,
        embedder=embedder,
    )
    client = Gateway(
        about["url"], about["cloud_id"], about["user"], about["token"], concurrency=plan.concurrency
    )
    began, used = time.perf_counter(), sum(os.times()[:4])
    with closing(client):
        Run(
            job, ConfluenceSource(client, concurrency=plan.concurrency), store, report.hear, Stop()
        ).sync()
        traffic = client.stats.snapshot()
    return {
        "seconds": time.perf_counter() - began,
        "ended": time.time(),
        "cpu_s": sum(os.times()[:4]) - used,
        "pages": report.listed,
        "written": report.added + report.changed,
        "chunks": report.chunks["sent"],
        "requests": {
            f"{route} {status}": count for (route, status), count in traffic.requests.items()
        },
        "bytes": traffic.bytes_received,
        "manifest_bytes": (state / "manifest.db").stat().st_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gateway", type=json.loads)
    parser.add_argument("state", type=Path)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--reconcile-hours", type=int, default=0)
    parser.add_argument(
        "--no-labels", dest="labels", action="store_false", help="as with LABEL_METADATA=false"
    )
    parser.add_argument(
        "--no-text-index", dest="text_index", action="store_false", help="as with TEXT_INDEX=false"
    )
    parser.add_argument("--embedder", default="", help="address of a server that embeds")
    parser.add_argument("--texts", type=int, default=64, help="per request to it")
    parser.add_argument("--in-flight", type=int, default=4, help="requests to it")
    parser.add_argument(
        "--loaded", action="store_true", help="the vocabulary is there before the clock runs"
    )
    given = parser.parse_args()
    plan = PlanSettings(
        reconcile_hours=given.reconcile_hours, concurrency=given.concurrency, labels=given.labels
    )
    options = ServerOptions(concurrency=given.in_flight, batch=given.texts)
    embedder = ServerEmbedder(given.embedder, "bench", options) if given.embedder else None
    done = night(
        given.gateway,
        NullStore(),
        given.state,
        plan,
        text_index=given.text_index,
        embedder=embedder,
        loaded=given.loaded,
    )
    print(json.dumps(done))


if __name__ == "__main__":
    main()
