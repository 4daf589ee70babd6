"""What is data and not text: pictures as base64, addresses that hold their data, the state of an
app as JSON."""

from __future__ import annotations

import json
import re
from typing import Final

_LEAST: Final = 60
"""Characters from which on base64 is taken for data: a digest or a key is shorter or of another
alphabet."""
_RUN = re.compile(
    r"(?<![\w+/])[A-Za-z0-9+/]{60,}={0,2}(?:[ \t]*\r?\n[ \t]*[A-Za-z0-9+/]{4,}={0,2}(?![\w+/=]))*"
)
_PICTURE = re.compile(
    r"""!\[([^\]\[]*+)\]\(\s*+<?data:[^()\[\]<>\s]*+>?(?:\s++["'][^"'()\[\]]*+["'])?\s*+\)"""
)
_DATA = re.compile(r"(data:[\w.+-]{1,40}/[\w.+-]{1,60})(?:;[\w=.+-]{1,60})*,[^\"'()<>\s]{40,}")
_LARGE = re.compile(r"(data:image/[\w.+-]{1,60})(?:;[\w=.+-]{1,60})*,[^\"'()<>\s]{500,}")
_MAGIC = (
    "iVBORw0KGgo",
    "/9j/",
    "R0lGOD",
    "UklGR",
    "PHN2Zy",
    "JVBERi",
    "UEsDB",
    "PD94bWwg",
    "Qk0",
    "H4sI",
)
_SPACES = re.compile(r"\s+")


def is_base64(text: str) -> bool:
    """Whether a whole text is binary data in base64."""
    text = _SPACES.sub("", text)
    return (
        len(text) >= _LEAST
        and bool(re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text))
        and _is_mixed(text)
    )


def _is_mixed(text: str) -> bool:
    """Upper and lower case and digits: not a word, not a digest in hexadecimal, not a path."""
    if text.startswith(_MAGIC):
        return True
    kinds = (any(map(str.isupper, text)), any(map(str.islower, text)), any(map(str.isdigit, text)))
    return all(kinds) and text.count("/") * 8 < len(text)


def without_data(text: str) -> str:
    """A text without the data in its addresses: a picture is its alternative text, any other
    address its type."""
    if "data:" not in text:
        return text
    return _DATA.sub(r"\1", _PICTURE.sub(r"\1", text))


def without_pictures(code: str) -> str:
    """Code, verbatim but for the data of whole pictures."""
    return _LARGE.sub(r"\1", code) if "data:image/" in code else code


def without_payloads(text: str) -> str:
    """A text that may be anything, without data: in addresses, or standing alone as base64."""
    text = without_data(text)
    return _RUN.sub(lambda found: "" if _is_mixed(found[0]) else found[0], text)


def is_state(text: str) -> bool:
    """Whether a text is the state of an app: an object or a list in JSON."""
    text = text.strip()
    if text[:1] + text[-1:] not in ("{}", "[]"):
        return False
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False
