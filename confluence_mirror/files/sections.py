"""What is read out of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FILES_REVISION: Final = 1
"""Raised whenever the text of any file may change: part of each file's fingerprint."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a file that can be pointed at: a page, a slide, a sheet, or all of it."""

    text: str
    """Markdown."""
    page_number: int | None = None
    """Of the PDF's page or the slide, from 1 on."""
    sheet: str | None = None
    """The name of the sheet."""


@dataclass(frozen=True, slots=True)
class FileText:
    """A file's sections, or why there are none."""

    sections: tuple[Section, ...] = ()
    reason: str = ""
    """One line; empty where there are sections."""
    unreadable: bool = False
    """The file should have had text: it is damaged, encrypted, empty or too much. Else nothing is
    wrong with it: it is of a kind that has no text, or it is a picture and there is no OCR."""


class Unreadable(Exception):
    """The file should have text, and it cannot be had."""


class NoText(Exception):
    """Nothing is wrong with the file: it has no text for us."""


ENCRYPTED: Final = "it is encrypted"
EMPTY: Final = "it is empty"
BLANK: Final = "it holds no text"
