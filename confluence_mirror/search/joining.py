"""Chunks of one page put together again: what the chunker repeated stands once.

A chunk opens with a context line (title and headings), then what it needs to be understood alone (a
table's header, a code fence), then text of the chunk before it. ``docs/chunks.md`` says how they
are cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})")
_TABLE_LINE = re.compile(r"^[ \t>]*\|")
_ITEM = re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])[ \t]")
_LEAST_OVERLAP = 6
"""Characters; fewer at the end of one chunk and the start of the next are chance, unless they are
whole lines."""
_FURTHEST_OVERLAP = 8000
"""Characters of the text so far in which the next chunk's beginning is looked for."""


def body_of(text: str, title: str) -> str:
    """A chunk's text without its context line."""
    line, blank, body = text.partition("\n\n")
    start = " ".join(title.split())[:12].rstrip(" …")
    if blank and "\n" not in line and line.startswith(start):
        return body.lstrip("\n")
    return text


def join_chunks(texts: Sequence[str], title: str) -> str:
    """The text of neighbouring chunks, in order: the first with its context line, nothing twice."""
    joined = texts[0]
    for text in texts[1:]:
        joined = _append(joined, body_of(text, title))
    return joined


def _append(before: str, body: str) -> str:
    before, body, inside = _without_reopening(before, body)
    shared = _overlap(before, body)
    if shared:
        return before + body[shared:]
    return before + _gap(before, body, inside) + body


def _without_reopening(before: str, body: str) -> tuple[str, str, bool]:
    """Both without the seam of a code block or a table that was cut: its end, and its opening
    again. Whether there was one."""
    lines, last = body.split("\n"), before[before.rfind("\n") + 1 :]
    if _FENCE.match(lines[0]) and _FENCE.fullmatch(last.rstrip()):
        opening = _open_fence(before)
        if opening is not None and opening == lines[0]:
            return before[: -len(last)].removesuffix("\n"), "\n".join(lines[1:]), True
    in_table = len(lines) > 2 and all(map(_TABLE_LINE.match, (last, *lines[:2])))
    if in_table and _table_head(before) == lines[:2]:
        return before, "\n".join(lines[2:]), True
    return before, body, False


def _open_fence(text: str) -> str | None:
    """The line that opens the code block with which the text ends."""
    fences = [line for line in text.split("\n") if _FENCE.match(line)]
    return fences[-2] if len(fences) % 2 == 0 and fences else None


def _table_head(text: str) -> list[str]:
    """The first two lines of the table with which the text ends."""
    lines = text.split("\n")
    first = len(lines)
    while first and _TABLE_LINE.match(lines[first - 1]):
        first -= 1
    return lines[first : first + 2]


def _overlap(before: str, body: str) -> int:
    """Characters at the end of one text with which the next begins: the most that are no chance."""
    tail = before[-min(len(body), _FURTHEST_OVERLAP) :] if body else ""
    opening = body[:_LEAST_OVERLAP]
    start = tail.find(opening)
    while 0 <= start <= len(tail) - _LEAST_OVERLAP:
        if body.startswith(tail[start:]):
            return len(tail) - start
        start = tail.find(opening, start + 1)
    for shared in range(min(_LEAST_OVERLAP - 1, len(tail)), 0, -1):
        if tail.endswith(body[:shared]) and _is_whole_lines(before, body, shared):
            return shared
    return 0


def _is_whole_lines(before: str, body: str, shared: int) -> bool:
    """Whether so many characters are whole lines in both texts."""
    start = len(before) - shared
    return (not start or before[start - 1] == "\n") and body[shared : shared + 1] in ("", "\n")


def _gap(before: str, body: str, inside: bool) -> str:
    """What stands between texts that share nothing: a line's end within a table, a list or a code
    block; a space within a sentence; else a blank line."""
    last, first = before[before.rfind("\n") + 1 :], body.partition("\n")[0]
    if inside or any(kind.match(last) and kind.match(first) for kind in (_TABLE_LINE, _ITEM)):
        return "\n"
    return " " if last[-1:].isalnum() and first[:1].islower() else "\n\n"
