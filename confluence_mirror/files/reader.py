"""Which files are read here, and with what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from confluence_mirror.model import FileText

from .kinds import kind_of
from .ocr import has_ocr
from .process import read_file


class FileReader:
    """Reads files as this machine can."""

    def __init__(self, languages: str, check: Callable[[], None] = lambda: None) -> None:
        """``languages`` and ``check`` as in ``read_file``."""
        self._languages = languages
        self._check = check
        self._has_ocr = has_ocr()

    def has_text(self, filename: str, media_type: str) -> bool:
        """Whether it is worth while to fetch a file of this name and type."""
        kind = kind_of(filename, media_type)
        return kind is not None and (kind != "image" or self._has_ocr)

    def manner(self, filename: str, media_type: str) -> str:
        """What a file's text depends on beside the file: where it changes, the file is read
        again."""
        pictured = kind_of(filename, media_type) in ("image", "pdf")
        return self._languages if pictured and self._has_ocr else ""

    def read(self, path: Path, filename: str, media_type: str) -> FileText:
        """See ``read_file``."""
        return read_file(
            path,
            filename=filename,
            media_type=media_type,
            languages=self._languages,
            check=self._check,
        )
