"""The embedded store by the compiled part of Chroma alone, for whoever only reads.

Importing ``chromadb`` takes about a second, nearly all of it for servers, telemetry and embedding
functions that a search does not use; the compiled part takes a fiftieth of that. Its interface is
not documented. So it is used where Chroma has a version for which it is known
(``chromadb/api/rust.py``), and else the whole package is.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

_KNOWN_VERSIONS = ("1.5.",)
"""How the versions begin for which this is right."""
_HOME = ("default_tenant", "default_database")
"""Where a ``PersistentClient`` keeps its collections."""
_FILES_PER_INDEX = 5


def reading_bindings() -> Any | None:
    """The compiled part of Chroma; None where it is not there or not known."""
    try:
        if not metadata.version("chromadb").startswith(_KNOWN_VERSIONS):
            return None
        return import_module("chromadb_rust_bindings")
    except ImportError:  # PackageNotFoundError is one
        return None


class ReadingClient:
    """As much of Chroma's client as reading needs. Raises what Chroma raises."""

    def __init__(self, bindings: Any, database: Path) -> None:
        """``database``: the file of a store that is there."""
        config = bindings.SqliteDBConfig(
            url=str(database),
            hash_type=bindings.MigrationHash.MD5,
            migration_mode=bindings.MigrationMode.Apply,
        )
        self._bound: Any = bindings.Bindings(
            allow_reset=False,
            sqlite_db_config=config,
            persist_path=str(database.parent),
            hnsw_cache_size=resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _FILES_PER_INDEX,
        )

    def list_collections(self) -> list[ReadingCollection]:
        """All of them."""
        found = self._bound.list_collections(None, 0, *_HOME)
        return [ReadingCollection(self._bound, each) for each in found]

    def close(self) -> None:
        """Let go of the files."""
        self._bound = None


class ReadingCollection:
    """As much of a collection of Chroma's as reading needs."""

    def __init__(self, bound: Any, model: Any) -> None:
        self._bound = bound
        self.id, self.name, self.metadata = str(model.id), model.name, model.metadata

    def count(self) -> int:
        """Its rows."""
        return int(self._bound.count(self.id, *_HOME))

    def get(
        self, *, include: Sequence[str], limit: int | None = None, offset: int = 0
    ) -> dict[str, Any]:
        """Rows in the store's own order, ``ids`` always and the rest as it is included."""
        return _columns(
            self._bound.get(self.id, None, None, limit, offset, None, list(include), *_HOME)
        )

    def query(
        self,
        *,
        query_embeddings: Sequence[Sequence[float]],
        n_results: int,
        where: Mapping[str, Any] | None,
        include: Sequence[str],
    ) -> dict[str, Any]:
        """The nearest rows of each vector, ``ids`` always and the rest as it is included."""
        condition = json.dumps(where) if where else None
        return _columns(
            self._bound.query(
                self.id,
                None,
                [list(each) for each in query_embeddings],
                n_results,
                condition,
                None,
                list(include),
                *_HOME,
            ),
            "distances",
        )


def _columns(answer: Any, *more: str) -> dict[str, Any]:
    names = ("ids", "embeddings", "documents", "metadatas", *more)
    return {name: getattr(answer, name) for name in names}
