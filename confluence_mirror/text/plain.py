"""The plain form of a chunk: its words, without the marks around them.

It is written for embedding models, to which pipes, stars and addresses are words like others. The
line scanner knows what a chunk consists of: CommonMark's blocks, and GitHub's tables, tasks and
alerts. A line is read by itself, in linear time; what only looks like a mark stays.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

PLAIN_REVISION = 1
"""Raised with every change that could change a plain form: all chunks are then embedded again."""

_BLANK_LINE = "\n\n"
_BLOCK_MARK = re.compile(r"[#>|]|[-*+] |`{3}|~{3}")
_QUOTED = re.compile(r"(?: {0,3}> ?)+")
_ALERT = re.compile(r"\[!([A-Za-z]+)\]$")
_HEADING = re.compile(r"#{1,6}(?!\S)[ \t]*")
_CLOSING = re.compile(r"(?:^|[ \t])#+$")
_BULLET = re.compile(r"[-*+](?:[ \t]+|$)")
_TASK = re.compile(r"\[[ xX]\](?:[ \t]+|$)")
_FENCE = re.compile(r"((?:\d{1,9}[.)][ \t]+)?)(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*)$")
_FORMULA = "$$"
_RULE = re.compile(r"(?:(?:-[ \t]*){2,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|=+)$")
_DELIMITER = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+$")
_BAR = re.compile(r"(?<!\\)\|")
_SENTENCE_END = (".", "!", "?", ":", "。", "！", "？")

_TICKS = re.compile(r"(\\`)|`+")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_LINK = re.compile(
    r"!?\[((?:[^\[\]]++|\[[^\[\]]*+\])*+)\]"
    r"\((?:<[^<>]*+>|[^()\s]*+(?:\([^()\s]*+\)[^()\s]*+)*+)(?:[ \t]++\"[^\"]*+\")?\)"
)
_DEEPEST_LINK = 4  # a picture in a link in …
_ADDRESS = re.compile(
    r"<((?:https?|ftp)://[^\s<>]+|mailto:[^\s<>]+)>|((?:https?|ftp)://[^\s<>]*[^\s<>*_~])"
)
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_POWER = re.compile(r"<sup>(?=[-+−]?\d)")  # 10<sup>6</sup> is not 106
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img"
    r"|ins|kbd|li|mark|ol|p|picture|pre|q|s|samp|small|span|strike|strong|sub|summary|sup|table"
    r"|tbody|td|tfoot|th|thead|tr|tt|u|ul|var)(?:\s[^<>]*+)?/?>|<!--[^<>]*+-->",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Stars that touch nothing, and those between digits, are text.
_STARS = re.compile(r"(?<![\d*])\*+(?=[^\s*])|(?<=[^\s*])\*+(?![\d*])|~~")
_UNDERSCORES = re.compile(r"(?<!\w)(__?)(?=[^\s_])([^_]*+)(?<!\s)\1(?!\w)")
# Punctuation that is text, as private characters, so that nothing takes it for a mark.
_TO_PRIVATE = {code: 0x10FF00 + code for code in range(33, 127) if not chr(code).isalnum()}
_FROM_PRIVATE = {private: code for code, private in _TO_PRIVATE.items()}


# A text is embedded and, a moment later, indexed.
@lru_cache(maxsize=1024)
def plain_form(chunk: str) -> str:
    """A chunk's text in words. The line of context in front is plain already, and stays as it is.

    Lines stay lines; a table's row is one. Empty only for a blank text.
    """
    context, gap, body = chunk.partition(_BLANK_LINE)
    if not gap or "\n" in context or _BLOCK_MARK.match(context):
        return strip_markdown(chunk)
    return f"{context}{_BLANK_LINE}{strip_markdown(body)}".strip()


def strip_markdown(markdown: str) -> str:
    """Any Markdown in words; see ``plain_form``. Of nothing but marks, the marks."""
    lines: list[str] = []
    for line in _iter_lines(markdown.split("\n")):
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).strip("\n") or markdown.strip()


def _iter_lines(lines: list[str]) -> Iterator[str]:
    """Each line in words. Code is as it is; of its fence the language stays, of a delimiter row
    nothing."""
    code_ends, in_table = "", False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        inner = _without_quotes(line)
        text = inner.strip()
        if code_ends:
            if _ends_code(text, code_ends):
                code_ends = ""
            elif text:
                yield inner
        elif in_table and "|" in text:
            if not _DELIMITER.match(text):
                yield _row_words(text)
        elif fence := _FENCE.match(_without_bullet(text)):
            code_ends = fence[2]
            yield fence[1] + fence[3]
        elif text == _FORMULA:
            code_ends = _FORMULA
        else:
            in_table = "|" in text and _is_delimiter(following)
            yield _row_words(text) if in_table else _line_words(text)


def _without_quotes(line: str) -> str:
    found = _QUOTED.match(line)
    return line[found.end() :] if found else line


def _without_bullet(text: str) -> str:
    bullet = _BULLET.match(text)
    if not bullet:
        return text
    task = _TASK.match(text, bullet.end())
    return text[(task or bullet).end() :]


def _ends_code(text: str, mark: str) -> bool:
    """Whether a line ends the code that began with this mark.

    A formula has no blank lines: where a chunk begins inside one, its end opens nothing for long.
    """
    if mark == _FORMULA:
        return text in ("", _FORMULA)
    return text.startswith(mark) and not text.strip(mark[0])


def _is_delimiter(line: str) -> bool:
    text = _without_quotes(line).strip()
    return "|" in text and _DELIMITER.match(text) is not None


def _row_words(row: str) -> str:
    """A table's row: its cells as sentences, which measured better than pairs of header and
    value."""
    cells = (_inline_words(cell.replace("\\|", "|")) for cell in _BAR.split(row))
    *others, last = [cell for cell in cells if cell] or [""]
    return " ".join(
        [*(cell if cell.endswith(_SENTENCE_END) else f"{cell}." for cell in others), last]
    )


def _line_words(text: str) -> str:
    """A line that is neither code nor a row."""
    if _RULE.match(text):
        return ""
    if alert := _ALERT.match(text):
        return f"{alert[1].capitalize()}:"
    if heading := _HEADING.match(text):
        return _inline_words(_CLOSING.sub("", text[heading.end() :]))
    return _inline_words(_without_bullet(text).removesuffix("\\"))


def _inline_words(text: str) -> str:
    """Running text without its marks, white space as single blanks."""
    text = _ESCAPE.sub(lambda found: found[1].translate(_TO_PRIVATE), _guard_code(text))
    for _ in range(_DEEPEST_LINK):
        text, links = _LINK.subn(r"\1", text)
        if not links:
            break
    text = _ADDRESS.sub(lambda found: (found[1] or found[2]).translate(_TO_PRIVATE), text)
    text = _TAG.sub("", _POWER.sub("^", _BREAK.sub(" ", text)))
    text = _UNDERSCORES.sub(r"\2", _STARS.sub("", text))
    text = _REFERENCE.sub(lambda found: html.unescape(found[0]), text)
    return " ".join(text.translate(_FROM_PRIVATE).split())


def _guard_code(text: str) -> str:
    """Code spans without their backticks, their punctuation as private characters."""
    if "`" not in text:
        return text
    runs = [found for found in _TICKS.finditer(text) if not found[1]]
    starts: dict[int, list[int]] = {}
    for run in runs:
        starts.setdefault(run.end() - run.start(), []).append(run.start())
    pieces, done = [], 0
    for run in runs:
        length = run.end() - run.start()
        closing = bisect_right(starts[length], run.start())
        if run.start() < done or closing == len(starts[length]):
            continue
        end = starts[length][closing]
        pieces += [text[done : run.start()], text[run.end() : end].translate(_TO_PRIVATE)]
        done = end + length
    return "".join(pieces) + text[done:]
