"""Questions to the index, in CQL.

Windows are relative (``now("-Nh")``): absolute literals are read in a time zone that we do not
control, to the minute. The minus matters, since ``now("24h")`` lies in the future, and so does the
``h``, since ``M`` is a month (Atlassian: "Advanced searching using CQL", functions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_MOST_KEYS = 50
"""Spaces that one question names."""


def quote_value(value: str) -> str:
    """A value as a CQL string: quoted always (personal space keys begin with ``~``), ``\\`` and
    ``"`` escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def changed_in(
    space_keys: Sequence[str], label_names: Sequence[str], since_hours: int, until_hours: int = 0
) -> str:
    """Pages and blog posts that changed between ``since_hours`` and ``until_hours`` ago, both ends
    included, oldest first."""
    clauses = [content_in(space_keys, label_names), f'lastmodified >= now("-{since_hours:d}h")']
    if until_hours:
        clauses.append(f'lastmodified <= now("-{until_hours:d}h")')
    return " and ".join(clauses) + " order by lastmodified asc"


def content_in(space_keys: Sequence[str], label_names: Sequence[str] = ()) -> str:
    """Pages and blog posts of these spaces (empty: of all) with any of these labels (empty:
    labelled or not)."""
    clauses = ["type in (page, blogpost)"]
    if space_keys:
        clauses.append(f"space in ({', '.join(quote_value(key) for key in space_keys)})")
    if label_names:
        clauses.append(f"label in ({', '.join(quote_value(name) for name in label_names)})")
    return " and ".join(clauses)


def folders_in(space_key: str) -> str:
    """Folders of a space."""
    return f"type = folder and space = {quote_value(space_key)}"


def content_with_ids(ids: Iterable[str]) -> str:
    """Pages and blog posts with these numeric ids."""
    return f"id in ({','.join(ids)}) and type in (page, blogpost)"


def containers_in(space_key: str) -> str:
    """What holds pages in a space and is none itself: folders, whiteboards, databases, embeds."""
    kinds = "folder, whiteboard, database, embed"
    return f"type in ({kinds}) and space = {quote_value(space_key)}"


def anything_with_ids(ids: Iterable[str]) -> str:
    """Elements of the page tree, of every type, with these numeric ids."""
    return f"id in ({','.join(ids)})"


def comments_in(space_keys: Sequence[str], page_ids: Iterable[str] | None = None) -> str:
    """Comments on the pages and blog posts of these spaces, or on these of them."""
    question = f"type = comment and space in ({', '.join(map(quote_value, space_keys))})"
    return question if page_ids is None else f"{question} and container in ({','.join(page_ids)})"


def comments_with_ids(ids: Iterable[str]) -> str:
    """Comments with these numeric ids."""
    return f"id in ({','.join(ids)}) and type = comment"


def attachments_in(space_key: str, page_ids: Iterable[str] | None = None) -> str:
    """Files on the pages and blog posts of a space, or on these of them."""
    question = f"type = attachment and space = {quote_value(space_key)}"
    return question if page_ids is None else f"{question} and container in ({','.join(page_ids)})"


def files_in(space_keys: Sequence[str]) -> str:
    """Files in these spaces; in all, where there are none or very many."""
    keys = ", ".join(map(quote_value, space_keys)) if len(space_keys) <= _MOST_KEYS else ""
    return f"type = attachment and space in ({keys})" if keys else "type = attachment"
