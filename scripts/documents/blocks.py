"""The shell blocks of a document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "docs/deploy.md",
    "docs/troubleshooting.md",
    "docs/upgrading.md",
    "scripts/documents/notes.md",
)
"""In this order; the last holds what users have in their own notes."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = ("bash", "sh", "shell", "console")


@dataclass(frozen=True)
class Block:
    """A fenced block of shell commands."""

    document: str
    text: str

    @property
    def first_line(self) -> str:
        """By which the tables know it."""
        return self.text.partition("\n")[0].partition("  #")[0].strip()


def shell_blocks(document: str) -> list[Block]:
    """In the order in which they stand."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return [Block(document, body) for kind, body in _FENCE.findall(text) if kind in _SHELL]
