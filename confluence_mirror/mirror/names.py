"""When two names are the same: people type them as they see them, and systems keep them as they
like."""

from __future__ import annotations

import unicodedata


def fold_name(name: str) -> str:
    """A name without what does not tell it from another: composed (NFC), without case, blanks
    single."""
    return tidy_name(name).casefold()


def tidy_name(name: str) -> str:
    """A name as systems keep it: composed (NFC), blanks single."""
    return " ".join(unicodedata.normalize("NFC", name).split())
