"""The test gateway with a generated site, its bodies made beforehand, so that it costs little while
others are timed.

Prints where it is as one line of JSON and runs until it is terminated.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from confluence_sandbox import SampleGateway
from confluence_sandbox.generated import generated_site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--median", type=int, default=3_000, help="characters of a body")
    parser.add_argument("--largest", type=int, default=500_000)
    parser.add_argument(
        "--bodies", choices=("kept", "made"), default="kept", help="made: again for each answer"
    )
    parser.add_argument("--unlabelled", action="store_true", help="no page has a label")
    parser.add_argument("--legacy", action="store_true", help="serve the removed v1 routes")
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    site = generated_site(given.pages, median=given.median, largest=given.largest)
    for content in site.content.values():
        for row in filter(None, (content, site.index.row(content.id))):
            row.source = row.body if given.bodies == "kept" else row.source
            row.labels = () if given.unlabelled else row.labels
    with SampleGateway(site, legacy=given.legacy) as gateway:
        names = ("url", "cloud_id", "user", "token", "site_url")
        print(json.dumps({name: getattr(gateway, name) for name in names}), flush=True)
        stop.wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
