"""Whose collection is it: finding the mirror that this run continues, or making it.

A mirror is one site and one scope in one collection; the collection is known by the id that the store gives it.
Rows that are not ours are never touched, adopted or counted as drift.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from confluence_sync.errors import Refused, WrongSettings
from confluence_sync.manifest import ChunkRow, Generation, Manifest, PageRow
from confluence_sync.mirror import metadata
from confluence_sync.mirror.recorded import generations
from confluence_sync.mirror.scope import Scope, check_unchanged
from confluence_sync.stores.base import Capabilities, Collection, Store, Stored

log = logging.getLogger(__name__)

WriteMode = Literal["auto", "upsert", "rotate", "append"]

BATCH = 500
PAUSE = timedelta(hours=25)
"""A nightly job's last run is no longer ago. Otherwise the manifest may come from a backup that later runs outdated."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What this run asks for."""

    site: str
    collection: str
    scope: Scope
    write_mode: WriteMode = "auto"
    change_scope: bool = False
    now: datetime | None = None
    """By the gateway's clock; None: by ours."""
    hint: str = ""
    """The collection's id as someone remembers it: believed only where the store gives it the right name."""


@dataclass(frozen=True, slots=True)
class Found:
    """The mirror as it stands. ``generation`` is None where only a rotation can begin it."""

    generation: Generation | None
    collection: Collection | None
    must_rotate: bool = False
    """What is in the collection cannot be told for certain, so another must be built."""


def check_mode(mode: WriteMode, can: Capabilities) -> None:
    """Say which write mode is in force and why; refuse one that the store cannot keep."""
    if mode == "upsert" and not (can.replaces and can.deletes):
        raise WrongSettings(
            "WRITE_MODE=upsert, but this store cannot replace and remove single chunks; nothing was written.",
            hint="Leave WRITE_MODE at auto (it rotates where something must go), or use another store.",
        )
    if can.deletes and can.replaces:
        why = "the store replaces and removes chunks by id"
    else:
        why = "new chunks are added; as soon as something must go, a new collection is built (rotation)"
    log.info("write mode: %s%s", mode, f": {why}" if mode == "auto" else "")
    if mode == "append":
        log.warning("WRITE_MODE=append: what changes or disappears in Confluence stays in the store")


