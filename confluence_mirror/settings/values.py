"""Text to value, one function a kind of setting.

Each parser takes cleaned text that is not empty and gives the value, or raises ``ValueError`` with
what is wrong with it. No message repeats the value: it could be a token that was pasted into the
wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, get_args
from urllib.parse import SplitResult, unquote, urlsplit

from confluence_mirror.addresses import is_loopback
from confluence_mirror.postgres import url as postgres_url

Parser: TypeAlias = Callable[[str], Any]


class Secret:
    """A value that no ``repr``, ``str`` or format shows. ``reveal`` gives it, where it is used and
    nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def text(value: str) -> str:
    """One line of any text."""
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError("contains a line break or another control character")
    return value


def prefix(value: str) -> str:
    """Any text as it is, but for ``\\n``, which is a line break."""
    value = value.replace("\\n", "\n")
    text(value.replace("\n", ""))
    return value


def one_of(words: Any, **aliases: str) -> Parser:
    """One of the words of a ``Literal``, in any case; the word as it stands there. ``aliases`` are
    words that some users still have, each with the word that it means."""
    choices: tuple[str, ...] = get_args(words)
    known = {choice.casefold(): choice for choice in choices} | aliases

    def parse(value: str) -> str:
        if value.casefold() not in known:
            raise ValueError(f"is not one of {', '.join(choices)}")
        return known[value.casefold()]

    return parse


def whole(least: int, most: int) -> Parser:
    """A whole number in decimal digits, within these bounds."""

    def parse(value: str) -> int:
        # int() alone would take "1_000", "+5" and the digits of other scripts.
        if not re.fullmatch(r"[0-9]{1,12}", value) or not least <= int(value) <= most:
            raise ValueError(f"is not a whole number from {least} to {most}")
        return int(value)

    return parse


def decimal(least: float, most: float) -> Parser:
    """A decimal number, within these bounds."""

    def parse(value: str) -> float:
        if (
            not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", value)
            or not least <= float(value) <= most
        ):
            raise ValueError(f"is not a number from {least:g} to {most:g}")
        return float(value)

    return parse


MOST_SHARDS = 100
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def shard(value: str) -> tuple[int | None, int]:
    """``i/n``, or ``/n``: a part, which may be left to ``JOB_COMPLETION_INDEX``, and the number of
    parts."""
    found = re.fullmatch(r"([0-9]{1,3})?/([0-9]{1,3})", value)
    if not found or not 1 <= int(found[2]) <= MOST_SHARDS:
        raise ValueError(f"is not i/n or /n, with n from 1 to {MOST_SHARDS}")
    if found[1] is not None and int(found[1]) >= int(found[2]):
        raise ValueError("names a part that there is not: parts count from 0, so 0/3, 1/3 and 2/3")
    return (None if found[1] is None else int(found[1])), int(found[2])


def flag(value: str) -> bool:
    """``true`` or ``false``, and what else people write for them."""
    if (said := value.casefold()) not in _TRUE | _FALSE:
        raise ValueError("is neither true nor false")
    return said in _TRUE


def chunk_tokens(value: str) -> int | str:
    """A number of tokens from 16 to 8192, or ``auto``."""
    if value.casefold() == "auto":
        return "auto"
    try:
        size: int = whole(16, 8192)(value)
    except ValueError as error:
        raise ValueError(f"{error}, nor auto") from None
    return size


def _several(value: str) -> tuple[str, ...]:
    parts = [part.strip() for part in text(value).split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def space_keys(value: str) -> tuple[str, ...]:
    """Space keys, separated by commas; each once, whatever its case. Personal ones begin with
    ``~``."""
    keys: dict[str, str] = {}
    for key in _several(value):
        if not re.fullmatch(r"~?[A-Za-z0-9_.:@-]{1,255}", key):
            raise ValueError("holds something that is not a space key (put a name into SPACE_NAME)")
        keys.setdefault(key.casefold(), key)
    return tuple(keys.values())


def labels(value: str) -> tuple[str, ...]:
    """Labels, separated by commas, lower-cased as Confluence keeps them."""
    found = tuple(dict.fromkeys(label.lower() for label in _several(value)))
    if any(re.search(r"\s", label) for label in found):
        raise ValueError("holds a label with a blank in it, which Confluence does not allow")
    return found


def content_ids(value: str) -> tuple[str, ...]:
    """Ids of pages or folders, separated by commas."""
    return tuple(content_id(each) for each in _several(value))


def scope_items(value: str) -> tuple[str, ...]:
    """``space:KEY``, ``tree:ID`` and ``page:ID``, separated by commas; each once."""
    found: dict[str, str] = {}
    for item in _several(value):
        kind, _, named = (part.strip() for part in item.partition(":"))
        parse = {"space": _one_space_key, "tree": content_id, "page": content_id}.get(kind.lower())
        if parse is None or not named:
            raise ValueError("holds something that is not space:KEY, tree:ID or page:ID")
        item = f"{kind.lower()}:{parse(named)}"
        found.setdefault(item.casefold(), item)
    if not found:
        raise ValueError("names nothing")
    return tuple(found.values())


def _one_space_key(value: str) -> str:
    return space_keys(value)[0]


def content_id(value: str) -> str:
    """The id of a page or folder: digits."""
    if not re.fullmatch(r"[0-9]{1,19}", value):
        raise ValueError("is not a numeric id, as in the address of a page or folder")
    return value


def ocr_languages(value: str) -> str:
    """Languages by tesseract's names, joined by ``+``."""
    if not re.fullmatch(r"[A-Za-z0-9_/-]{1,40}(\+[A-Za-z0-9_/-]{1,40}){0,20}", value):
        raise ValueError("is not names of languages as tesseract has them, joined by +: eng+deu")
    return value


def cloud_id(value: str) -> str:
    """A UUID, lower-cased."""
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise ValueError(
            "is not a cloud id (https://SITE.atlassian.net/_edge/tenant_info shows it)"
        )
    return value.lower()


def user(value: str) -> str:
    """An e-mail address, as Basic authentication takes it."""
    if not re.fullmatch(r"[^\s:@]+@[^\s:@]+", value):
        raise ValueError("is not the e-mail address of an account")
    return value


def credential(value: str) -> Secret:
    """A token or key that fits into a header."""
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("contains blanks, line breaks or letters that no token has")
    return Secret(value)


def headers(value: str) -> Secret:
    """Headers as ``parse_headers`` reads them."""
    if not parse_headers(value):
        raise ValueError("names no header")
    return Secret(value)


def parse_headers(value: str) -> dict[str, str]:
    """``Name=value,Name=value``: names as HTTP has them (RFC 9110, 5.1), values percent-decoded.
    Raises ``ValueError``, which tells nothing of a value."""
    found: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in value.split(","))):
        name, equals, text = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise ValueError("is not a list of Name=value, separated by commas")
        decoded = unquote(text.strip(), errors="strict")
        if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", decoded):
            raise ValueError("has a value that no header can have")
        found[name] = decoded
    return found


