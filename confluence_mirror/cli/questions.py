"""What a query's options say: how much is answered, and from which pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from confluence_mirror.errors import WrongUsage
from confluence_mirror.model import DOCUMENT_TYPES, DocumentType, Filter
from confluence_mirror.search import DEFAULT_LIMIT, MOST_RESULTS, Question

STDIN = "-"
"""The text of a query whose questions are lines of the standard input."""
_TYPES: tuple[DocumentType, ...] = DOCUMENT_TYPES

QUESTION_OPTIONS: dict[str, dict[str, Any]] = {
    "--limit": {
        "metavar": "N",
        "type": int,
        "help": f"most results, 1 to {MOST_RESULTS} ({DEFAULT_LIMIT})",
    },
    "--max-tokens": {
        "metavar": "N",
        "type": int,
        "help": "most tokens (cl100k_base) of all results' texts together",
    },
    "--space": {
        "metavar": "KEY",
        "action": "append",
        "help": "from this space; several with commas, or repeated",
    },
    "--label": {
        "metavar": "NAME",
        "action": "append",
        "help": "from pages that have this label, or any of several",
    },
    "--type": {
        "metavar": "TYPE",
        "action": "append",
        "help": f"of this type: {' or '.join(_TYPES)}",
    },
    "--as": {
        "metavar": "ACCOUNT",
        "help": "from what this account id may read in Confluence (ACCESS=true)",
    },
    "--modified-after": {
        "metavar": "DATE",
        "help": "from pages modified on this day or at this time, or later (UTC unless it says)",
    },
}


def make_question(text: str, options: Mapping[str, Any]) -> Question:
    """The question that these options describe. Raises ``WrongUsage``."""
    types = _names(options, "--type")
    for each in types:
        if each not in _TYPES:
            raise WrongUsage(f"--type is {' or '.join(_TYPES)}, not {each}; nothing was done.")
    where = Filter(
        space_keys=_names(options, "--space"),
        labels=_names(options, "--label"),
        page_types=types,
        modified_since=_parse_time(options.get("--modified-after")),
    )
    return Question(text, options.get("--limit", DEFAULT_LIMIT), options.get("--max-tokens"), where)


def _names(options: Mapping[str, Sequence[str]], option: str) -> tuple[str, ...]:
    given = options.get(option)
    if given is None:
        return ()
    names = [name.strip() for value in given for name in value.split(",")]
    if not all(names):
        raise WrongUsage(f"{option} needs a name; nothing was done.")
    return tuple(dict.fromkeys(names))


def _parse_time(text: str | None) -> str:
    """A day or an instant (ISO 8601), in UTC where it names no zone, as ``Filter`` has it."""
    if text is None:
        return ""
    try:
        time = datetime.fromisoformat(text.strip())
        utc = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongUsage(
            f"--modified-after is a day or a time (2026-01-31, 2026-01-31T08:15:00Z), not {text};"
            " nothing was done."
        ) from None
    return utc.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
