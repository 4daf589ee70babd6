"""Which generations there are, where each is, and what servers can do: the manifest without its
rows of pages and chunks, which ``Manifest.of`` gives for one generation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from confluence_mirror.manifest import schema
from confluence_mirror.manifest.database import Database, atomic, marks, storable_text
from confluence_mirror.manifest.records import GENERATION, Generation, State, generation_of
from confluence_mirror.manifest.rows import Record


class Manifest:
    """What we wrote, of every mirror that one database serves. One object serves one run, from one
    thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        schema.prepare(database)

    def of(self, generation: Generation, *others: Generation) -> Record:
        """The record of one generation: its pages and chunks. With ``others`` it is read as one
        with theirs: the shards of a mirror."""
        return Record(self.database, generation, tuple(each.id for each in others))

    # -- generations

    def generations(self, store: str, place: str, collection: str) -> list[Generation]:
        """Every generation under this name in the store of this kind at this place, of any site,
        newest first.

        ``place`` empty: those of revision 1 that no run has taken over yet.
        """
        rows = self.database.run(
            f"SELECT {GENERATION} FROM cs_generation WHERE store = ? AND place = ? AND collection ="
            " ? ORDER BY begun_at DESC",
            (store, place, collection),
        )
        return [generation_of(row) for row in rows]

    def owners(self, store: str, place: str, collection_id: str) -> list[Generation]:
        """The generations in force or under construction in the collection with this id, whatever
        name is set."""
        rows = self.database.run(
            f"SELECT {GENERATION} FROM cs_generation WHERE store = ? AND place = ? AND"
            " collection_id = ? AND state <> 'retired'",
            (store, place, collection_id),
        )
        return [generation_of(row) for row in rows]

    def begin(
        self,
        site: str,
        store: tuple[str, str],
        collection: str,
        found: tuple[str, str],
        state: State,
        scope: str,
        made_by_us: bool,
        shard: str = "",
    ) -> Generation:
        """Record a new generation; ``store`` is its kind and place, ``found`` the collection's id
        and name in it."""
        kind, place = store
        # The id stands several times in the manifest for each chunk (rows and indexes): a fifth of
        # its size.
        made = Generation(
            uuid.uuid4().hex[:12],
            site,
            kind,
            collection,
            *found,
            state,
            made_by_us,
            scope,
            datetime.now(UTC).isoformat(),
            None,
            None,
            place,
            shard=shard,
        )
        self.database.run(
            f"INSERT INTO cs_generation ({GENERATION}) VALUES ({marks(GENERATION.split())}) ON"
            " CONFLICT DO NOTHING",
            (
                made.id,
                site,
                kind,
                collection,
                *found,
                state,
                int(made_by_us),
                scope,
                made.begun_at,
                None,
                None,
                place,
                None,
                shard,
            ),
        )
        return made

    def assign_collection(
        self, generation: Generation, collection_id: str, name: str
    ) -> Generation:
        """Record which collection the store made for it."""
        self.database.run(
            "UPDATE cs_generation SET collection_id = ?, collection_name = ? WHERE id = ?",
            (collection_id, name, generation.id),
        )
        return replace(generation, collection_id=collection_id, collection_name=name)

    def record_place(self, place: str, generations: Sequence[Generation]) -> None:
        """Record where the store of these generations is: revision 1 did not know it."""
        self.database.many(
            "UPDATE cs_generation SET place = ? WHERE id = ? AND place = ''",
            [(place, each.id) for each in generations],
        )

    def rescope(self, generation: Generation, scope: str) -> Generation:
        """Record another scope. Nothing of it has been read yet, so the watermark goes."""
        self.database.run(
            "UPDATE cs_generation SET scope = ?, watermark = NULL, reconciled_at = NULL WHERE"
            " id = ?",
            (scope, generation.id),
        )
        return replace(generation, scope=scope, watermark=None, reconciled_at=None)

    @atomic
    def promote(self, generation: Generation) -> None:
        """Move the pointer: the generation under construction becomes the current one. Nobody
        searches in the one before any more: its text index goes."""
        for before in self.generations(generation.store, generation.place, generation.collection):
            same = (before.site, before.shard) == (generation.site, generation.shard)
            if same and before.state == "current":
                self.of(before).texts.clear()
        self.database.run(
            "UPDATE cs_generation SET state = 'retired' WHERE store = ? AND place = ? AND"
            " collection = ? AND site = ? AND shard = ? AND state = 'current'",
            (
                generation.store,
                generation.place,
                generation.collection,
                generation.site,
                generation.shard,
            ),
        )
        self.database.run(
            "UPDATE cs_generation SET state = 'current' WHERE id = ?", (generation.id,)
        )

    @atomic
    def forget_generation(self, generation: Generation) -> None:
        """Drop every row of a generation whose collection is gone."""
        self.of(generation).clear()
        self.database.run("DELETE FROM cs_moved WHERE generation = ?", (generation.id,))
        self.database.run("DELETE FROM cs_generation WHERE id = ?", (generation.id,))

    # -- things learned once

    def read_known(self, name: str) -> str | None:
        """What an earlier run remembered under this name: a server's capabilities, a batch size
        that works …"""
        rows = self.database.run("SELECT value FROM cs_known WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def record_known(self, name: str, value: str) -> None:
        """For the runs to come. Writes nothing where it is known already."""
        value = storable_text(value)
        if self.read_known(name) != value:
            self.database.run(
                "INSERT INTO cs_known VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value ="
                " excluded.value",
                (name, value),
            )

    def forget_known(self, name: str) -> None:
        """It no longer holds. Unknown names are no error."""
        self.database.run("DELETE FROM cs_known WHERE name = ?", (name,))
