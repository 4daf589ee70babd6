"""The CPU time in which a quiet night starts: importing what it needs, beside importing requests
and tiktoken.

``python bench/start_up.py [--rounds 15]``. Both are interpreters of their own, in turn; of each the
least time counts, since anything else that runs can only add to it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from measured import HERE
from tables import Table, publish

NIGHT = (
    "confluence_mirror.cli.commands, confluence_mirror.cli.execution,"
    " confluence_mirror.runs.engine, confluence_mirror.mirror.run,"
    " confluence_mirror.stores.vector_api.store"
)
"""What ``sync.py`` imports in a quiet night over a Vector API."""
BESIDE = "requests, tiktoken"
GOAL = 1.5


def cpu_s(modules: str) -> float:
    """CPU seconds of an interpreter that imports these and ends."""
    process = subprocess.Popen([sys.executable, "-c", f"import {modules}"], cwd=HERE.parent)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, modules
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    both = [(cpu_s(NIGHT), cpu_s(BESIDE)) for _ in range(given.rounds)]
    night, beside = (min(each) for each in zip(*both, strict=True))
    columns = ("what is imported", "CPU, × requests and tiktoken", "goal")
    rows = [
        ["what a quiet night needs", f"{night / beside:.1f}", f"{GOAL}"],
        ["requests and tiktoken", "1.0", ""],
    ]
    note = f"The least of {given.rounds} interpreters each; their own start is in both."
    data = {"night_s": night, "beside_s": beside}
    publish("start-up", [Table("start-up", "Start of a quiet night", columns, rows, note, data)])


if __name__ == "__main__":
    main()
