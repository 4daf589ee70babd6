"""Counts, durations and sizes in words, for every message of the program."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 page``, ``1,250 pages``. ``plural``: of a noun whose plural is not made by an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """``0.8s``, ``42s``, ``3m12s``, ``2h05m``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def size(count: int) -> str:
    """Bytes in decimal units."""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def verb(count: int, of_one: str, of_many: str) -> str:
    """The form of a verb, or of another word, that goes with a count."""
    return of_one if count == 1 else of_many
