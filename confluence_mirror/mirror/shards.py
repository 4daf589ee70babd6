"""One of several runs that share a mirror: which spaces are its own, and which pages move to it or
from it.

A page is recorded by one shard. A chunk's id depends on its page and text alone, so a page that
moves to a space of another shard has the same rows in the store: the shard that has them leaves
them there, and what is recorded of them changes hands. The other takes it over where the former is
not at work, or has noted that the page has moved; until then it leaves the page alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from confluence_mirror.errors import Unfinished
from confluence_mirror.manifest import AssignedSpace, Generation, Manifest, Record, ShardRecord
from confluence_mirror.manifest.locks import hold_lock
from confluence_mirror.mirror.division import hash_shard, place_new
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.model import Shard
from confluence_mirror.stores.base import StoredRow
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

POLL_S = 0.5


def lock_name(store: tuple[str, str], collection: str, shard: str = "") -> str:
    """Of a mirror's lock, or of one of its shards'; ``store`` is the kind and the place."""
    return ":".join([*store, collection, *([shard] if shard else [])])


def mirror_record(
    manifest: Manifest, store: tuple[str, str], collection: str, site: str
) -> ShardRecord:
    """What the shards of a mirror have in common; ``store`` is the kind and the place."""
    return ShardRecord(manifest.database, f"{site} {' '.join(store)} {collection}")


class Shards:
    """The shards of one mirror, as the run of one of them sees them."""

    def __init__(
        self, manifest: Manifest, store: tuple[str, str], collection: str, site: str, own: Shard
    ) -> None:
        """``store`` is the kind and the place."""
        self.own = own
        self.record = mirror_record(manifest, store, collection, site)
        self._manifest = manifest
        self._store = store
        self._collection = collection
        self._site = site
        self._placed: dict[str, AssignedSpace] = {}

    def generations(self) -> list[Generation]:
        """Of every shard that a run has begun, this one among them."""
        known = self._manifest.generations(*self._store, self._collection)
        return [
            each
            for each in known
            if each.site == self._site and each.state == "current" and each.shard
        ]

    def others(self) -> list[Generation]:
        """Those of the other shards."""
        return [each for each in self.generations() if each.shard != str(self.own)]

    def record_of_others(self) -> Record | None:
        """What the other shards record, read as one; None where there is nothing yet."""
        others = self.others()
        return self._manifest.of(*others) if others else None

    # -- spaces

    def divide_scope(self, scope: Scope, *, writes: bool) -> Scope:
        """The part of a scope that is this shard's. A space that no shard has is assigned;
        ``writes`` False: nothing is recorded of that."""
        whole = {space.id: space.key for space in scope.spaces}
        assign = partial(self._assign_spaces, whole, writes=writes)
        placed = self._placed = self.record.run_alone(assign) if writes else assign()
        own = [space for space in scope.spaces if placed[space.id].shard == self.own.index]
        others = [space for space in scope.spaces if space not in own]
        log.info(
            "shard %s has %d of %s: %s",
            self.own,
            len(own),
            counted(len(whole), "space"),
            ", ".join(space.key for space in own) or "none",
        )
        return replace(scope, spaces=tuple(own), elsewhere=tuple(others))

    def _assign_spaces(self, whole: Mapping[str, str], *, writes: bool) -> dict[str, AssignedSpace]:
        placed = self.record.spaces()
        sizes = self.record.sizes(self.generations())
        new = {each: key for each, key in whole.items() if each not in placed}
        known = {each: space.shard for each, space in placed.items()}
        shards = known | place_new(new, known, sizes, self.own.count)
        changed = {
            each: AssignedSpace(key, shards[each])
            for each, key in whole.items()
            if each in new or placed[each].key != key
        }
        if writes and changed:
            self.record.record_spaces(changed)
        return placed | changed

    def decides_on(self, row: StoredRow) -> bool:
        """Whether a row of the store that no shard records is this one's: by its space, which may
        be gone."""
        key = str((row.metadata or {}).get("space_key", ""))
        shards = {space.key: space.shard for space in self._spaces().values()}
        return shards.get(key, hash_shard(key, self.own.count)) == self.own.index

    def _spaces(self) -> dict[str, AssignedSpace]:
        if not self._placed:
            self._placed = self.record.spaces()
        return self._placed

    # -- pages that move

    def find_held(self, pages: Sequence[str]) -> set[str]:
        """Of these pages those that another shard records."""
        return set(self.record.find_holders(pages, self.others()))

    def note_moved(self, record: Record, moved: Mapping[str, str], back: Sequence[str]) -> None:
        """Leave recorded pages to the shards of the spaces in which they are now (page → id of its
        space); those that are ``back`` stay."""
        spaces = self._spaces()
        shards = {
            page: str(Shard(spaces[space].shard, self.own.count)) for page, space in moved.items()
        }
        self.record.run_alone(lambda: self.record.note_moved(record.generation, shards, back))
        if moved:
            pages = counted(len(moved), "page")
            log.info("moved to spaces of other shards, for these to take over: %s", pages)

    def take_moved(self, record: Record) -> None:
        """Take over what other shards have noted as moved to a space of this one."""
        for other in self.others():
            if taken := self.record.take_moved(record, self._manifest.of(other)):
                log.info("taken over from shard %s: %s", other.shard, counted(taken, "page"))

    def take_held(self, record: Record, pages: Sequence[str], wait_s: float) -> list[str]:
        """Take over pages that other shards record, as soon as each of these has noted them or is
        not at work; given back are those that were not to be had within ``wait_s`` seconds."""
        deadline = time.monotonic() + wait_s
        while True:
            self.take_moved(record)
            holders = self.record.find_holders(pages, self.others())
            for other in self.others():
                held = [page for page, holder in holders.items() if holder == other.id]
                if held and self._take_from(record, other, held):
                    holders = {page: each for page, each in holders.items() if each != other.id}
            left = sorted(holders.keys() - record.pages(list(holders)).keys())
            if not left or time.monotonic() >= deadline:
                return left
            self._manifest.database.sleep(POLL_S)

    def _take_from(self, record: Record, other: Generation, pages: Sequence[str]) -> bool:
        """Whether the other shard was not at work, so that these pages are ours now."""
        name = lock_name(self._store, self._collection, other.shard)
        giver = self._manifest.of(other)
        try:
            with hold_lock(self._manifest.database, name, 0):
                self.record.run_alone(lambda: self.record.take_pages(record, giver, pages))
        except Unfinished:
            return False
        log.info("taken over from shard %s: %s", other.shard, counted(len(pages), "page"))
        return True
