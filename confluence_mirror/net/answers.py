"""Reading an answer without trust: whatever a server sends, the outcome is a value or
``NotJson``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 100
"""Levels of JSON. What servers send has a dozen; code that walks an answer may do so
recursively."""
_LARGEST = 2**63
_LONGEST_QUOTE = 200


class NotJson(ValueError):
    """A body that is not JSON, or not JSON that this program accepts. Holds no part of the body."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    content: bytes

    def json(self, *, finite: bool = True) -> Any:
        """See ``parse_json``."""
        return parse_json(self.content, finite=finite)

    @property
    def kind(self) -> str:
        """What came in place of JSON, in a few words."""
        declared, head = (
            self.headers.get("Content-Type", "").lower(),
            self.content[:2000].lstrip().lower(),
        )
        if not self.content.strip():
            return "an empty body"
        if "html" in declared or head.startswith(b"<!doctype html") or b"<html" in head:
            return "an HTML page"
        return "JSON that cannot be read" if "json" in declared else "a body that is not JSON"


def parse_json(content: bytes, *, finite: bool = True) -> Any:
    """The value of a JSON text in UTF-8. Raises ``NotJson``, and nothing else.

    Whole numbers in it fit into 64 bits and decimal ones are finite: where a server sends another
    (1e400, ``NaN``), the value is None, as if the server had said nothing. Half a character
    (``"\\ud800"``) is U+FFFD. ``finite`` False keeps infinities and NaN, for those who look.
    """
    try:
        value = json.loads(content)
        if b"\\ud" in content or b"\\uD" in content:
            value = _whole_characters(value)
        # A list around it, so that a bare number is looked at too.
        held = [value]
        _drop_unusable_numbers(held, finite=finite)
    except RecursionError:
        raise NotJson("its JSON is nested too deeply") from None
    except MemoryError:
        raise NotJson("its JSON is too large") from None
    except ValueError:  # not JSON, not UTF-8, or a number of more than 4,300 digits
        raise NotJson("it is not JSON") from None
    return held[0]


def _whole_characters(value: Any) -> Any:
    """Halves of surrogate pairs, which no file, terminal or database takes, become U+FFFD."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _drop_unusable_numbers(root: list[Any], *, finite: bool) -> None:
    """Replace numbers that nobody can use; raise ``RecursionError`` beyond ``DEEPEST`` levels."""
    level: list[Any] = [root]
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for container in level:
            for key, value in (
                container.items() if isinstance(container, dict) else enumerate(container)
            ):
                kind = type(value)
                if kind is dict or kind is list:
                    below.append(value)
                elif kind is int:
                    if not -_LARGEST <= value < _LARGEST:
                        container[key] = None if finite else math.inf if value > 0 else -math.inf
                elif kind is float and finite and not math.isfinite(value):
                    container[key] = None
        if not below:
            return
        level = below
    raise RecursionError


def parse_number(value: object) -> float:
    """A finite number, or one that is written as text; 0 for everything else that a server may send
    in its place."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def as_object(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for everything else that a server may send in its place."""
    return value if isinstance(value, dict) else {}


def quote_foreign(text: str) -> str:
    """Foreign text as it may appear in one of our lines: no control characters, at most 200
    characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[:4000]).split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"
