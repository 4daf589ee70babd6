"""What a run mirrors: spaces, narrowed by a folder and labels; and whether that is what was
mirrored before."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from confluence_mirror.errors import PermissionRefused, Refused, WrongSettings
from confluence_mirror.mirror.names import fold_name, tidy_name
from confluence_mirror.mirror.ports import Source
from confluence_mirror.model import CHILD_TYPES, ChildType, Node, PageRef, Space

log = logging.getLogger(__name__)

_CHILD_SETTINGS = {
    "ATTACHMENTS": {"attachment": "true"},
    "COMMENTS": {"resolved comment": "all", "comment": "open"},
}
"""The settings that a scope's child documents come from, and their values, the widest first."""
_FOLDER_TYPES = ("page", "folder", "whiteboard", "database", "embed")


@dataclass(frozen=True, slots=True)
class ScopeSpec:
    """The scope as it is set."""

    space_name: str = ""
    space_keys: tuple[str, ...] = ()
    folder_id: str = ""
    labels: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    """See ``Scope``."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope as it was found on the site."""

    spaces: tuple[Space, ...]
    all_spaces: bool
    folder_id: str = ""
    labels: tuple[str, ...] = ()
    folder_title: str = ""
    """As it is now; no part of the record."""
    visible: frozenset[str] = frozenset()
    """Ids of all spaces that the credential sees, in the scope or not."""
    children: tuple[str, ...] = ()
    """What of pages is mirrored beside them: types of child documents, which stand for the current
    ones, and types behind a status (``resolved comment``)."""

    def child_types(self) -> list[ChildType]:
        """The types of child documents that are mirrored."""
        return [each for each in CHILD_TYPES if each in self.children]

    def wants(self, ref: PageRef) -> bool:
        """Whether a child document is to be mirrored, if its page is."""
        named = ref.type if ref.status == "current" else f"{ref.status} {ref.type}"
        return named in self.children

    def record(self) -> str:
        """As the manifest keeps it. All spaces are recorded as such: one that appears is not a
        changed scope."""
        keys = "all" if self.all_spaces else sorted(space.key for space in self.spaces)
        more: dict[str, list[str]] = {}
        if not self.all_spaces:
            more["ids"] = sorted(space.id for space in self.spaces)
        if self.children:
            more["children"] = sorted(self.children)
        return json.dumps(
            {"spaces": keys, "folder": self.folder_id, "labels": sorted(self.labels), **more}
        )

    def describe(self) -> str:
        """For people: the settings that name this scope."""
        return describe_scope(self.record())

    def spaces_by_id(self) -> dict[str, Space]:
        """Spaces by their id."""
        return {space.id: space for space in self.spaces}


def describe_scope(record: str) -> str:
    """A recorded scope in the words of the settings."""
    value = json.loads(record)
    spaces = value["spaces"]
    parts = ["all spaces" if spaces == "all" else f"FILTER_SPACE_KEYS={','.join(spaces)}"]
    parts += [f"FILTER_FOLDER_ID={value['folder']}"] if value["folder"] else []
    parts += [f"LABELS={','.join(value['labels'])}"] if value["labels"] else []
    children = value.get("children", ())
    for name, words in _CHILD_SETTINGS.items():
        parts += [f"{name}={each}" for word, each in words.items() if word in children][:1]
    return " ".join(parts)


def recorded_spaces(record: str) -> tuple[str, ...]:
    """The spaces of a recorded scope, for a report."""
    spaces = json.loads(record)["spaces"]
    return ("all spaces",) if spaces == "all" else tuple(spaces)


def resolve_scope(source: Source, wanted: ScopeSpec) -> Scope:
    """Find the spaces (and the folder) that are set; log them before anything is read.

    Raises ``WrongSettings`` for a name that is unknown or ambiguous, ``PermissionRefused`` for a
    key that this credential does not see: Confluence does not tell the two apart.
    """
    visible = source.list_spaces()
    if not visible:
        raise PermissionRefused(
            "This credential sees no space at all; no page was read.",
            hint=(
                "Check CONF_CLOUD_ID, CONF_USER and CONF_API_TOKEN, the token's scope"
                " read:space:confluence, and that the account may use Confluence."
            ),
        )
    spaces = _named_spaces(wanted, visible)
    folder: Node | None = None
    if wanted.folder_id:
        folder = _find_folder(source, wanted.folder_id)
        spaces = _space_of_folder(folder, spaces, visible)
    all_spaces = not (wanted.space_name or wanted.space_keys or wanted.folder_id)
    if all_spaces:
        spaces = tuple(
            space for space in visible if space.type != "personal" and space.status != "archived"
        )
        log.info(
            "no space is set: mirroring every space that this credential sees, personal ones"
            " excepted"
        )
    log.info(
        "scope: %s", ", ".join(f"{space.key} ({space.name})" for space in spaces) or "no space"
    )
    labels = {
        fold_name(label): tidy_name(label).lower() for label in wanted.labels if fold_name(label)
    }
    return Scope(
        spaces,
        all_spaces,
        wanted.folder_id,
        tuple(sorted(labels.values())),
        folder.title if folder else "",
        frozenset(space.id for space in visible),
        wanted.children,
    )