def collection(value: str) -> str:
    """A collection's name or id that every store takes."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,199}", value):
        raise ValueError("is not a name of letters, digits, '.', '_' and '-'")
    return value


def digest(value: str) -> str:
    """The hash of a set of removals: 8 to 64 hex digits; or ``true``, which the flag says for one
    run."""
    if not re.fullmatch(r"[0-9a-fA-F]{8,64}|true", value):
        raise ValueError("is not the hash that the refusal printed")
    return value.lower()


def tokenizer(value: str) -> str:
    """A tiktoken encoding by name, or ``hf:PATH`` of a ``tokenizer.json``."""
    encodings = ("cl100k_base", "o200k_base", "p50k_base", "r50k_base", "gpt2")
    if value not in encodings and not re.fullmatch(r"hf:.+", value):
        raise ValueError(
            f"is neither one of {', '.join(encodings)} nor hf:PATH of a tokenizer.json"
        )
    return value if value in encodings else f"hf:{path(value[3:])}"


def path(value: str) -> Path:
    """A path; ``~`` is the home folder."""
    try:
        return Path(text(value)).expanduser()
    except RuntimeError:
        raise ValueError(
            "begins with the home folder (~) of a user that this system does not know"
        ) from None


def _split(value: str, schemes: tuple[str, ...]) -> SplitResult:
    kinds = " or ".join(f"{scheme}://" for scheme in schemes)
    if re.search(r"[\s<>\"\\^`{|}]", text(value)):
        raise ValueError(
            "is not a URL: it holds a blank or another character that is not allowed in one"
        )
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("is not a URL: its host cannot be read") from None
    if parts.scheme.lower() not in schemes:
        raise ValueError(f"is not a URL that begins with {kinds}")
    return parts


def http_url(value: str) -> str:
    """An address of a server, without credentials, query or fragment; a closing slash is taken
    off."""
    parts = _split(value, ("http", "https"))
    try:
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        port_fits = False
    if not parts.hostname or not port_fits:
        raise ValueError("is not a URL: its host or port cannot be read")
    if "@" in parts.netloc:
        raise ValueError("holds a credential, which belongs into a variable of its own")
    if parts.query or parts.fragment:
        raise ValueError("holds a query or a fragment")
    return value.rstrip("/")


def gateway(value: str) -> str:
    """The gateway's origin: ``https``, or anything on loopback."""
    parts = _split(http_url(value), ("http", "https"))
    host = parts.hostname or ""
    if parts.path:
        raise ValueError("holds a path: the origin alone is meant")
    if parts.scheme != "https" and not is_loopback(host):
        raise ValueError("is not https, so the token would travel in the clear")
    if host.endswith(".atlassian.net"):
        raise ValueError("is the address of a site, not of the gateway")
    return f"{parts.scheme}://{parts.netloc}"


def postgres(value: str) -> Secret:
    """A connection URL of PostgreSQL, which may hold a password, several hosts, or none (a
    socket)."""
    if wrong := postgres_url.fault(value):
        raise ValueError(wrong)
    return Secret(text(value))


def state_url(value: str) -> Secret:
    """``sqlite:///PATH`` or a connection URL of PostgreSQL."""
    if value.startswith("sqlite:"):
        if not re.fullmatch(r"sqlite:///[^?#]+", value):
            raise ValueError("is not sqlite:/// and a path")
        return Secret(text(value))
    if not value.startswith(postgres_url.SCHEMES):
        raise ValueError("begins neither with sqlite:/// nor with postgresql://")
    return postgres(value)
