"""Draw docs/run.svg: the demo's output, as a terminal would show it. ``python scripts/picture.py``;
with ``--check``: exit 1 where the picture is not that of a run of today.

What differs from run to run says nothing here: times, ports, folders, numbers of bytes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, ROWS = 112, 46
LINE_PX, CHAR_PX, MARGIN_PX = 18, 7.8, 16


PICTURE = ROOT / "docs" / "run.svg"
_CHANGES = (
    (r"(?m)^  (?:requests|time) .*\n", ""),
    (r"(at )\S*confluence-mirror-demo-\S+?/store", r"\1./data/store"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
    (r"(?m) · (?:\d+m\d\ds|[\d.]+s)$", ""),
)
"""Of a line, what is left out or fixed."""


def main() -> int:
    """Run the demo, and write the picture or compare it. Exit code."""
    text = subprocess.run(
        [sys.executable, str(ROOT / "sync.py"), "--demo"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    for pattern, replacement in _CHANGES:
        text = re.sub(pattern, replacement, text)
    drawn = svg(["$ make demo", *text.splitlines()][:ROWS])
    if "--check" not in sys.argv:
        PICTURE.write_text(drawn, encoding="utf-8")
    elif drawn != PICTURE.read_text(encoding="utf-8"):
        print(f"{PICTURE.relative_to(ROOT)} is not this run's: make picture", file=sys.stderr)
        return 1
    return 0


def svg(lines: list[str]) -> str:
    """A dark panel with the lines, headlines and last lines set off."""
    width, height = round(COLUMNS * CHAR_PX + 2 * MARGIN_PX), len(lines) * LINE_PX + 2 * MARGIN_PX
    rows = [
        f'<text x="{MARGIN_PX}" y="{MARGIN_PX + LINE_PX * (at + 0.75):.0f}"'
        f' fill="{colour(line)}">{shown(line)}</text>'
        for at, line in enumerate(lines)
        if line.strip()
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13"'
        ' xml:space="preserve">'
    )
    return "\n".join(
        [
            head,
            f'<rect width="{width}" height="{height}" rx="8" fill="#10151c"/>',
            *rows,
            "</svg>",
            "",
        ]
    )


def shown(line: str) -> str:
    """One line, cut to the panel."""
    return escape(line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…")


def colour(line: str) -> str:
    """Headlines, results and the rest."""
    if line.startswith(("==", "$")):
        return "#7cc4ff"
    return "#8fd18f" if line.startswith(("mirrored", "verified", "no drift")) else "#d5dbe3"


if __name__ == "__main__":
    sys.exit(main())
