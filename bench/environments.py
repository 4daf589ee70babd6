"""The peers' environments: one each, in the working directory, from the pins in ``bench/peers``."""

from __future__ import annotations

import hashlib
import subprocess
import venv
from pathlib import Path

PEERS = Path(__file__).parent / "peers"


def environment(peer: str) -> Path:
    """The Python of this peer's environment, which is made where it is missing or its pins have
    changed."""
    folder, pins = Path.cwd() / f".venv-bench-{peer}", PEERS / f"{peer}.txt"
    done = folder / f"{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}.done"
    python = folder / "bin" / "python"
    if not done.exists():
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(pins)], check=True)
        done.touch()
    return python
