"""How soon a person at a terminal sees that a run goes on, beside Python's own start."""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tables import Table, publish

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5


def seconds_to_first_output(*arguments: str) -> float:
    """From the start of a Python program in a terminal to the first character that it writes."""
    own, theirs = pty.openpty()
    with tempfile.TemporaryDirectory() as folder:
        environ = {"PATH": os.environ["PATH"], "HOME": folder, "TERM": "xterm"}
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.read(own, 1)
        took = time.monotonic() - began
        process.kill()
        process.wait()
    os.close(own)
    os.close(theirs)
    return took


def main() -> None:
    """Both in turn, so that what else the machine does slows both."""
    pairs = [
        (
            seconds_to_first_output("-c", "print('.')"),
            seconds_to_first_output(str(ROOT / "sync.py")),
        )
        for _ in range(ROUNDS)
    ]
    python, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
    publish(
        "first line",
        [
            Table(
                "first-line",
                "The first progress line",
                ("program", "first character, s", "× Python"),
                [
                    ("`python -c \"print('.')\"`", f"{python:.2f}", "1.0"),
                    ("**`sync.py`**", f"{ours:.2f}", f"{ours / python:.1f}"),
                ],
                f"In a terminal, from the start of the process; the median of {ROUNDS} rounds.",
                {"python_s": python, "ours_s": ours},
            )
        ],
    )


if __name__ == "__main__":
    main()
