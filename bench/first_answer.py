"""How long the first answer of ``sync.py query`` takes, beside what it is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import measured
from tables import Table

ROUNDS = 5
_SYNC = Path(__file__).resolve().parents[1] / "sync.py"
_QUESTION = "Which limit does the schema registry have?"
_MODEL = (
    "from confluence_mirror.embedding import local_embedder as load; load().embed_question('a')"
)
_PARTS = {
    "the start of the process": "from confluence_mirror.cli import commands",
    "the start, and the model with one question": f"from confluence_mirror.cli import commands;"
    f" {_MODEL}",
    "`import chromadb`": "import chromadb",
}


def first_answers(environ: Mapping[str, str]) -> Table:
    """Of the embedded mirror that these settings describe."""
    commands = {
        part: [sys.executable, "-c", f"{statement}; print('{{}}')"]
        for part, statement in _PARTS.items()
    }
    commands["`sync.py query`, the whole process"] = [
        *(sys.executable, str(_SYNC)),
        *("query", _QUESTION, "--json"),
    ]
    spent: dict[str, list[measured.Measured]] = {part: [] for part in commands}
    for _ in range(ROUNDS):
        for part, command in commands.items():
            spent[part].append(measured.run(command, environ))
    return _table(spent)


def _table(spent: Mapping[str, Sequence[measured.Measured]]) -> Table:
    """Each part as it was in the middle, and as a part of importing chromadb in the same run."""
    seconds = {part: median(each.seconds for each in found) for part, found in spent.items()}
    cpu = {part: median(each.cpu_s for each in found) for part, found in spent.items()}
    unit = cpu["`import chromadb`"]
    rows = [
        [part, f"{seconds[part]:.2f}", f"{cpu[part]:.2f}", f"{cpu[part] / unit:.2f}"]
        for part in spent
    ]
    return Table(
        "search-first",
        "The first answer, embedded",
        ["process", "seconds", "CPU seconds", "CPU, in imports of chromadb"],
        rows,
        f"Each the middle of {ROUNDS}. The goal is that the query takes no more than a second"
        " longer than its start and the model; while it was measured,"
        f" {os.getloadavg()[1]:.1f} programs wanted the machine's {len(os.sched_getaffinity(0))}"
        " cores.",
        {"seconds": seconds, "cpu_s": cpu},
    )
