"""What we wrote and how far we have read: the record that a run is planned against.

A SQLite file, or PostgreSQL where several jobs share one database. Rows are keyed by *generation*:
one site's pages in one collection of one store. A mirror has one current generation; a rotation
builds another beside it.
"""

from confluence_mirror.manifest.database import Database
from confluence_mirror.manifest.generations import Manifest
from confluence_mirror.manifest.records import (
    Cause,
    ChunkRow,
    Generation,
    Intent,
    PageRow,
    TextRow,
)
from confluence_mirror.manifest.rows import Record
from confluence_mirror.manifest.shards import AssignedSpace, ShardRecord
from confluence_mirror.manifest.texts import Texts
from confluence_mirror.manifest.tree import TreeRecord, TreeRow
from confluence_mirror.manifest.words import NO_FTS5, can_index

__all__ = [
    "NO_FTS5",
    "AssignedSpace",
    "Cause",
    "ChunkRow",
    "Database",
    "Generation",
    "Intent",
    "Manifest",
    "PageRow",
    "Record",
    "ShardRecord",
    "TextRow",
    "Texts",
    "TreeRecord",
    "TreeRow",
    "can_index",
]
