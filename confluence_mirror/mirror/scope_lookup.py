"""Finding on the site what the settings name as the scope."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Sequence

from confluence_mirror.errors import PermissionRefused, WrongSettings
from confluence_mirror.mirror.names import fold_name, tidy_name
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.scope import RecordedScope, Scope, ScopeSpec
from confluence_mirror.model import Node, PageRef, Space

log = logging.getLogger(__name__)

_ROOT_TYPES = ("page", "folder", "whiteboard", "database", "embed")


def resolve_scope(source: Source, wanted: ScopeSpec, recorded: str = "") -> Scope:
    """Find the spaces, trees and pages that are set; log them before anything is read.

    ``recorded`` is the scope that the mirror has, in the manifest's words: a page that stands in
    it, or an excluded tree, was seen once. Where it is no longer seen, the plan decides on evidence
    what becomes of its pages. Raises ``WrongSettings`` for a name that is ambiguous,
    ``PermissionRefused`` for one that this credential does not see: Confluence does not tell that
    apart from one that is mistyped.
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
    seen_once = RecordedScope.of(recorded) if recorded else None
    found = _ItemLookup(source, visible)
    spaces = found.named_spaces(wanted)
    trees = wanted.item_values("tree")
    roots = [found.root(f"SCOPE=tree:{tree}", tree) for tree in trees]
    homes = [found.home(f"SCOPE=tree:{root.id}", root, ()) for root in roots]
    if wanted.folder_id:
        roots = [found.root(f"FILTER_FOLDER_ID={wanted.folder_id}", wanted.folder_id)]
        homes = [found.home(f"FILTER_FOLDER_ID={wanted.folder_id}", roots[0], spaces)]
        spaces = []
    pages = wanted.item_values("page")
    homes += found.homes_of_pages(pages, seen_once.pages if seen_once else ())
    all_spaces = not (wanted.space_name or wanted.space_keys or wanted.folder_id or wanted.items)
    if all_spaces:
        spaces = [
            space for space in visible if space.type != "personal" and space.status != "archived"
        ]
        log.info(
            "no space is set: mirroring every space that this credential sees, personal ones"
            " excepted"
        )
    excluded = found.excluded_roots(
        wanted.exclude_trees, seen_once.exclude_trees if seen_once else ()
    )
    scope = Scope(
        tuple(sorted({*spaces, *homes}, key=lambda space: space.key)),
        all_spaces,
        frozenset(space.id for space in spaces),
        tuple(root.id for root in roots),
        pages,
        _tidy_labels(wanted.labels),
        _tidy_labels(wanted.exclude_labels),
        wanted.exclude_trees,
        (*roots, *excluded),
        frozenset(space.id for space in visible),
        wanted.children,
    )
    _log_scope(scope)
    return scope


def _log_scope(scope: Scope) -> None:
    spaces = ", ".join(f"{space.key} ({space.name})" for space in scope.spaces) or "no space"
    only = [item for item in scope.items() if not item.startswith("space:")]
    log.info("scope: %s%s", spaces, f"; of them {', '.join(only)}" if only else "")


def _tidy_labels(labels: Iterable[str]) -> tuple[str, ...]:
    tidied = {fold_name(label): tidy_name(label).lower() for label in labels if fold_name(label)}
    return tuple(sorted(tidied.values()))


