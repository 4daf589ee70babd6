"""How Markdown is written: escapes, paragraphs, code, lists, quotes, links. Both ways of reading a
body use these.

While a paragraph is put together it is one string, in which control characters (that XML forbids,
so no document holds them) stand for what only the whole can decide: ``BLOCK`` around a finished
block inside running text, ``BREAK`` for a line break, ``CODE`` around code, ``SPACE`` for a space
that stays, ``ADDRESS`` around a bare address, ``ATOM`` around what never touches a word (a lozenge,
a date, a mention), and the signs of :mod:`.marks`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.entities import html5
from typing import Final

from .marks import resolve

BLOCK: Final = "\x01"
BREAK: Final = "\x05"
SPACE: Final = "\x06"
CODE: Final = "\x07"
ADDRESS: Final = "\x14"
ATOM: Final = "\x15"

_SUSPECT = re.compile(
    "[\\\\`*_\\]<&~\t\n\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\u061c\u2007\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]"
)
suspect: Final = _SUSPECT.search
"""Finds nothing in most texts; where it does, :func:`escape` has something to do."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
# The joiner stays where it joins: emoji sequences, Indic scripts. The non-joiner is spelling
# (Persian), and stays.
_JOINERS = re.compile("(?<![^\x00-\x7f])\u200d|\u200d(?![^\x00-\x7f])")
_ADDRESS = re.compile(r"((?:https?|ftp)://[^\s<>`\[\]|\\]*[^\s<>`\[\]|\\*_~?!.,:;)])")
# One set at its beginning lets the regex engine skip to the next hit; what the hit means is looked
# up around it.
_MARKUP = re.compile(r"[\\`*~<&\]_]_*")
_CERTAIN = re.compile(r"[\\`*~<&\]]")
_EDGE = re.compile(r"_(?![^\W])")
_REFERENCE = re.compile(r"&(#?)(\w{1,32};)")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_START = re.compile(
    r"#{1,6}(?=\s|$)|>|[-+*](?=\s|$)|(?P<number>\d{1,9})[.)](?=\s|$)"
    r"|\[(?:[ xX]\](?=\s|$)|![A-Za-z]+\]|[^\]\[]+\]:)|(?:=+|[|: -]*-[|: -]*)$|(?P<rule>[-_*])(?:"
    r" ?(?P=rule)){2,}$"
)
_STARTERS = frozenset("#>-+*0123456789[=|:_")
_SIGNS = re.compile("[\x0e-\x13]")
_EDGES = (" ", SPACE)
_MANY = re.compile("  +")
_TICKS = re.compile("`+")
_ADDRESSES = re.compile("\x14([^\x14]*)\x14")
_ENDS = re.compile("[\x0e-\x13\x15.,;:!?)\\]}\"'*_~»”’]*(?=[\\s\x01\x05\x06]|$)")
_OPENS = frozenset(["", " ", "\n", BLOCK, BREAK, SPACE, *"([{\"'“‘«"])
_ATOMS = re.compile("\x15[\x0e-\x13\x15]*")
_TOUCHING = re.compile("[^ ]\x15[^ ]")
_EDGE_OF_WORDS = frozenset(["", " ", "\n", BLOCK, BREAK, SPACE])
_CJK: Final = "\u2e80"
_STARS = re.compile(r"(\\.|`+[^`]*`+)|\*+(?=\S)|(?<=\S)\*+")
_SEGMENTS = re.compile(f"({BLOCK}[^{BLOCK}]*{BLOCK}|{BREAK})")


def escape(text: str) -> str:
    """Plain text as Markdown text: one space for any white space, nothing unseen, and a backslash
    only before what a Markdown parser would take for markup. Call it where ``suspect`` finds
    something."""
    if not text.isprintable() or "  " in text:
        lead = " " if text[:1].isspace() else ""
        tail = " " if text[-1:].isspace() else ""
        core = " ".join(text.split())
        text = lead + core + tail if core else lead
        if not text.isprintable():
            text = _JOINERS.sub("", _UNSEEN.sub("", text))
    if not _CERTAIN.search(text) and not _EDGE.search(text):
        return text  # nothing but underscores that open or stand inside a word
    if "://" not in text:
        return _MARKUP.sub(_escaped, text)
    parts = _ADDRESS.split(text)  # addresses stay as they are
    parts[::2] = [_MARKUP.sub(_escaped, part) for part in parts[::2]]
    return "".join(parts)


