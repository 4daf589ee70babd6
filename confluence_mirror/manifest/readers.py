"""Who may read the pages of one generation: conjunctions by their keys, and each page's key.

A page's key is that of the last run, whatever its chunks in the store say: a page whose chunks
could not be written anew is nevertheless closed to those who may no longer read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluence_mirror.batches import in_batches
from confluence_mirror.manifest.database import Database, atomic, marks

_BATCH = 500


class RecordedReaders:
    """The readers of one generation's pages, read as one with those of others where there are
    several ids. Empty where they are not recorded."""

    def __init__(self, database: Database, ids: Sequence[str]) -> None:
        self.database = database
        self._id = ids[0]
        self._ids = tuple(ids)
        self._among = f"generation IN ({marks(self._ids)})"

    def conjunctions(self) -> dict[str, str]:
        """Each conjunction as it was dumped, by its key."""
        statement = f"SELECT access, conjunction FROM cs_access WHERE {self._among}"
        return {str(row[0]): str(row[1]) for row in self.database.run(statement, self._ids)}

    def keys_of(self, pages: Sequence[str]) -> dict[str, str]:
        """Keys of these pages; unrecorded pages are left out."""
        found: dict[str, str] = {}
        for some in in_batches(pages, _BATCH):
            statement = (
                f"SELECT id, access FROM cs_page WHERE {self._among} AND id IN ({marks(some)})"
            )
            rows = self.database.run(statement, (*self._ids, *some))
            found.update((str(row[0]), str(row[1])) for row in rows)
        return found

    @atomic
    def record_conjunctions(self, conjunctions: Mapping[str, str], *, alone: bool) -> None:
        """Take over conjunctions; ``alone``: those recorded before that are not among them go."""
        before = self.conjunctions()
        if alone:
            self.database.many(
                "DELETE FROM cs_access WHERE generation = ? AND access = ?",
                [(self._id, key) for key in before.keys() - conjunctions.keys()],
            )
        self.database.many(
            "INSERT INTO cs_access (generation, access, conjunction) VALUES (?, ?, ?)",
            [(self._id, key, text) for key, text in conjunctions.items() if key not in before],
        )

    @atomic
    def record_keys(self, keys: Mapping[str, str]) -> None:
        """These pages have these keys from now on; unrecorded pages are passed over."""
        self.database.many(
            "UPDATE cs_page SET access = ? WHERE generation = ? AND id = ?",
            [(key, self._id, page) for page, key in keys.items()],
        )

    def clear(self) -> None:
        """Forget the conjunctions."""
        self.database.run("DELETE FROM cs_access WHERE generation = ?", (self._id,))
