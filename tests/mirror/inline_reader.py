"""Files read without a process of their own, where a test needs hundreds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from confluence_mirror.model import FileText, Section


@dataclass
class InlineReader:
    """Reads text in this process, and notes what it has read."""

    read_names: list[str] = field(default_factory=list)
    languages: str = ""

    def has_text(self, filename: str, media_type: str) -> bool:
        return not filename.endswith(".zip")

    def manner(self, filename: str, media_type: str) -> str:
        return self.languages

    def read(self, path: Path, filename: str, media_type: str) -> FileText:
        self.read_names.append(filename)
        text = path.read_text(errors="replace")
        if text.startswith("locked"):
            return FileText(reason="it is encrypted", unreadable=True)
        return FileText(tuple(map(Section, text.split("\f"))))
