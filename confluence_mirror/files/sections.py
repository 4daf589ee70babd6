"""What is read out of a file."""

from __future__ import annotations

from typing import Final

FILES_REVISION: Final = 1
"""Raised whenever the text of any file may change: part of each file's fingerprint."""


class Unreadable(Exception):
    """The file should have text, and it cannot be had."""


class NoText(Exception):
    """Nothing is wrong with the file: it has no text for us."""


ENCRYPTED: Final = "it is encrypted"
EMPTY: Final = "it is empty"
BLANK: Final = "it holds no text"
