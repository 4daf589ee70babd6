"""Where each page of a listing stands in the tree of documents."""

from __future__ import annotations

from functools import lru_cache

from confluence_mirror.document_store import paths
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.model import PageRef


class TreePaths:
    """Names pages as the site shows them: by a whole listing so that no two meet, by a part of one
    each by its title."""

    def __init__(self, listing: Listing, scope: Scope, *, whole: bool) -> None:
        self.whole = whole
        self._listing = listing
        self._spaces = scope.spaces_by_id()
        self._names = lru_cache(maxsize=20_000)(self._name_siblings)
        if whole:
            listing.tree.prepare()
            for refs in listing.refs_in_scope():
                for ref in refs:
                    listing.walk_up(ref)  # what stands above is asked for, and then in the listing

    def path(self, ref: PageRef) -> str | None:
        """The page's path; None where what stands above it cannot be read in this run."""
        if not self._listing.sees_ancestors(ref):
            return None
        return self.likely_path(ref)

    def likely_path(self, ref: PageRef) -> str:
        """The path by as much as is seen of what stands above the page."""
        chain, _ = self._listing.walk_up(ref)
        folder, parent_id = paths.safe_name(self._spaces[ref.space_id].key), ""
        named = [(node.id, node.title) for node in chain if node.title]
        for node_id, title in [*named, (ref.id, ref.title)]:
            names = self._names(parent_id, ref.space_id) if self.whole else {}
            name = names.get(node_id) or paths.safe_name(title)
            folder, parent_id = paths.folder_below(folder, name, node_id), node_id
        return paths.page_path(folder)

    def _name_siblings(self, parent_id: str, space_id: str) -> dict[str, str]:
        return paths.name_siblings(self._listing.tree.beneath(parent_id, space_id))
