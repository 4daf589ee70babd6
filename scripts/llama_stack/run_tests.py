"""Try the Llama Stack store on real servers: ``python scripts/llama_stack/run_tests.py 0.2.23
[0.7.3 1.5.0 …]``.

Makes what is missing in the working directory and reuses it: ``.venv-llama`` with this project and
the users' client, ``.venv-readers-llama`` with that client alone, and ``.venv-llama-<version>``
with each server. Needs Python 3.12 or 3.13, and says so where there is none. ``--install`` alone
runs no test. Arguments that are not versions go to pytest.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server import install, python_312

ROOT = Path(__file__).resolve().parents[2]
TESTS = [
    "tests/llama",
    "tests/stores/test_contract.py",
    "tests/stores/test_contract_search.py",
    "tests/check/test_check_real.py",
]


def project(venv: Path) -> Path:
    """An environment with this project; its Python."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([python_312(), "-m", "venv", str(venv)], check=True)
    wanted = f"{ROOT}[llama,test,postgres]"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-e", wanted], check=True)
    return python


def reader(venv: Path) -> Path:
    """An environment with the users' client and nothing of ours, for the programs of
    ``docs/read.md``."""
    pins = ROOT / "scripts" / "readers" / "llama.txt"
    done = venv / f"{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}.done"
    if not done.exists():
        subprocess.run([python_312(), "-m", "venv", "--clear", str(venv)], check=True)
        pip = [
            str(venv / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "-r", str(pins)], check=True)
        done.touch()
    return venv


def main() -> None:
    """Install what is missing, all at once, and run the tests."""
    versions = [each for each in sys.argv[1:] if re.fullmatch(r"\d+\.\d+\.\d+", each)] or ["0.2.23"]
    more = [each for each in sys.argv[1:] if each not in versions]
    venvs = {version: Path.cwd() / f".venv-llama-{version}" for version in versions}
    python_312()
    with ThreadPoolExecutor() as pool:
        made = pool.submit(project, Path.cwd() / ".venv-llama")
        read = pool.submit(reader, Path.cwd() / ".venv-readers-llama")
        list(pool.map(install, venvs.values(), venvs))
        python, readers = made.result(), f"llama={read.result()}"
    if "--install" in more:
        return
    servers = " ".join(f"{version}={venv}" for version, venv in venvs.items())
    chosen = ["-n", "2", "-k", "real or wire", *TESTS, *more]
    done = subprocess.run(
        [str(python), "-m", "pytest", "-rs", *chosen],
        cwd=ROOT,
        env={**os.environ, "LLAMA_STACK_SERVERS": servers, "READERS": readers},
        check=False,
    )
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
