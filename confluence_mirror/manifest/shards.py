"""The shards of one mirror: which has which space, and which pages have moved from one to another.

Each shard has a generation of its own; the rows here are shared. What is read and written in
``run_alone`` is one transaction that no other shard is in at the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from confluence_mirror.batches import in_batches
from confluence_mirror.manifest.database import Database, marks
from confluence_mirror.manifest.records import Generation
from confluence_mirror.manifest.rows import BATCH, Record
from confluence_mirror.model import CHILD_TYPES

Result = TypeVar("Result")
_CHILD = f"type IN ({', '.join(repr(each) for each in CHILD_TYPES)})"


@dataclass(frozen=True, slots=True)
class AssignedSpace:
    """A space and its shard."""

    key: str
    """As it was last listed; empty where no run has listed it since it was assigned."""
    shard: int


class ShardRecord:
    """What the shards of one mirror have in common."""

    def __init__(self, database: Database, mirror: str) -> None:
        """``mirror`` names it: site, store and collection."""
        self.database = database
        self._mirror = mirror

    def run_alone(self, work: Callable[[], Result]) -> Result:
        """One transaction, while no other run of this mirror is in such a one."""

        def alone() -> Result:
            if self.database.is_postgres:
                digest = hashlib.sha256(f"shards {self._mirror}".encode()).digest()
                number = int.from_bytes(digest[:8], "big", signed=True)
                self.database.run("SELECT pg_advisory_xact_lock(CAST(? AS bigint))", (number,))
            return work()

        return self.database.atomically(alone)

    # -- spaces

    def spaces(self) -> dict[str, AssignedSpace]:
        """Every space that was ever assigned, by its id: also those that are gone."""
        statement = "SELECT id, key, shard FROM cs_space WHERE mirror = ?"
        rows = self.database.run(statement, (self._mirror,))
        return {str(row[0]): AssignedSpace(str(row[1]), int(row[2])) for row in rows}

    def record_spaces(self, spaces: Mapping[str, AssignedSpace]) -> None:
        """These spaces, by their ids, have these keys and shards from now on."""
        self.database.many(
            "INSERT INTO cs_space (mirror, id, key, shard) VALUES (?, ?, ?, ?) ON CONFLICT"
            " (mirror, id) DO UPDATE SET key = excluded.key, shard = excluded.shard",
            [(self._mirror, each, space.key, space.shard) for each, space in spaces.items()],
        )

    def forget_spaces(self) -> None:
        """No space has a shard any more."""
        self.database.run("DELETE FROM cs_space WHERE mirror = ?", (self._mirror,))

    def sizes(self, generations: Sequence[Generation]) -> dict[str, int]:
        """Recorded pages, with what hangs on them, by the id of their space."""
        ids = [each.id for each in generations]
        if not ids:
            return {}
        rows = self.database.run(
            f"SELECT space_id, count(*) FROM cs_page WHERE generation IN ({marks(ids)}) GROUP BY"
            " space_id",
            ids,
        )
        return {str(row[0]): int(row[1]) for row in rows}

    # -- pages that move

    def find_holders(
        self, pages: Sequence[str], generations: Sequence[Generation]
    ) -> dict[str, str]:
        """Which of these generations records each of these pages, by the ids of both; pages that
        none of them records are left out."""
        ids = [each.id for each in generations]
        found: dict[str, str] = {}
        for some in in_batches(pages if ids else (), BATCH):
            rows = self.database.run(
                f"SELECT id, generation FROM cs_page WHERE generation IN ({marks(ids)}) AND id IN"
                f" ({marks(some)})",
                (*ids, *some),
            )
            found.update((str(row[0]), str(row[1])) for row in rows)
        return found

    def moved_pages(self, generation: Generation) -> list[str]:
        """Pages of this generation that are noted as moved to a space of another shard."""
        rows = self.database.run("SELECT id FROM cs_moved WHERE generation = ?", (generation.id,))
        return [str(row[0]) for row in rows]

    def note_moved(
        self, generation: Generation, moved: Mapping[str, str], back: Sequence[str]
    ) -> None:
        """Pages that this generation records are another shard's (id → shard): it may take them at
        any time. Those that are ``back`` are not."""
        self.database.many(
            "DELETE FROM cs_moved WHERE generation = ? AND id = ?",
            [(generation.id, page) for page in (*back, *moved)],
        )
        self.database.many(
            "INSERT INTO cs_moved (generation, id, shard) VALUES (?, ?, ?)",
            [(generation.id, page, shard) for page, shard in moved.items()],
        )

    def take_moved(self, taker: Record, giver: Record) -> int:
        """Take over the pages that another shard has noted as ours; how many there were."""

        def take() -> int:
            chosen = "generation = ? AND shard = ?"
            noted = (giver.generation.id, taker.generation.shard)
            rows = self.database.run(f"SELECT id FROM cs_moved WHERE {chosen}", noted)
            if rows:
                self.take_pages(taker, giver, [str(row[0]) for row in rows])
                self.database.run(f"DELETE FROM cs_moved WHERE {chosen}", noted)
            return len(rows)

        return self.run_alone(take)

    def take_pages(
        self, taker: Record, giver: Record, pages: Sequence[str], *, replan: bool = True
    ) -> None:
        """Pages, with what hangs on them, are recorded by another generation from now on, and what
        is recorded of them goes along. Nothing changes in the store.

        ``replan``: they are in its next plan. Pages that it has recorded by itself are passed over.
        """
        for some in in_batches(pages, BATCH):
            rows = self.database.run(
                f"SELECT id FROM cs_page WHERE generation = ? AND (id IN ({marks(some)}) OR"
                f" parent_id IN ({marks(some)}) AND {_CHILD})",
                (giver.generation.id, *some, *some),
            )
            found = [str(row[0]) for row in rows]
            known = taker.pages(found)
            for ids in in_batches([each for each in found if each not in known], BATCH):
                self._take_rows(taker, giver, ids)
                if replan:
                    taker.replan(ids)

    def _take_rows(self, taker: Record, giver: Record, ids: Sequence[str]) -> None:
        taker.texts.take_pages(ids, giver.texts)
        both = (taker.generation.id, giver.generation.id)
        self.database.run(
            "INSERT INTO cs_access (generation, access, conjunction) SELECT ?, access, conjunction"
            " FROM cs_access WHERE generation = ? AND access IN (SELECT access FROM cs_page WHERE"
            f" generation = ? AND id IN ({marks(ids)})) ON CONFLICT DO NOTHING",
            (*both, giver.generation.id, *ids),
        )
        for table, column in (("cs_chunk", "page"), ("cs_page", "id")):
            self.database.run(
                f"UPDATE {table} SET generation = ? WHERE generation = ? AND {column} IN"
                f" ({marks(ids)})",
                (*both, *ids),
            )

    def page_ids(self, generation: Generation, space_id: str) -> list[str]:
        """What a generation records of one space."""
        statement = "SELECT id FROM cs_page WHERE generation = ? AND space_id = ?"
        return [str(row[0]) for row in self.database.run(statement, (generation.id, space_id))]