class _ItemLookup:
    """Finds one item after the other among what is visible."""

    def __init__(self, source: Source, visible: Sequence[Space]) -> None:
        self._source = source
        self._visible = visible
        self._by_id = {space.id: space for space in visible}

    # -- spaces

    def named_spaces(self, wanted: ScopeSpec) -> list[Space]:
        """Spaces by name and by key; an alias is a key, too."""
        found: dict[str, Space] = {}
        if wanted.space_name:
            space = self._space_by_name(wanted.space_name)
            found[space.id] = space
        by_key = {fold_name(space.alias): space for space in self._visible if space.alias}
        by_key |= {fold_name(space.key): space for space in self._visible}
        keys = (*wanted.space_keys, *wanted.item_values("space"))
        missing = [key for key in keys if fold_name(key) not in by_key]
        if missing:
            raise PermissionRefused(
                f"No visible space has the key {', '.join(missing)}; no page was read or removed."
                f"{_similar_names(missing[0], self._visible)}",
                hint=(
                    f"Correct {'SCOPE' if wanted.items else 'FILTER_SPACE_KEYS'}, or give the"
                    " account the right to view the space."
                ),
            )
        found.update((by_key[fold_name(key)].id, by_key[fold_name(key)]) for key in keys)
        return list(found.values())

    def _space_by_name(self, name: str) -> Space:
        exact = [space for space in self._visible if space.name == name]
        folded = [space for space in self._visible if fold_name(space.name) == fold_name(name)]
        matches = exact or folded
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
            f"{_similar_names(name, self._visible)}",
            hint="Correct SPACE_NAME, or give the account the right to view the space.",
        )

    # -- trees

    def root(self, setting: str, root_id: str) -> Node:
        """What a tree begins with."""
        node = find_root(self._source, root_id)
        if node is None:
            raise _unseen_root(setting)
        return node

    def home(self, setting: str, root: Node, wanted: Sequence[Space]) -> Space:
        """The space that holds a tree; of these, where there are any."""
        home = self._by_id.get(root.space_id)
        if home is not None and (home in wanted or not wanted):
            return home
        where = f"space {home.key}" if home else "no visible space"
        raise WrongSettings(
            f"{setting} ({root.title!r}) lies in {where}, not in the spaces that are set; no page"
            " was read or removed.",
            hint=(
                "FILTER_FOLDER_ID alone is enough: it follows the folder to whatever space it is"
                " moved to."
            ),
        )

    def excluded_roots(self, ids: Sequence[str], seen_once: Sequence[str]) -> list[Node]:
        """What the excluded trees begin with. Below one that was seen once and is gone lies
        nothing any more."""
        found: list[Node] = []
        for root_id in ids:
            node = find_root(self._source, root_id)
            if node is not None:
                found.append(node)
            elif root_id not in seen_once:
                raise _unseen_root(f"EXCLUDE_TREES={root_id}")
        return found

    # -- pages

    def homes_of_pages(self, ids: Sequence[str], seen_once: Sequence[str]) -> list[Space]:
        """The spaces of single pages and blog posts."""
        found = look_up_pages(self._source, ids)
        unseen = [
            page_id
            for page_id in ids
            if page_id not in seen_once
            and (page_id not in found or not self._is_current(found[page_id]))
        ]
        if unseen:
            ref = found.get(unseen[0])
            what = (
                f"is {ref.status}"
                if ref is not None and ref.status not in ("", "current")
                else "is not a page or blog post that this credential sees"
            )
            raise PermissionRefused(
                f"SCOPE=page:{unseen[0]} {what}; no page was read or removed.",
                hint=(
                    "Take the number from the page's address in the browser, or take the item out"
                    " of SCOPE."
                ),
            )
        homes = {ref.space_id for ref in found.values() if ref.status == "current"}
        return [self._by_id[home] for home in sorted(homes) if home in self._by_id]

    def _is_current(self, ref: PageRef) -> bool:
        return ref.is_current_in(self._by_id)


def find_root(source: Source, root_id: str) -> Node | None:
    """A page, a folder or its like by id; None where it is not visible."""
    for node_type in _ROOT_TYPES:
        node = find_element(source, root_id, node_type)
        if node is not None:
            return node
    return None


def find_element(source: Source, node_id: str, node_type: str) -> Node | None:
    """An element of the page tree. One of a type for which few tokens have the scope, and below
    which few pages lie, counts as hidden where it is missing."""
    try:
        return source.find_node(node_id, node_type)
    except PermissionRefused as refusal:
        if refusal.scope and node_type not in ("page", "folder"):
            return None
        raise


def look_up_pages(source: Source, ids: Sequence[str]) -> dict[str, PageRef]:
    """Pages and blog posts by id, as v2 has them now. ``IncompleteEvidence`` where the question is
    not answered."""
    found = dict(source.look_up(ids, "page")) if ids else {}
    rest = [page_id for page_id in ids if page_id not in found]
    return found | dict(source.look_up(rest, "blogpost") if rest else {})


def _unseen_root(setting: str) -> PermissionRefused:
    return PermissionRefused(
        f"{setting} is not a page or folder that this credential sees; no page was read or"
        " removed.",
        hint=(
            "Take the number from the folder's address in the browser; the token needs"
            " read:folder:confluence."
        ),
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
