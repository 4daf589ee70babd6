"""What a run mirrors: the union of spaces, trees and pages, less what is excluded from it, narrowed
by labels. As it is set, as it was found, and as the manifest keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluence_mirror.model import CHILD_TYPES, ChildType, Node, PageRef, Space

_CHILD_SETTINGS = {
    "ATTACHMENTS": {"attachment": "true"},
    "COMMENTS": {"resolved comment": "all", "comment": "open"},
}
"""The settings that a scope's child documents come from, and their values, the widest first."""


@dataclass(frozen=True, slots=True)
class ScopeSpec:
    """The scope as it is set."""

    space_name: str = ""
    space_keys: tuple[str, ...] = ()
    folder_id: str = ""
    """A tree that must lie in the spaces that are set, where there are any."""
    labels: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    """See ``Scope``."""
    items: tuple[str, ...] = ()
    """``space:KEY``, ``tree:ID`` and ``page:ID``: then the first three are empty."""
    exclude_labels: tuple[str, ...] = ()
    exclude_trees: tuple[str, ...] = ()

    @property
    def has_trees(self) -> bool:
        """Whether folders decide what belongs to it."""
        return bool(self.folder_id or self.item_values("tree") or self.exclude_trees)

    def item_values(self, kind: str) -> tuple[str, ...]:
        """What the items of one kind name."""
        parts = (item.partition(":") for item in self.items)
        return tuple(dict.fromkeys(value for word, _, value in parts if word == kind))


@dataclass(frozen=True, slots=True)
class Scope:
    """The scope as it was found on the site.

    Whether a page belongs to it is decided by its row alone, its space or its id, where
    ``decided_by_row`` says so. Else it takes what stands above it and the labels, which are known
    when the listing is complete, and not before.
    """

    spaces: tuple[Space, ...]
    """Every space in which a part of it lies."""
    all_spaces: bool
    whole: frozenset[str] = frozenset()
    """Ids of the spaces that are mirrored whole."""
    trees: tuple[str, ...] = ()
    """Ids of pages and folders that are mirrored with all that lies below them."""
    pages: tuple[str, ...] = ()
    """Ids of single pages and blog posts, whether they can be seen today or not."""
    labels: tuple[str, ...] = ()
    exclude_labels: tuple[str, ...] = ()
    exclude_trees: tuple[str, ...] = ()
    """Ids, whether they can be seen today or not."""
    roots: tuple[Node, ...] = ()
    """What the trees, mirrored and excluded, begin with, as it is now; no part of the record."""
    visible: frozenset[str] = frozenset()
    """Ids of all spaces that the credential sees, in the scope or not."""
    children: tuple[str, ...] = ()
    """What of pages is mirrored beside them: types of child documents, which stand for the current
    ones, and types behind a status (``resolved comment``)."""
    elsewhere: tuple[Space, ...] = ()
    """Spaces of the same scope that other shards mirror (``mirror.shards``)."""

    def lone_tree(self) -> str:
        """The tree that it consists of, where it is nothing else; else empty."""
        return self.trees[0] if len(self.trees) == 1 and not (self.whole or self.pages) else ""

    @property
    def decided_by_row(self) -> bool:
        """Whether a row of a listing is in the scope by its space or its id, whatever else is
        listed."""
        narrowed = self.trees or self.labels or self.exclude_labels or self.exclude_trees
        return not narrowed

    def deciding_types(self) -> tuple[str, ...]:
        """Types of elements, other than pages, that decide what belongs to it. Few tokens have the
        scopes of all: a page below one that cannot be seen is not taken for part of a tree."""
        if self.exclude_trees:
            return ("folder", "whiteboard", "database", "embed")
        return ("folder",) if self.trees else ()

    @property
    def by_label(self) -> bool:
        """Whether labels decide what belongs to it."""
        return bool(self.labels or self.exclude_labels)

    @property
    def narrows(self) -> bool:
        """Whether not all of its spaces is mirrored."""
        return bool(self.pages) or not self.decided_by_row

    def listed_spaces(self) -> list[Space]:
        """The spaces that are listed to find what belongs to it: single pages are asked for."""
        return [space for space in self.spaces if self.lists_space(space.id)]

    def lists_space(self, space_id: str) -> bool:
        """Whether it is mirrored whole, or holds a tree that is."""
        return space_id in self.whole or bool(self.roots_in(space_id, self.trees))

    def roots_in(self, space_id: str, trees: Iterable[str] | None = None) -> set[str]:
        """Ids of the roots that lie in a space: of these trees, or of all that decide."""
        wanted = {*self.trees, *self.exclude_trees} if trees is None else set(trees)
        return {root.id for root in self.roots if root.space_id == space_id and root.id in wanted}

    def nominates(self, ref: PageRef) -> bool:
        """Whether a complete listing shows it where it is current, in the scope or not."""
        return ref.id in self.pages or self.lists_space(ref.space_id)

    def child_types(self) -> list[ChildType]:
        """The types of child documents that are mirrored."""
        return [each for each in CHILD_TYPES if each in self.children]

    def wants(self, ref: PageRef) -> bool:
        """Whether a child document is to be mirrored, if its page is."""
        named = ref.type if ref.status == "current" else f"{ref.status} {ref.type}"
        return named in self.children

    def record(self) -> str:
        """As the manifest keeps it. All spaces are recorded as such: one that appears is not a
        changed scope. One tree alone is recorded with its space, as it ever was."""
        alone = self.lone_tree()
        every = (*self.spaces, *self.elsewhere)
        named = [space for space in every if alone or space.id in self.whole]
        value: dict[str, Any] = {
            "spaces": "all" if self.all_spaces else sorted(space.key for space in named),
            "folder": alone,
            "labels": sorted(self.labels),
        }
        if not self.all_spaces:
            value["ids"] = sorted(space.id for space in named)
        more = {
            "children": self.children,
            "trees": () if alone else self.trees,
            "pages": self.pages,
            "exclude_labels": self.exclude_labels,
            "exclude_trees": self.exclude_trees,
        }
        return json.dumps(value | {name: sorted(found) for name, found in more.items() if found})

    def describe(self) -> str:
        """For people: the settings that name this scope."""
        return describe_scope(self.record())

    def items(self) -> tuple[str, ...]:
        """In the words of ``SCOPE``; empty where it is all spaces."""
        return RecordedScope.of(self.record()).items()

    def spaces_by_id(self) -> dict[str, Space]:
        """Spaces by their id."""
        return {space.id: space for space in self.spaces}