class Ownership:
    """Finds or begins the generation that a run works on. Everything here happens under the mirror's lock."""

    def __init__(self, manifest: Manifest, store: Store, can: Capabilities, claim: Claim) -> None:
        self._manifest = manifest
        self._store = store
        self._can = can
        self._claim = claim

    def current(self) -> Generation | None:
        """The recorded generation; refuses a collection that mirrors another site."""
        known = generations(self._manifest, self._store, self._claim.collection)
        others = [each for each in known if each.site != self._claim.site and each.state == "current"]
        if others:
            raise Refused(
                f"Collection {self._claim.collection} mirrors site {others[0].site}; this run is set to site "
                f"{self._claim.site}. Nothing was read or removed.",
                hint="Set another COLLECTION_ID, or correct CONF_CLOUD_ID.",
            )
        return next((each for each in known if each.state == "current"), None)

    def open(self, *, writes: bool = True) -> Found:
        """Continue the recorded mirror, adopt what a lost manifest left behind, or begin a new one.

        ``writes`` False: nothing is changed in the store where a mirror begins that is there already.
        """
        generation = self.current()
        if generation is None:
            return self._begin(writes=writes)
        if self._changed_scope(generation):
            log.info("the scope changed: the whole of it is read")
            generation = self._manifest.rescope(generation, self._claim.scope.record())
        return self._check_store(generation)

    def look(self) -> Generation | None:
        """``open`` for a run that writes nothing: the recorded mirror as this run would find it."""
        generation = self.current()
        if generation is None or not self._changed_scope(generation):
            return generation
        return replace(generation, scope=self._claim.scope.record(), watermark=None, reconciled_at=None)

    def _changed_scope(self, generation: Generation) -> bool:
        """Whether the scope is another one, and may be."""
        claim = self._claim
        return check_unchanged(generation.scope, claim.scope, claim.collection, change_meant=claim.change_scope)

    def _check_store(self, generation: Generation) -> Found:
        """The store may have lost what the manifest vouches for: noticed before anything is skipped."""
        collection = self._store.find(generation.collection_id)
        recorded = self._manifest.chunk_count(generation)
        if collection is None:
            log.warning("collection %s is gone from the store: filling a new one", generation.collection_id)
            self._manifest.forget_generation(generation)
            return self._begin()
        lost = not self._store.holds_data(collection) if recorded else self._is_dead(collection)
        if lost:
            log.warning("collection %s lost its data: filling it again", collection.name)
            return self._emptied(generation, collection)
        self._settle(generation, collection)
        if self._can.lists:
            self._compare(generation, collection)
        return Found(generation, collection)

    def _emptied(self, generation: Generation, collection: Collection) -> Found:
        """Forget what was written. A store that a restart has killed is dropped and made anew where it is ours."""
        if (generation.made_by_us or collection.made_by_us) and self._can_make_anew():
            self._store.drop(collection)
            self._manifest.forget_generation(generation)
            return self._begin()
        self._manifest.clear(generation)
        # All of it must be read again, whatever the window says.
        return Found(self._manifest.rescope(generation, generation.scope), collection)

    def _can_make_anew(self) -> bool:
        return self._can.drops_collections and self._can.fresh_id_for_name

    def _is_dead(self, collection: Collection) -> bool:
        """A collection of ours that counts rows and answers with none: a restart has killed it. An empty one is taken
        for dead where restarts kill: nothing is lost with it."""
        if not (collection.made_by_us and self._can_make_anew()):
            return False
        counts = self._can.dies_at_restart or self._store.count(collection)
        return bool(counts) and not self._store.holds_data(collection)

    def _compare(self, generation: Generation, collection: Collection) -> None:
        """Whether the store is what the manifest says, where there is reason to doubt it."""
        count, recorded = self._store.count(collection), self._manifest.chunk_count(generation)
        now = self._claim.now or datetime.now(UTC)
        if count is not None and count != recorded:
            log.warning("the store holds %d rows, the manifest %d chunks: comparing them", count, recorded)
        elif generation.watermark is not None and now - generation.watermark > PAUSE:
            log.info("the last run is long ago: comparing the store with the manifest")
        else:
            return
        self._recount(generation, collection)

    def named(self) -> Collection | None:
        """The collection of this name in the store; of several, the one that is remembered."""
        hinted = self._store.find(self._claim.hint) if self._claim.hint else None
        if hinted is not None and hinted.name == self._claim.collection:
            return hinted
        return self._store.find(self._claim.collection)

    def _begin(self, *, writes: bool = True) -> Found:
        claim, scope = self._claim, self._claim.scope.record()
        collection = self.named()
        if collection is not None and writes and self._is_dead(collection):
            log.warning("collection %s answers nothing: it is made anew", collection.name)
            self._store.drop(collection)
            collection = None
        there = collection is not None
        if collection is None:
            collection = self._store.create(claim.collection)
            log.info("collection %s made in %s", collection.name, self._store.location)
        elif not self._can.lists and not self._can.replaces and self._store.holds_data(collection):
            return self._cannot_continue(collection)
        elif not self._can.lists and self._store.holds_data(collection):
            log.warning(
                "no manifest for collection %s: every page is written again, over what is there", collection.name
            )
        ours = collection.made_by_us or not there
        generation = self._manifest.begin(
            claim.site, (self._store.kind, self._store.place), claim.collection, (collection.id, collection.name),
            "current", scope, ours,
        )  # fmt: skip
        if there and self._can.lists:
            self._adopt(generation, collection)
        return Found(generation, collection)

    def _cannot_continue(self, collection: Collection) -> Found:
        """The manifest is lost, and this store can neither list nor replace: a second copy must not be appended."""
        if self._claim.write_mode in ("append", "upsert"):
            raise Refused(
                f"Collection {collection.name} holds data, but the record of it is lost, and this store can neither "
                "list nor replace it; nothing was written, since it would be a second copy.",
                hint="Ways out: a volume for STATE_DIR, STATE_URL on PostgreSQL, or WRITE_MODE=auto (rotation).",
            )
        log.warning("no manifest for collection %s, which cannot be listed: building a new collection", collection.name)
        return Found(None, None)

    # -- what an earlier run left behind ---------------------------------------------------------------------------

    def _settle(self, generation: Generation, collection: Collection) -> None:
        """Writes and removals that an earlier run left open."""
        if self._claim.write_mode == "append":
            return
        doubt = self._manifest.in_doubt(generation)
        if not doubt:
            return
        log.info("%d chunks were left in doubt by an earlier run", len(doubt))
        answers = self._store.settle(collection, [row.stored() for row in doubt])
        unknown = [row.id for row in doubt if row.id in answers and answers[row.id] is None]
        if unknown and not self._can.replaces:
            raise Undecided(generation, len(unknown))
        if not self._can.replaces:
            # Certainly absent: sending them is no second copy.
            self._manifest.commit(generation, (), [row.id for row in doubt if row.id not in answers])
        there = {row.id: ref for row in doubt if (ref := answers.get(row.id)) is not None and row.state == "sending"}
        self._manifest.confirm(generation, there)
        found = [
            ChunkRow(row.id, row.page, row.state, row.metadata_hash, ref)
            for row in doubt
            if (ref := answers.get(row.id)) is not None and row.state == "removing"
        ]
        self._manifest.record_found(generation, (), found)

    def _adopt(self, generation: Generation, collection: Collection) -> None:
        """Take over ids from a listing of the store: every page is read again, and only what differs is sent."""
        chunks = 0
        outside: set[str] = set()
        for rows in self._ours(collection):
            page_rows, chunk_rows = [], []
            for row in rows:
                outside |= self._outside(row)
                page_rows.append(_adopted_page(row))
                chunk_rows.append(ChunkRow(row.chunk_id, row.page_id, "there", self._hash(row), row.ref))
            if not outside:
                self._manifest.record_found(
                    generation, list({page.id: page for page in page_rows}.values()), chunk_rows
                )
            chunks += len(rows)
        if outside and not self._claim.change_scope:
            self._manifest.forget_generation(generation)
            raise Refused(
                f"Collection {collection.name} holds pages of this site from outside the scope (spaces "
                f"{', '.join(sorted(outside))}); nothing was read or removed.",
                hint="Widen FILTER_SPACE_KEYS, set another COLLECTION_ID, or say that it is meant: --change-scope.",
            )
        if chunks:
            log.info("no manifest: %d chunks found in the store are taken over, and compared page by page", chunks)

    def _outside(self, row: Stored) -> set[str]:
        key = str((row.metadata or {}).get("space_key", ""))
        if not key or self._claim.scope.all_spaces or self._claim.change_scope:
            return set()
        return set() if any(space.key == key for space in self._claim.scope.spaces) else {key}

    def _ours(self, collection: Collection) -> Iterator[list[Stored]]:
        """Rows of our site, in batches; rows of another site's mirror mean a refusal."""
        batch: list[Stored] = []
        for row in self._store.rows(collection):
            if not row.chunk_id:
                continue
            if row.site_id and row.site_id != self._claim.site:
                raise Refused(
                    f"Collection {collection.name} holds pages of another site ({row.site_id}); nothing was read or "
                    "removed.",
                    hint="Set another COLLECTION_ID, or correct CONF_CLOUD_ID.",
                )
            batch.append(row)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _hash(self, row: Stored) -> str:
        if row.metadata_hash or row.metadata is None:
            return row.metadata_hash
        return metadata.metadata_hash(row.metadata, exact=self._can.updates_metadata)

    def _recount(self, generation: Generation, collection: Collection) -> None:
        """Plan again the pages of which the store lacks chunks, or holds some that are not recorded."""
        present: set[str] = set()
        for rows in self._ours(collection):
            present.update(row.chunk_id for row in rows)
            self._take_over(generation, rows)
        for recorded in self._manifest.all_chunks(generation):
            lost = [row for row in recorded if row.id not in present]
            if lost:
                self._manifest.doubt(generation, [(row.id, row.page) for row in lost])

    def _take_over(self, generation: Generation, rows: Sequence[Stored]) -> None:
        """Rows of ours that the manifest does not know: recorded, so that the plan decides whether they stay."""
        ids = sorted({row.page_id for row in rows})
        known = {chunk.id for chunks in self._manifest.chunks_of(generation, ids).values() for chunk in chunks}
        strays = {row.chunk_id: row for row in rows if row.chunk_id not in known}
        if not strays:
            return
        pages = {row.page_id: _adopted_page(row) for row in strays.values()}
        recorded = self._manifest.pages(generation, list(pages))
        chunks = [ChunkRow(row.chunk_id, row.page_id, "there", self._hash(row), row.ref) for row in strays.values()]
        self._manifest.record_found(generation, [page for page in pages.values() if page.id not in recorded], chunks)
        self._manifest.replan(generation, list(pages))


class Undecided(Exception):
    """An append-only store cannot say whether a write of an earlier run arrived: the collection is abandoned."""

    def __init__(self, generation: Generation, chunks: int) -> None:
        super().__init__(f"{chunks} chunks of an earlier run may or may not be in {generation.collection_name}")
        self.generation = generation


def _adopted_page(row: Stored) -> PageRow:
    known = row.metadata or {}
    page_type: Literal["page", "blogpost"] = "blogpost" if known.get("page_type") == "blogpost" else "page"
    title, author = str(known.get("title", "")), str(known.get("author", ""))
    return PageRow(row.page_id, page_type, "", None, None, title, author, (), None, "", "")
