"""Whether a scope is the one that was mirrored before; and where it is another, what that adds and
what it takes away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from confluence_mirror.errors import Refused
from confluence_mirror.manifest import Record
from confluence_mirror.mirror.names import fold_name
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import RecordedScope, Scope
from confluence_mirror.mirror.scope_lookup import find_element, find_root, look_up_pages
from confluence_mirror.model import Node


@dataclass(frozen=True, slots=True)
class ScopeChange:
    """What another scope means for the mirror, in words: none of both where it is the same."""

    adds: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.adds or self.removes)

    def describe(self) -> str:
        """``It adds space HR and removes tree 123.``"""
        said = {"adds": self.adds, "removes": self.removes}
        both = " and ".join(f"{verb} {', '.join(what)}" for verb, what in said.items() if what)
        return f"It {both}." if both else ""


def check_unchanged(
    scope: Scope,
    collection: str,
    source: Source,
    record: Record,
    *,
    change_meant: bool,
) -> ScopeChange | None:
    """What the scope changed, None where it is recorded as it is. ``Refused`` where that takes
    something away, unless it is meant, or nothing is mirrored yet that could go.

    A scope that only adds is accepted and read whole. "All spaces" leaves out personal and archived
    ones, so it need not hold those that were named before. A folder that was moved to another
    space, and a space that got another key, are the same scope: the settings name what they named
    before.
    """
    recorded, now = record.generation.scope, scope.record()
    if recorded == now:
        return None
    before, after = RecordedScope.of(recorded), RecordedScope.of(now)
    change = _Comparison(before, after, scope, source, record).compare()
    if change.removes and not change_meant and record.page_count():
        raise Refused(
            f"Collection {collection} mirrors {before.describe()}; this run names"
            f" {after.describe()}. {change.describe()} No page was read or removed."
            f"{_ways_out(before, after)}",
            hint="Separate: another COLLECTION_ID. Meant: --change-scope.",
        )
    return change


def _ways_out(before: RecordedScope, after: RecordedScope) -> str:
    """The union of both, where the rest is the same."""
    both = sorted({*before.items(), *after.items()})
    if not (before.items() and after.items()) or set(both) == set(after.items()):
        return ""
    return f" Both: SCOPE={','.join(both)} in one job."


class _Comparison:
    """Compares two scopes: what one of them names, and the other does not hold."""

    def __init__(
        self,
        before: RecordedScope,
        after: RecordedScope,
        scope: Scope,
        source: Source,
        record: Record,
    ) -> None:
        self._before = before
        self._after = after
        self._scope = scope
        self._source = source
        self._record = record
        self._keys = {space.id: space.key for space in source.list_spaces()}
        self._ids_before = self._space_ids(before)
        self._counts = _count_recorded(record)

    def _space_ids(self, recorded: RecordedScope) -> set[str]:
        """Ids of the spaces that were mirrored whole: records of earlier versions have keys
        alone."""
        if recorded.space_ids is not None:
            return set(recorded.space_ids)
        ids = {key: space_id for space_id, key in self._keys.items()}
        return {ids.get(key, key) for key in recorded.spaces}

    def compare(self) -> ScopeChange:
        """All of it."""
        before, after = self._before, self._after
        adds, removes = self._compare_spaces()
        adds += self._added_trees() + self._added_pages()
        removes += self._lost_trees() + self._lost_pages()
        wider, narrower = self._compare_labels()
        less, more = _difference(before.exclude_labels, after.exclude_labels)
        adds += wider + [f"pages labelled {label}" for label in less]
        removes += narrower + [self._say_labelled(label) for label in more]
        less, more = _difference(before.exclude_trees, after.exclude_trees)
        adds += [f"tree {each}" for each in less]
        removes += [f"tree {each}" for each in more]
        less, more = _difference(before.children, after.children)
        adds += [f"{each}s" for each in more]
        removes += [f"{each}s{_said(self._counts.types[each])}" for each in less]
        return ScopeChange(tuple(adds), tuple(removes))

    # -- places

    def _compare_spaces(self) -> tuple[list[str], list[str]]:
        """Spaces that are mirrored whole: the same where their ids are, since a key may change."""
        before, after, whole = self._before, self._after, self._scope.whole
        if before.all_spaces:
            lost = set() if after.all_spaces else set(self._counts.spaces) - whole
            others = [] if after.all_spaces or lost else ["all other spaces"]
            return [], [self._say_space(each) for each in self._sorted(lost)] + others
        lost = self._ids_before - whole
        new = [f"space {self._keys[each]}" for each in self._sorted(whole - self._ids_before)]
        adds = ["all other spaces"] if after.all_spaces else new
        return adds, [self._say_space(each) for each in self._sorted(lost)]

    def _sorted(self, ids: Iterable[str]) -> list[str]:
        return sorted(ids, key=lambda each: self._keys.get(each, each))

    def _added_trees(self) -> list[str]:
        if self._before.all_spaces:
            return []
        ids, trees = self._ids_before, self._before.trees
        return [
            f"tree {root.id}"
            for root in self._scope.roots
            if root.id in self._after.trees and not self._is_held(root, ids, trees)
        ]

    def _added_pages(self) -> list[str]:
        new = [each for each in self._after.pages if each not in self._before.pages]
        recorded = self._record.pages(new)
        return [f"page {each}" for each in new if each not in recorded]

    def _lost_trees(self) -> list[str]:
        left = [each for each in self._before.trees if each not in self._after.trees]
        found = {each: find_root(self._source, each) for each in left}
        return [f"tree {each}" for each, root in found.items() if not self._is_held_now(root)]

    def _lost_pages(self) -> list[str]:
        left = [each for each in self._before.pages if each not in self._after.pages]
        recorded = self._record.pages(left)
        found = look_up_pages(self._source, [each for each in left if each in recorded])
        nodes = {
            each: Node(ref.id, ref.type, ref.title, ref.parent_id, ref.parent_type, ref.space_id)
            for each, ref in found.items()
        }
        return [f"page {each}" for each in recorded if not self._is_held_now(nodes.get(each))]

    def _is_held_now(self, node: Node | None) -> bool:
        return node is not None and self._is_held(node, self._scope.whole, self._after.trees)

    def _is_held(self, node: Node, spaces: Collection[str], trees: Collection[str]) -> bool:
        """Whether an element lies in one of these spaces or trees, as v2 has its parents now."""
        if node.space_id in spaces:
            return True
        seen: set[str] = set()
        at: Node | None = node
        while at is not None and at.id not in seen:
            if at.id in trees:
                return True
            seen.add(at.id)
            above, kind = at.parent_id, at.parent_type
            at = find_element(self._source, above, kind or "page") if above and trees else None
        return False

    # -- labels

    def _compare_labels(self) -> tuple[list[str], list[str]]:
        """``LABELS`` narrows: without any, all pages are in the scope."""
        before, after = self._before.labels, self._after.labels
        less, more = _difference(before, after)
        if before and not after:
            return [f"pages that have none of the labels {', '.join(before)}"], []
        if after and not before:
            return [], [f"pages that have none of the labels {', '.join(after)}"]
        return (
            [f"pages labelled {label}" for label in more],
            [self._say_labelled(label) for label in less],
        )

    def _say_space(self, space_id: str) -> str:
        kept = sorted(self._scope.roots_in(space_id, self._after.trees))
        but = f" but for tree {', '.join(kept)}" if kept else ""
        return (
            f"space {self._keys.get(space_id, space_id)}{_said(self._counts.spaces[space_id])}{but}"
        )

    def _say_labelled(self, label: str) -> str:
        return f"pages labelled {label}{_said(self._counts.labels[fold_name(label)])}"


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is recorded: pages by space and by label, and documents by type."""

    spaces: Counter[str]
    labels: Counter[str]
    types: Counter[str]


def _count_recorded(record: Record) -> _Counts:
    found = _Counts(Counter(), Counter(), Counter())
    for rows in record.all_pages():
        pages = [row for row in rows if not row.is_child]
        found.types.update(row.type for row in rows)
        found.spaces.update(row.space_id for row in pages if row.placed)
        found.labels.update(fold_name(label) for row in pages for label in row.labels)
    return found


def _difference(before: Iterable[str], after: Iterable[str]) -> tuple[list[str], list[str]]:
    """What only the first has, and what only the second."""
    old = {fold_name(each): each for each in before}
    new = {fold_name(each): each for each in after}
    return (
        [each for name, each in old.items() if name not in new],
        [each for name, each in new.items() if name not in old],
    )


def _said(recorded: int) -> str:
    return f" ({recorded:,} recorded)" if recorded else ""
