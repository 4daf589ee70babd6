"""One run of the job against a test gateway, into the null store; prints what it did as one line of JSON.

``python bench/night.py GATEWAY STATE [--concurrency 4] [--reconcile-hours 0] [--labels a,b]``, where GATEWAY is the
line that ``bench/gateway.py`` printed and STATE a folder for the manifest.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from contextlib import closing
from pathlib import Path

from null_store import NullStore

from confluence_sync.chunking import ChunkSettings, tokenizer
from confluence_sync.confluence.gateway import Gateway
from confluence_sync.confluence.pages import ConfluenceSource
from confluence_sync.mirror.documents import Recipe
from confluence_sync.mirror.plan import PlanSettings
from confluence_sync.mirror.run import Job, Run
from confluence_sync.mirror.scope import Wanted
from confluence_sync.mirror.stop import Stop
from confluence_sync.report import RunReport


def _cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gateway", type=json.loads)
    parser.add_argument("state", type=Path)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--reconcile-hours", type=int, default=0)
    parser.add_argument("--labels", type=lambda text: tuple(text.split(",")), default=())
    given = parser.parse_args()
    about, store, report = given.gateway, NullStore(), RunReport(site_id=given.gateway["cloud_id"])
    counter = tokenizer("cl100k_base")
    job = Job(
        site=about["cloud_id"],
        wanted=Wanted(labels=given.labels),
        collection="bench",
        state_url=f"sqlite:///{given.state / 'manifest.db'}",
        state_dir=given.state,
        recipe=lambda can: Recipe(about["cloud_id"], counter, ChunkSettings(1000, 180), exact=can.updates_metadata),
        plan=PlanSettings(reconcile_hours=given.reconcile_hours),
    )
    client = Gateway(about["url"], about["cloud_id"], about["user"], about["token"], concurrency=given.concurrency)
    began, used = time.perf_counter(), _cpu()
    with closing(client):
        Run(job, ConfluenceSource(client, concurrency=given.concurrency), store, report, Stop()).sync()
        traffic = client.stats.snapshot()
    seconds, cpu = time.perf_counter() - began, _cpu() - used
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_s": cpu,
                "pages": report.listed,
                "written": report.added + report.changed,
                "chunks": store.written,
                "requests": {f"{route} {status}": count for (route, status), count in traffic.requests.items()},
                "total": traffic.total,
                "bytes": traffic.bytes_received,
                "manifest_bytes": (given.state / "manifest.db").stat().st_size,
            }
        )
    )


if __name__ == "__main__":
    main()
