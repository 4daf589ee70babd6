"""The Python environment of a checkout: its programs work in a shell that has not entered
``.venv``.

Standard library alone, and nothing newer than Python 3.9, so that it can say what is missing.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from confluence_mirror.errors import WrongSettings

OLDEST = (3, 11)
_PACKAGES = ("requests", "bs4", "lxml", "markdownify", "tenacity", "tiktoken", "dotenv")
"""The dependencies of ``pyproject.toml``, as they are imported."""
_CHECKOUT = Path(__file__).resolve().parents[2]


def enter() -> None:
    """Where this Python is too old or lacks our packages, go on with that of ``.venv``, as the same
    process. Raises ``WrongSettings`` where there is none."""
    lacking = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    too_old = sys.version_info < OLDEST
    if not (lacking or too_old):
        return
    own = _CHECKOUT / ".venv"
    python = own / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != own.resolve():
        options = getattr(sys, "orig_argv", ["", *sys.argv])[1:]
        sys.stdout.flush()
        os.execv(python, [str(python), *options])  # noqa: S606
    if too_old:
        version = ".".join(map(str, sys.version_info[:3]))
        raise WrongSettings(
            f"This program needs Python 3.11 or later; this is {version}.",
            hint="Start it with a newer one, or let make PYTHON=python3.12 demo make its .venv.",
        )
    raise WrongSettings(
        f"Packages that this program needs are not installed: {', '.join(lacking)}.",
        hint=(
            "In its checkout: pip install -r requirements.txt, or make demo, whose .venv is used"
            " from then on."
        ),
    )