@dataclass(frozen=True, slots=True)
class RecordedScope:
    """A scope as the manifest has it."""

    all_spaces: bool
    spaces: tuple[str, ...]
    """Keys of those that are mirrored whole."""
    space_ids: tuple[str, ...] | None
    """Their ids; None in records of earlier versions."""
    trees: tuple[str, ...]
    pages: tuple[str, ...]
    labels: tuple[str, ...]
    exclude_labels: tuple[str, ...]
    exclude_trees: tuple[str, ...]
    children: tuple[str, ...]

    @classmethod
    def of(cls, record: str) -> RecordedScope:
        """From the text in the manifest."""
        value = json.loads(record)
        everything, folder = value["spaces"] == "all", value["folder"]
        keys = () if everything or folder else tuple(value["spaces"])
        ids = value.get("ids") if keys else ()
        lists = {name: tuple(value.get(name, ())) for name in _LISTS}
        trees = (folder, *lists.pop("trees")) if folder else lists.pop("trees")
        return cls(everything, keys, None if ids is None else tuple(ids), trees, **lists)

    def items(self) -> tuple[str, ...]:
        """In the words of ``SCOPE``; empty where it is all spaces, and nothing beside them."""
        return (
            *(f"space:{key}" for key in self.spaces),
            *(f"tree:{tree}" for tree in self.trees),
            *(f"page:{page}" for page in self.pages),
        )

    def describe(self) -> str:
        """In the words of the settings: ``SCOPE=space:DOCS,tree:123 LABELS=runbook``."""
        parts = ["all spaces"] if self.all_spaces else []
        lists = {
            "SCOPE": self.items(),
            "LABELS": self.labels,
            "EXCLUDE_LABELS": self.exclude_labels,
            "EXCLUDE_TREES": self.exclude_trees,
        }
        parts += [f"{name}={','.join(found)}" for name, found in lists.items() if found]
        for name, words in _CHILD_SETTINGS.items():
            parts += [f"{name}={each}" for word, each in words.items() if word in self.children][:1]
        return " ".join(parts)


_LISTS = ("trees", "pages", "labels", "exclude_labels", "exclude_trees", "children")


def describe_scope(record: str) -> str:
    """A recorded scope in the words of the settings."""
    return RecordedScope.of(record).describe()


def recorded_spaces(record: str) -> tuple[str, ...]:
    """The spaces of a recorded scope, for a report."""
    spaces = json.loads(record)["spaces"]
    return ("all spaces",) if spaces == "all" else tuple(spaces)
