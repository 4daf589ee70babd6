"""What every bench prints and keeps: tables of ratios and counts, in ``bench/results.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Table:
    """One table. ``name`` is its place in ``docs/performance.md``."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]
    """Cells as they are printed: a number that means something is formatted by who knows what it
    means."""
    note: str = ""
    """One sentence below it: what the unit is, what was held equal."""
    data: dict[str, Any] = field(default_factory=dict)
    """The numbers behind the cells, for plots and for whoever compares two runs."""


def markdown(table: Table) -> str:
    """The table as Markdown, with its note."""
    lines = [
        " | ".join(map(str, row))
        for row in (table.columns, ["---"] * len(table.columns), *table.rows)
    ]
    return "\n".join(f"| {line} |" for line in lines) + (f"\n\n{table.note}" if table.note else "")


def publish(part: str, tables: Iterable[Table], packages: Sequence[str] = ()) -> None:
    """Print the tables and put them in the results, in the place of this part's earlier ones.

    ``packages``: names of distributions in this environment whose versions belong to the figures.
    """
    tables = list(tables)
    for table in tables:
        print(f"\n{table.title}\n\n{markdown(table)}", flush=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[part] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {name: metadata.version(name) for name in packages},
        "tables": [asdict(table) for table in tables],
    }
    RESULTS.write_text(
        json.dumps(dict(sorted(results.items())), indent=1, ensure_ascii=False) + "\n"
    )


def machine() -> str:
    """Its size, in words: ratios hold elsewhere, the number of cores matters."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, {gigabytes:.0f} GB, Python {platform.python_version()},"
        f" {platform.machine()}"
    )
