"""Who may read each listed page: the viewers of its space, and of those the audience of every
restricted element from the root of its tree down to the page itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from confluence_mirror.access import CLOSED, Conjunction, load_conjunction, make_conjunction
from confluence_mirror.batches import in_batches
from confluence_mirror.errors import NOT_ANSWERED, PermissionRefused
from confluence_mirror.manifest import Record
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.ports import Source
from confluence_mirror.model import Audience, Indexed, Node, PageRef, Restrictions, Space
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

MOST_ASKED = 500
"""Elements of which the index does not tell, that are asked for on their own routes in one run."""
_BATCH = 250
_MOST_REMEMBERED = 20_000


class PageReaders:
    """Readers of the pages of one listing. What cannot be learned in this run is closed."""

    def __init__(self, source: Source, listing: Listing) -> None:
        self._source = source
        self._listing = listing
        self._viewers: dict[str, Audience | None] = {}
        self._conjunctions: dict[str, Conjunction] = {CLOSED.key: CLOSED}
        self._closed = 0
        """Documents that nobody may read."""
        self._above: dict[str, Restrictions | None] = {}
        """What stands above the pages below an element, by its id."""

    def learn_viewers(self, space: Space) -> None:
        """Who may view a space."""
        viewers = self._viewers[space.id] = self._source.viewers_of(space)
        if viewers is None:
            self._listing.notices.add(
                f"who may view space {space.key} cannot be read: its pages are closed to everybody"
            )

    def learn_containers(self, space: Space, *, nodes: bool) -> None:
        """The folders, whiteboards, databases and embeds of a space; with ``nodes`` their places
        in the tree too, as the index has them."""
        for batch in in_batches(self._containers(space), _BATCH):
            if nodes:
                self._listing.keep_nodes(node for node, _ in batch)
            known = {node.id: found for node, found in batch if found is not None}
            self._listing.readers.add_restrictions(known)

    def _containers(self, space: Space) -> Iterator[tuple[Node, Restrictions | None]]:
        try:
            yield from self._source.list_containers(space.key)
        except NOT_ANSWERED as failure:
            if isinstance(failure, PermissionRefused) and failure.scope:
                raise
            log.warning("folders of space %s were not listed to their end: %s", space.key, failure)

    def add_indexed(self, found: Sequence[Indexed]) -> None:
        """What rows of the index tell of pages."""
        known = {each.id: each.restrictions for each in found if each.restrictions is not None}
        self._listing.readers.add_restrictions(known)

    def assign_keys(self) -> None:
        """Give every page in scope its key, and what hangs on it the same. What the index did not
        tell is asked for first."""
        self._ask_unknown()
        for refs in self._listing.refs_in_scope():
            own = self._listing.readers.restrictions_of([ref.id for ref in refs])
            made = {ref.id: self._conjunction_of(ref, own.get(ref.id)) for ref in refs}
            self._closed += sum(each == CLOSED for each in made.values())
            self._conjunctions.update((each.key, each) for each in made.values())
            self._listing.readers.set_keys({page: each.key for page, each in made.items()})
        for refs in self._listing.children_in_scope():
            pages = self._listing.readers.keys_of([ref.parent_id or "" for ref in refs])
            keys = {ref.id: pages.get(ref.parent_id or "", CLOSED.key) for ref in refs}
            self._closed += sum(key == CLOSED.key for key in keys.values())
            self._listing.readers.set_keys(keys)

    def _ask_unknown(self) -> None:
        unknown: set[str] = set()
        for refs in self._listing.refs_in_scope():
            elements = {ref.id for ref in refs}
            parents = {ref.parent_id: ref for ref in refs}
            for ref in parents.values():
                elements.update(node.id for node in self._listing.walk_up(ref)[0])
            known = self._listing.readers.restrictions_of(list(elements))
            unknown |= elements - known.keys()
        if unknown:
            found = self._source.restrictions_of(sorted(unknown), MOST_ASKED)
            self._listing.readers.add_restrictions(found)

    def _conjunction_of(self, ref: PageRef, own: Restrictions | None) -> Conjunction:
        above = self._inherited(ref)
        if own is None or above is None:
            return CLOSED
        return make_conjunction([self._viewers.get(ref.space_id), *above, *own])

    def _inherited(self, ref: PageRef) -> Restrictions | None:
        """What all that stands above a page asks of its readers; None where some of it is not
        known. Remembered for those that have one parent."""
        if ref.parent_id is None:
            return ()
        if ref.parent_id not in self._above:
            if len(self._above) >= _MOST_REMEMBERED:
                self._above.clear()
            self._above[ref.parent_id] = self._learn_inherited(ref)
        return self._above[ref.parent_id]

    def _learn_inherited(self, ref: PageRef) -> Restrictions | None:
        above, sight = self._listing.walk_up(ref)
        known = self._listing.readers.restrictions_of([node.id for node in above])
        if sight != "whole" or len(known) < len({node.id for node in above}):
            return None
        return tuple({audience for each in known.values() for audience in each})

    def differing(self, record: Record) -> list[str]:
        """Listed pages that are recorded for other readers, or under a key without a conjunction
        of its own."""
        dumped = record.readers.conjunctions()
        sound = {key for key, text in dumped.items() if load_conjunction(text).key == key}
        found: list[str] = []
        for ids in record.page_ids():
            keys, recorded = self._listing.readers.keys_of(ids), record.readers.keys_of(ids)
            found += [
                page for page, key in keys.items() if recorded[page] != key or key not in sound
            ]
        return found

    def record(self, record: Record, *, whole: bool) -> None:
        """From now on the record has these readers and no others, whatever becomes of the pages'
        chunks in this run. ``whole``: a recorded page that is not listed is closed."""
        dumped = {key: each.dump() for key, each in self._conjunctions.items()}
        record.readers.record_conjunctions(dumped, alone=whole)
        closed_before = 0
        for ids in record.page_ids():
            keys = self._listing.readers.keys_of(ids)
            before = record.readers.keys_of(ids)
            closed_before += sum(key == before[page] == CLOSED.key for page, key in keys.items())
            if whole:
                keys = dict.fromkeys(ids, CLOSED.key) | keys
            record.readers.record_keys(
                {page: key for page, key in keys.items() if before[page] != key}
            )
        self._tell_closed(self._closed - closed_before)

    def _tell_closed(self, newly: int) -> None:
        """Once for a document: what is told every night is read by nobody."""
        if newly:
            log.warning(
                "closed to everybody from now on: %s whose readers could"
                " not be learned (or that are restricted to nobody)",
                counted(newly, "document"),
            )
        if self._closed:
            log.info("closed to everybody: %s", counted(self._closed, "document"))
