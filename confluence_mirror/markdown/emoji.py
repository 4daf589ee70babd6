"""Emoji: the character that a reader sees, from whichever of its names Confluence stored."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LEGACY: Final = {
    "smile": "🙂",
    "sad": "🙁",
    "cheeky": "😛",
    "laugh": "😀",
    "wink": "😉",
    "thumbs-up": "👍",
    "thumbs-down": "👎",
    "information": "ℹ️",
    "tick": "✅",
    "cross": "❌",
    "warning": "⚠️",
    "plus": "➕",
    "minus": "➖",
    "question": "❓",
    "light-on": "💡",
    "light-off": "💡",
    "yellow-star": "⭐",
    "red-star": "⭐",
    "green-star": "⭐",
    "blue-star": "⭐",
    "heart": "❤️",
    "broken-heart": "💔",
}
"""The names of the old editor. The new one stores ``blue-star`` for any emoji that the old one did
not have."""

_SHORT: Final = {
    "+1": "👍",
    "-1": "👎",
    "100": "💯",
    "arrow_down": "⬇️",
    "arrow_left": "⬅️",
    "arrow_right": "➡️",
    "arrow_up": "⬆️",
    "bangbang": "‼️",
    "blush": "😊",
    "books": "📚",
    "bulb": "💡",
    "chart": "📈",
    "calendar_spiral": "🗓",
    "check": "✅",
    "check_mark": "✅",
    "clap": "👏",
    "cross_mark": "❌",
    "cry": "😢",
    "disappointed": "😞",
    "email": "📧",
    "exclamation": "❗",
    "flag_off": "🏳️",
    "flag_on": "🚩",
    "gear": "⚙️",
    "grin": "😁",
    "grinning": "😀",
    "heart": "❤️",
    "heavy_check_mark": "✔️",
    "heavy_minus_sign": "➖",
    "heavy_plus_sign": "➕",
    "info": "ℹ️",
    "information": "ℹ️",
    "information_source": "ℹ️",
    "joy": "😂",
    "laughing": "😆",
    "light_bulb_off": "💡",
    "light_bulb_on": "💡",
    "link": "🔗",
    "lock": "🔒",
    "mag": "🔍",
    "medal": "🏅",
    "minus": "➖",
    "muscle": "💪",
    "ok_hand": "👌",
    "pencil": "📝",
    "pencil2": "✏️",
    "phone": "☎️",
    "plus": "➕",
    "point_down": "👇",
    "point_left": "👈",
    "point_right": "👉",
    "point_up": "☝️",
    "pray": "🙏",
    "question": "❓",
    "question_mark": "❓",
    "raised_hands": "🙌",
    "rotating_light": "🚨",
    "sad": "🙁",
    "slight_frown": "🙁",
    "slight_smile": "🙂",
    "smile": "😄",
    "smiley": "😃",
    "smiling_face": "☺️",
    "star": "⭐",
    "star_blue": "⭐",
    "star_green": "⭐",
    "star_red": "⭐",
    "star_yellow": "⭐",
    "blue_star": "⭐",
    "green_star": "⭐",
    "red_star": "⭐",
    "yellow_star": "⭐",
    "sunglasses": "😎",
    "tada": "🎉",
    "thinking": "🤔",
    "thumbsdown": "👎",
    "thumbsup": "👍",
    "thumbs_down": "👎",
    "thumbs_up": "👍",
    "tools": "🛠️",
    "warning": "⚠️",
    "wave": "👋",
    "white_check_mark": "✅",
    "wink": "😉",
    "wrench": "🔧",
    "x": "❌",
    "x_cross": "❌",
    "broken_heart": "💔",
    "construction": "🚧",
    "stop_sign": "🛑",
    "dart": "🎯",
    "zap": "⚡",
    "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳",
    "no_entry": "⛔",
    "recycle": "♻️",
    "busts_in_silhouette": "👥",
    "red_circle": "🔴",
    "green_circle": "🟢",
    "yellow_circle": "🟡",
    "large_blue_circle": "🔵",
    "heart_eyes": "😍",
}
"""Short names that are not (nearly) the name in Unicode."""

_ESCAPED = re.compile(
    r"\\u\{([0-9a-fA-F]{1,6})\}|\\[uU]([0-9a-fA-F]{8}|[0-9a-fA-F]{4})|&#[xX]([0-9a-fA-F]{1,6});"
)
_POINTS = re.compile(r"(?:[uU]\+?)?[0-9a-fA-F]{2,6}(?:[-_][0-9a-fA-F]{2,6})*")
_NAME = re.compile(r":?([\w+-]+):?")


def emoji(fallback: str = "", identifier: str = "", short: str = "", name: str = "") -> str:
    """The character: by the fallback where that is one, else by the id, the short name, the old
    name. Without any of them the name between colons; empty where nothing is known."""
    decoded = _decoded(fallback)
    if not decoded.isascii():
        return decoded
    found = _by_id(identifier)
    for text in (short, fallback, identifier.removeprefix("atlassian-")):
        found = found or _by_short(text)
    if not found and not (short and name == "blue-star"):
        found = _LEGACY.get(name, "")
    return found or short or fallback or (f":{name}:" if name else "")


def legacy(classes: str, alt: str) -> str:
    """The old name of an emoji drawn by an ``img``, from its classes (``emoticon-tick``) or its
    text (``(tick)``)."""
    for word in classes.split():
        if word.startswith("emoticon-") and word[9:] in _LEGACY:
            return word[9:]
    return alt.strip("()").replace(" ", "-").lower()


def _decoded(text: str) -> str:
    """Escaped code points as characters; halves of a pair are put together."""
    if "\\" not in text and "&#" not in text:
        return text
    text = _ESCAPED.sub(lambda found: _character(found[1] or found[2] or found[3]), text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code <= 0x10FFFF else ""


def _by_id(identifier: str) -> str:
    """``1f468-200d-1f4bb`` is a sequence of code points."""
    if not _POINTS.fullmatch(identifier):
        return ""
    found = "".join(map(_character, re.findall("[0-9a-fA-F]{2,6}", identifier)))
    return (
        found if found and not found.isascii() and found.isprintable() | ("\u200d" in found) else ""
    )


@lru_cache(maxsize=1024)
def _by_short(text: str) -> str:
    found = _NAME.fullmatch(text.strip())
    if not found:
        return ""
    name = found[1].lower()
    if name in _SHORT:
        return _SHORT[name]
    words = re.sub("[_-]", " ", name).upper()
    for full in (words, f"{words} FACE", f"{words} SIGN", f"{words} SYMBOL", f"FACE WITH {words}"):
        try:
            character = unicodedata.lookup(full)
        except (KeyError, ValueError):
            continue
        if unicodedata.category(character) == "So":
            return character
    return ""
