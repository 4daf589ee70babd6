"""Growth and the quiet night: what a load, and a night on which nothing or little changed, cost as
a site grows.

``python bench/growth.py [--pages 1000 10000 100000] [--part NAME]``. Bodies are small and made when
they are asked for, so that what is left is the bookkeeping: listing, comparing and recording.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import measured
from tables import Table, publish

SIZES = (1_000, 10_000, 100_000)
CHANGED = 100
SMALL = 20_000
"""Nights on sites up to this size are over in a moment: they are measured several times, and the
best counts."""
QUIET, NOT_DUE = "nothing changed", "nothing changed, no reconcile due"
NO_LABELS = "nothing changed, without label metadata"
SEARCH = "GET /wiki/rest/api/content/search"
"""The route of the index: labels in bulk, and what changed in the window."""


@dataclass(frozen=True)
class Grown:
    """The runs on one size of site."""

    pages: int
    load: measured.Measured
    nights: Mapping[str, measured.Measured]


def grown(pages: int) -> Grown:
    """A full load, then nights on its manifest."""
    # Without labels, so that leaving them out changes no page; they are asked for all the same.
    small = ["--median", "300", "--largest", "2000", "--bodies", "made", "--unlabelled"]
    with (
        tempfile.TemporaryDirectory() as state,
        measured.site("--pages", str(pages), *small) as site,
    ):

        def night(*options: str, rounds: int = 1) -> measured.Measured:
            command = [
                sys.executable,
                measured.HERE / "night.py",
                json.dumps(site.about),
                state,
                *options,
            ]
            return min(
                (measured.run(command) for _ in range(rounds)),
                key=lambda each: float(each.output["cpu_s"]),
            )

        rounds = 3 if pages <= SMALL else 1
        load = night()
        nights = {
            QUIET: night(rounds=rounds),
            NO_LABELS: night("--no-labels", rounds=rounds),
            NOT_DUE: night("--reconcile-hours", "168", rounds=rounds),
        }
        ids = [page["id"] for page in site.control("pages")]
        edit(site, ids, "first")
        nights[f"{CHANGED} changed"] = night()
        edit(site, ids, "second")
        nights[f"{CHANGED} changed, no reconcile due"] = night("--reconcile-hours", "168")
    return Grown(pages, load, nights)


def edit(site: measured.Site, ids: Sequence[str], word: str) -> None:
    """Give some pages, spread over the site, another body."""
    for page_id in ids[:: len(ids) // CHANGED][:CHANGED]:
        site.control("edit", id=page_id, body=f"<p>What was found out at the {word} look.</p>")


def asked(night: measured.Measured) -> tuple[int, int]:
    """Requests of a run: to the index, and all others."""
    counts: Mapping[str, int] = night.output["requests"]
    index = sum(count for route, count in counts.items() if route.startswith(SEARCH))
    return index, sum(counts.values()) - index


def goal(pages: int, name: str) -> int:
    """The most requests that a night should need: a page of versions a 250, one of labels a 200,
    and twenty more."""
    if name == NOT_DUE:
        return 10
    return pages // 250 + 20 if name == NO_LABELS else pages // 250 + pages // 200 + 20


def night_rows(all_sizes: Sequence[Grown]) -> list[list[str]]:
    rows = []
    for each in all_sizes:
        unit = each.load.output["cpu_s"]
        for name, night in each.nights.items():
            index, others = asked(night)
            cells = [f"{night.output['cpu_s'] / unit:.3f}", f"{night.peak_mb:.0f}"]
            rows.append(
                [
                    f"{each.pages:,}",
                    name,
                    f"{others:,}",
                    f"{index:,}",
                    f"{goal(each.pages, name):,}",
                    *cells,
                ]
            )
    return rows


def load_rows(all_sizes: Sequence[Grown]) -> list[list[str]]:
    first = all_sizes[0]
    rows = []
    for each in all_sizes:

        def share(took: float, unit: float, pages: int = each.pages) -> str:
            return f"{took / pages / (unit / first.pages):.2f}"

        quiet, unit = each.nights[QUIET], first.nights[QUIET]
        rows.append(
            [
                f"{each.pages:,}",
                share(each.load.output["seconds"], first.load.output["seconds"]),
                share(each.load.output["cpu_s"], first.load.output["cpu_s"]),
                share(quiet.output["seconds"], unit.output["seconds"]),
                share(quiet.output["cpu_s"], unit.output["cpu_s"]),
                f"{each.load.peak_mb:.0f}",
                f"{quiet.peak_mb:.0f}",
                f"{each.load.output['manifest_bytes'] / each.load.output['chunks']:.0f}",
            ]
        )
    return rows


def tables(part: str, all_sizes: Sequence[Grown]) -> list[Table]:
    data = {
        str(each.pages): {
            name: {**run.output, "peak_mb": run.peak_mb}
            for name, run in {"load": each.load, **each.nights}.items()
        }
        for each in all_sizes
    }
    return [
        Table(
            f"{part}-night",
            "The quiet night",
            (
                "pages",
                "night",
                "requests",
                "of the index",
                "goal, both",
                "CPU, × full load",
                "peak MB",
            ),
            night_rows(all_sizes),
            "Requests for existence and versions (250 pages each) and everything else except"
            " searches; then searches of the index: labels (200 pages each) and the window. CPU in"
            " units of the same site's full load. Peak: of the whole process, Python and its"
            " libraries included.",
            data,
        ),
        Table(
            f"{part}-cost",
            "Growth",
            (
                "pages",
                "load: time per page",
                "CPU per page",
                "plan: time per page",
                "CPU per page",
                "load: peak MB",
                "plan: peak MB",
                "manifest bytes per chunk",
            ),
            load_rows(all_sizes),
            "A full load of small pages, and the plan of a night without changes (listing, labels,"
            f" comparison). Times per page in units of those at {all_sizes[0].pages:,} pages: the"
            " goal is flat or falling.",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, nargs="+", default=SIZES)
    parser.add_argument("--part", default="growth", help="where the tables stand in the results")
    given = parser.parse_args()
    publish(given.part, tables(given.part, [grown(pages) for pages in given.pages]))


if __name__ == "__main__":
    main()