def _escaped(found: re.Match[str]) -> str:
    """One sign and the underscores after it, each escaped where it could mean anything."""
    text = found.string
    start, end = found.span()
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    sign = found[0]
    spaced = before == " " == after
    if sign[0] == "_":
        return sign if spaced or after.isalnum() else sign.replace("_", "\\_")
    unders = end - start - 1
    rest = ("_" if after.isalnum() else "\\_") * unders
    following = "_" if unders else after
    char = sign[0]
    if char == "*":
        plain_sign = spaced and not unders
    elif char == "~":
        plain_sign = (before in ("", " ") and following not in ("", "~")) or (spaced and not unders)
    elif char == "\\":
        plain_sign = not (
            following in _PUNCTUATION or (following in ("", " ") and len(text) - end < 2)
        )
    elif char == "<":
        plain_sign = following != "" and not (following.isalpha() or following in "/!?")
    elif char == "&":
        found_reference = _REFERENCE.match(text, start)
        plain_sign = found_reference is None or (
            found_reference[1] != "#" and found_reference[2] not in html5
        )
    else:
        plain_sign = char == "]" and following != "("
    return (char if plain_sign else "\\" + char) + rest


def plain(text: str) -> str:
    """Escape if need be."""
    return escape(text) if suspect(text) else text


def shifted(tag: str, text: str) -> str:
    """Sub- and superscript: Markdown has none, and 10<sup>6</sup> is not 106."""
    return _around(f"<{tag}>", text, f"</{tag}>")


def mark(signs: tuple[str, str], text: str) -> str:
    """Running text with a mark, except for the blocks inside; it never spans a line break."""
    if BLOCK in text or BREAK in text:
        return _around(signs[0], text, signs[1])
    return signs[0] + text + signs[1]


def _around(before: str, text: str, after: str) -> str:
    """Something around each line of running text, inside its spaces."""
    pieces = _SEGMENTS.split(text) if BLOCK in text or BREAK in text else [text]
    for index, piece in enumerate(pieces[::2]):
        core = piece.strip()
        if core:
            start = piece.index(core)
            pieces[2 * index] = piece[:start] + before + core + after + piece[start + len(core) :]
    return "".join(pieces)


def block(texts: Sequence[str]) -> str:
    """Finished blocks, to be carried inside running text."""
    return "".join(BLOCK + text + BLOCK for text in texts)


def flow(text: str, newline: str = "\\\n") -> list[str]:
    """Running text as finished blocks: paragraphs, and the blocks that it carries. ``newline`` is a
    line break."""
    if text.isprintable() and "  " not in text:
        text = text.strip()
        if not text:
            return []
        return [_guard(text)] if text[0] in _STARTERS and newline != "<br>" else [text]
    if BLOCK not in text:
        return _paragraphs(text, newline)
    blocks: list[str] = []
    for index, part in enumerate(text.split(BLOCK)):
        if index % 2:
            if part:
                blocks.append(part)
        elif part:
            blocks += _paragraphs(part, newline)
    return blocks


def line(text: str, gap: str = " ") -> str:
    """Running text on one line, for a heading or a link: breaks and blocks become ``gap``. Not
    guarded at its start."""
    if not text.isprintable() or "  " in text:
        text = _MANY.sub(" ", _settle(text.replace(BLOCK, gap).replace(BREAK, gap))).replace(
            "\n", gap
        )
        text = text.replace(SPACE, " ")
    return text.strip()


def _paragraphs(text: str, newline: str) -> list[str]:
    text = _settle(text)
    guard = str if newline == "<br>" else _guard  # in a table cell nothing can begin
    if BREAK not in text:
        if "  " in text:
            text = _MANY.sub(" ", text)
        text = text.strip().replace(SPACE, " ")
        return [guard(text)] if text else []
    paragraphs: list[list[str]] = [[]]
    for part in text.split(BREAK):
        text = _MANY.sub(" ", part).strip()
        if text:
            paragraphs[-1].append(guard(text.replace(SPACE, " ")))
        elif paragraphs[-1]:
            paragraphs.append([])
    return [newline.join(lines) for lines in paragraphs if lines]


def _settle(text: str) -> str:
    """Turn addresses, atoms, marks and code into what Markdown writes for them."""
    if ADDRESS in text:
        text = _ADDRESSES.sub(_address, text)
    if ATOM in text:
        text = _ATOMS.sub(_atom, text) if _TOUCHING.search(text) else text.replace(ATOM, "")
    if _SIGNS.search(text):
        text = resolve(text)
    if CODE in text:
        parts = text.replace(CODE + CODE, "").split(CODE)
        parts[1::2] = [ticked(part) for part in parts[1::2]]
        text = "".join(parts)
    return text