def _named_spaces(wanted: ScopeSpec, visible: Sequence[Space]) -> tuple[Space, ...]:
    found: dict[str, Space] = {}
    if wanted.space_name:
        space = _space_by_name(wanted.space_name, visible)
        found[space.id] = space
    by_key = {fold_name(space.alias): space for space in visible if space.alias}
    by_key |= {fold_name(space.key): space for space in visible}
    missing = [key for key in wanted.space_keys if fold_name(key) not in by_key]
    if missing:
        raise PermissionRefused(
            f"No visible space has the key {', '.join(missing)}; no page was read or removed."
            f"{_similar_names(missing[0], visible)}",
            hint="Correct FILTER_SPACE_KEYS, or give the account the right to view the space.",
        )
    for key in wanted.space_keys:
        space = by_key[fold_name(key)]
        found[space.id] = space
    return tuple(sorted(found.values(), key=lambda space: space.key))


def _space_by_name(name: str, visible: Sequence[Space]) -> Space:
    exact = [space for space in visible if space.name == name]
    matches = exact or [space for space in visible if fold_name(space.name) == fold_name(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        keys = ", ".join(sorted(space.key for space in matches))
        raise WrongSettings(
            f"SPACE_NAME={name!r} is the name of several spaces (keys {keys}).",
            hint="Name one in FILTER_SPACE_KEYS.",
        )
    raise PermissionRefused(
        f"No visible space is named {name!r}; no page was read or removed."
        f"{_similar_names(name, visible)}",
        hint="Correct SPACE_NAME, or give the account the right to view the space.",
    )


def _similar_names(word: str, visible: Sequence[Space]) -> str:
    labels = {text.casefold(): space for space in visible for text in (space.name, space.key)}
    near = [
        labels[match]
        for match in difflib.get_close_matches(word.casefold(), labels, n=3, cutoff=0.5)
    ]
    shown = ", ".join(f"{s.name!r} ({s.key})" for s in dict.fromkeys(near))
    others = ", ".join(f"{s.name!r} ({s.key})" for s in list(visible)[:10])
    more = f" and {len(visible) - 10} more" if len(visible) > 10 else ""
    return (f" Near: {shown}." if shown else "") + f" Visible: {others}{more}."


def _space_of_folder(
    folder: Node, wanted: Sequence[Space], visible: Sequence[Space]
) -> tuple[Space, ...]:
    """The space that holds the folder."""
    home = next((space for space in visible if space.id == folder.space_id), None)
    if home is not None and (home in wanted or not wanted):
        return (home,)
    where = f"space {home.key}" if home else "no visible space"
    raise WrongSettings(
        f"FILTER_FOLDER_ID={folder.id} ({folder.title!r}) lies in {where}, "
        "not in the spaces that are set; no page was read or removed.",
        hint=(
            "FILTER_FOLDER_ID alone is enough: it follows the folder to whatever space it is"
            " moved to."
        ),
    )


def _find_folder(source: Source, folder_id: str) -> Node:
    """What FILTER_FOLDER_ID names."""
    for node_type in _FOLDER_TYPES:
        node = source.find_node(folder_id, node_type)
        if node is not None:
            return node
    raise PermissionRefused(
        f"FILTER_FOLDER_ID={folder_id} is not a page or folder that this credential sees; no page"
        " was read or removed.",
        hint=(
            "Take the number from the folder's address in the browser; the token needs"
            " read:folder:confluence."
        ),
    )


def check_unchanged(recorded: str, scope: Scope, collection: str, *, change_meant: bool) -> bool:
    """Whether the scope grew (True) or is the recorded one (False); any other change is refused
    unless it is meant.

    A scope that only adds spaces, or child documents, is accepted and read whole. "All spaces"
    leaves out personal and archived ones, so it need not hold those that were named before. A
    folder that was moved to another space, and a space that got another key, are the same scope:
    the settings name what they named before.
    """
    now = scope.record()
    if recorded == now:
        return False
    before, after = json.loads(recorded), json.loads(now)
    same_labels = set(map(fold_name, before["labels"])) == set(map(fold_name, after["labels"]))
    fewer_children = set(before.get("children", ())) - set(after.get("children", ()))
    same_filters = before["folder"] == after["folder"] and same_labels and not fewer_children
    if same_filters and (before["folder"] or before.get("ids", ()) == after.get("ids", "none")):
        return True
    lost = (
        set()
        if before["spaces"] == "all"
        else set(before["spaces"]) - {space.key for space in scope.spaces}
    )
    only_adds = not lost and (before["spaces"] != "all" or after["spaces"] == "all")
    if not (same_filters and only_adds and not before["folder"]) and not change_meant:
        both = (
            f" All spaces are without {', '.join(sorted(lost))}."
            if lost and after["spaces"] == "all"
            else ""
        )
        if same_filters and before["spaces"] != "all" and after["spaces"] != "all":
            both = (
                " Both:"
                f" FILTER_SPACE_KEYS={','.join(sorted({*before['spaces'], *after['spaces']}))} in"
                " one job."
            )
        raise Refused(
            f"Collection {collection} mirrors {describe_scope(recorded)}; this run names"
            f" {describe_scope(now)}. No page was read or removed.{both}",
            hint="Separate: another COLLECTION_ID. Meant: --change-scope.",
        )
    return True
