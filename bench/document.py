"""Put the last results into the documents: each table between its two marks, and the days and the
machine.

``python bench/document.py [FILE …]``; by default every document under ``docs`` that has marks. A
place is ``<!-- bench: NAME -->`` to ``<!-- end -->``, where NAME is a table's, or ``about``: when
and where what was measured.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tables import RESULTS, Table, markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"
PLACE = re.compile(r"(<!-- bench: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def about(results: Mapping[str, Mapping[str, Any]]) -> str:
    """When and where each part was measured, and with which versions."""
    lines = []
    for part, found in results.items():
        versions = "".join(f", {name} {version}" for name, version in found["versions"].items())
        lines.append(f"- {part}: {found['date']}, {found['machine']}{versions}")
    return "\n".join(lines)


def filled(text: str, places: Mapping[str, str]) -> str:
    """The document with what belongs into its places. ``KeyError`` for a place that no bench
    fills."""
    return PLACE.sub(lambda found: f"{found[1]}{places[found[2]]}\n{found[3]}", text)


def main() -> None:
    results = json.loads(RESULTS.read_text())
    tables = (Table(**table) for found in results.values() for table in found["tables"])
    places = {"about": about(results), **{table.name: markdown(table) for table in tables}}
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(DOCS.glob("*.md")):
        before = path.read_text()
        try:
            after = filled(before, places)
        except KeyError as missing:
            sys.exit(f"{path}: no results for {missing}. Run its bench first: see the Makefile.")
        if after != before:
            path.write_text(after)
            print(f"{path.name}: brought up to date")


if __name__ == "__main__":
    main()
