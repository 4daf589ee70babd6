"""The programs of ``docs/read.md``, by the names in the comments above them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "read.md"

_NAMED = re.compile(r"<!-- ([a-z-]+) -->\n```(python|sql|sh|json)\n(.*?)```", re.DOTALL)


def snippets() -> dict[str, tuple[str, str]]:
    """Name → language and text."""
    found = _NAMED.findall(DOCUMENT.read_text(encoding="utf-8"))
    return {name: (language, text) for name, language, text in found}
