"""Break each promise on purpose, on a copy of the program, and see which test notices.

    python -m scripts.sabotage [WORD …]        only the sabotages whose name has one of the words

Prints a row of Markdown for each and ends with 1 where one survives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.sabotage.breaks import SABOTAGES
from scripts.sabotage.sabotage import Sabotage

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("confluence_mirror")
AT_ONCE = 2


def copy_of_the_project(folder: Path) -> Path:
    """The files that tests need, without what was made."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(
        listed, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def attempt(sabotage: Sabotage) -> tuple[Sabotage, str, bool]:
    """The test that noticed (or what went wrong), and whether one did."""
    with tempfile.TemporaryDirectory(prefix="sabotage-") as name:
        folder = copy_of_the_project(Path(name))
        try:
            broken = sabotage.applied(folder / PACKAGE)
        except (OSError, ValueError) as stale:
            return sabotage, f"**{stale}**", False
        (folder / PACKAGE / sabotage.file).write_text(broken, encoding="utf-8")
        pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*pytest, "-m", "not crash", *sabotage.tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    caught = re.search(r"^(?:FAILED|ERROR) (\S+?)::(\w+)", done.stdout, re.MULTILINE)
    if caught:
        return sabotage, f"`{caught.group(2)}`", True
    if done.returncode == 0:
        return sabotage, "**nobody noticed**", False
    return sabotage, f"**pytest ended with {done.returncode}: {done.stdout[-500:]}**", False


def main() -> int:
    """Try those that are asked for."""
    words = sys.argv[1:]
    chosen = [each for each in SABOTAGES if not words or any(word in each.name for word in words)]
    survived = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for sabotage, told, caught in pool.map(attempt, chosen):
            survived += not caught
            print(f"| {sabotage.name} | {sabotage.promise} | {told} |", flush=True)
    print(f"{len(chosen)} sabotages, {survived} survived")
    return min(survived, 1)


if __name__ == "__main__":
    sys.exit(main())
