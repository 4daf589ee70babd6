"""What is printed: nothing that came from outside can command a terminal, forge a line or break the stream.

Titles, labels, names and error texts are foreign. In a terminal an escape sequence clears the screen, sets the title
or the clipboard; a control character of the C1 range begins one too, and a bidirectional override turns a line around.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import TextIO

_JOINERS = "\u200c\u200d"
"""Persian words and emoji need them, and a terminal does nothing but draw by them."""


def plain(text: str) -> str:
    """Lines that a terminal shows and never obeys: a space in the place of each character that it cannot print."""
    return "\n".join("".join(char if _harmless(char) else " " for char in line) for line in text.split("\n"))


def one_line(text: str) -> str:
    """``plain``, with a space in the place of each line break."""
    return plain(text).replace("\n", " ")


def escaped(text: str) -> str:
    """One line in which what cannot be printed stands as its escape (``\\x1b``, ``\\n``): for the log."""
    if text.isprintable():
        return text
    return "".join(char if _harmless(char) else char.encode("unicode_escape").decode() for char in text)


def escaped_json(text: str) -> str:
    """JSON of the same meaning in which what cannot be printed stands as its escape (``json.dumps`` lets DEL, C1 and
    overrides through). Line breaks between its parts stay."""
    return re.sub(r"[^ -~\n]", lambda found: found[0] if _harmless(found[0]) else _unit_escapes(found[0]), text)


def say(text: str, stream: TextIO | None = None) -> None:
    """Print lines on the standard output, or on ``stream``: the way of every text for people but the log."""
    print(plain(text), file=stream or sys.stdout, flush=True)


def _harmless(char: str) -> bool:
    return char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs"


def _unit_escapes(char: str) -> str:
    data = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at] << 8 | data[at + 1]:04x}" for at in range(0, len(data), 2))