def _address(found: re.Match[str]) -> str:
    """A bare address; in angle brackets where it touches a word, and apart from one right before
    it."""
    text, (start, end) = found.string, found.span()
    while start and "\x0e" <= text[start - 1] <= "\x15" and text[start - 1] != ADDRESS:
        start -= 1
    before = text[start - 1 : start] if start else ""
    if before == ADDRESS:
        return f"{SPACE}<{found[1]}>"
    return found[1] if before in _OPENS and _ENDS.match(text, end) else f"<{found[1]}>"


def _atom(found: re.Match[str]) -> str:
    """The edge of an atom: a space where it touches a word or another atom."""
    text, (start, end) = found.string, found.span()
    while start and "\x0e" <= text[start - 1] <= "\x13":
        start -= 1
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    touches = before not in _EDGE_OF_WORDS and after not in _EDGE_OF_WORDS
    if touches and found[0].count(ATOM) == 1:
        touches = before.isalnum() and after.isalnum() and before < _CJK and after < _CJK
    return found[0].replace(ATOM, SPACE if touches else "", 1).replace(ATOM, "")


def atom(text: str) -> str:
    """Running text that never touches a word."""
    return f"{ATOM}{text}{ATOM}" if text else ""


def unmarked(text: str) -> str:
    """Finished Markdown without emphasis."""
    return _STARS.sub(r"\1", text) if "*" in text else text


def _guard(text: str) -> str:
    """Keep a line from being read as a heading, a list, a quote, a rule, a table or a link
    definition."""
    found = _START.match(text)
    if not found:
        return text
    number = found["number"]
    return f"{number}\\{text[len(number) :]}" if number else "\\" + text


def bold(text: str) -> str:
    """Plain text, bold."""
    return line(mark(("\x0e", "\x0f"), plain(text)))


def ticks(text: str, least: int) -> str:
    if "`" not in text:
        return "`" * least
    return "`" * max(least, max(map(len, _TICKS.findall(text))) + 1)


def code_span(text: str) -> str:
    """Inline code, spaces kept; blank text stays a space. Neighbours become one when the paragraph
    is known."""
    text = text.replace("\r", "").replace("\n", " ").replace("\t", " ").replace("\xa0", " ")
    return CODE + text.replace("  ", SPACE * 2) + CODE if text.strip() else text[:1]


def ticked(text: str) -> str:
    """Inline code between backticks."""
    fence = ticks(text, 1)
    if text[0] == "`" or text[-1] == "`" or (text[0] in _EDGES and text[-1] in _EDGES):
        text = f" {text} "
    return fence + text + fence


def link(label: str, url: str) -> str:
    """A link; the text alone where the address is nothing that a person could follow, the address
    alone where they are the same."""
    lead = " " if label[:1] in (" ", BREAK) else ""
    tail = " " if label[-1:] in (" ", BREAK) and label.strip() else ""
    text = line(label)
    url = url.strip()
    if not url or url[:11].lower() == "javascript:" or url[:5].lower() == "data:":
        return lead + text + tail
    if not text:
        text = plain(url)
    if (text == url and url.startswith(("https://", "http://"))) or url == "mailto:" + text:
        return lead + (text if _AWKWARD_BARE.search(text) else ADDRESS + text + ADDRESS) + tail
    if not _balanced(text):
        text = text.replace("\\[", "[").replace("\\]", "]").replace("[", "\\[").replace("]", "\\]")
    return f"{lead}[{text}]({target(url)}){tail}"


def _balanced(text: str) -> bool:
    if "[" not in text and "]" not in text:
        return True
    depth = 0
    for char in re.sub(r"\\.|`[^`]*`", "", text):
        depth += (char == "[") - (char == "]")
        if depth < 0:
            return False
    return depth == 0


def image(alt: str, url: str) -> str:
    """An image with its text."""
    text = line(plain(alt)).replace("[", "\\[").replace("]", "\\]")
    return f"![{text}]({target(url)})"


_AWKWARD_BARE = re.compile(r"[\s<>\x14]")
_AWKWARD = re.compile(r"[\s()<>\\]")


def target(url: str) -> str:
    """An address or a file name as the target of a link, in angle brackets where it needs them."""
    url = url.strip()
    if not _AWKWARD.search(url):
        return url
    url = " ".join(url.split()).replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C")
    return f"<{url}>" if _AWKWARD.search(url) else url
