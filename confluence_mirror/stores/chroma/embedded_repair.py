"""An index that a kill has damaged: noticed, and built again from the texts beside it.

A process that is killed while Chroma writes its index can leave a collection that counts and
answers as if all were well, but cannot fold new writes into its index any more (chroma-core/chroma
7678), or does not open at all. The texts and metadata are in SQLite and unharmed: without its index
folder the collection opens, and writing every row again builds the index anew.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from confluence_mirror.errors import StateUnusable
from confluence_mirror.model import Unembedded
from confluence_mirror.stores.base import Embedding
from confluence_mirror.stores.chroma.base import READ_LIMIT, Handle
from confluence_mirror.stores.chroma.errors import WedgedError, translated

log = logging.getLogger("confluence_mirror.stores")

WRITING = "writing"
CHECKING = "checking"
"""Found by the next run: reading the index ended the process itself, as a torn one can."""
DAMAGED = "damaged"

_ROOM = 4 * 1024 * 1024
"""Bytes without which SQLite and an index cannot go on: below, a failure is the disk's."""


class Marker:
    """A file beside the store that is there while a collection is written: after a kill it still
    is."""

    def __init__(self, folder: Path, collection_id: str) -> None:
        self._path = folder / f"confluence-sync.{collection_id}.state"

    def read(self) -> str:
        """``writing``, ``checking``, ``damaged``, or empty where the last run closed the
        collection.

        A mark that a full disk cut to nothing is one.
        """
        return (self._path.read_text().strip() or WRITING) if self._path.exists() else ""

    def set(self, state: str) -> None:
        """What the next run should know; empty: nothing. A mark that cannot be taken away costs the
        next run a look."""
        try:
            if state:
                self._path.write_text(state)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            if state:
                raise StateUnusable(
                    f"{self._path} cannot be written ({error.strerror}).",
                    hint="Check disk and rights.",
                ) from None
            log.warning(
                "%s cannot be removed (%s): the next run reads every vector",
                self._path,
                error.strerror,
            )


def check_room(folder: Path) -> None:
    """Raises ``StateUnusable`` where the disk under a store is full."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return
    if disk.f_bavail * disk.f_frsize < _ROOM or (disk.f_files and not disk.f_favail):
        raise StateUnusable(
            f"The disk under {folder} is full: the embedded store cannot write.",
            hint=(
                "Make room, then run again: what is stored is kept, and nothing of it is embedded"
                " again."
            ),
        )


def is_damaged(handle: Handle, marker: Marker, folder: Path) -> bool:
    """Read every vector: a damaged index fails at the first that it lost. Raises ``StateUnusable``
    on a full disk."""
    if marker.read() in (CHECKING, DAMAGED):
        return True
    marker.set(CHECKING)
    try:
        for _ in _read_pages(handle, str(folder), "embeddings"):
            pass
    except WedgedError:
        try:
            check_room(folder)
        except StateUnusable:
            marker.set(WRITING)
            raise
        return True
    return False


def remove_index(folder: Path, collection_id: str) -> None:
    """Take the index away, with Chroma closed."""
    database = (folder / "chroma.sqlite3").absolute().as_uri()
    with closing(sqlite3.connect(f"{database}?mode=ro", uri=True)) as connection:
        segments = connection.execute(
            "SELECT id FROM segments WHERE collection = ? AND scope = 'VECTOR'", (collection_id,)
        ).fetchall()
    for (segment,) in segments:
        shutil.rmtree(folder / segment, ignore_errors=True)


def write_again(handle: Handle, embed: Embedding, location: str, batch_size: int) -> int:
    """Embed every text again and write it; the number of rows. Rows without a text have lost their
    vector for good, as those have whose text is not embedded any more."""
    rows = 0
    for page in _read_pages(handle, location, "documents", "metadatas"):
        whole = [
            (row_id, text, metadata)
            for row_id, text, metadata in zip(
                page["ids"], page["documents"], page["metadatas"], strict=True
            )
            if text is not None
        ]
        for start in range(0, len(whole), batch_size):
            some = whole[start : start + batch_size]
            vectors = embed([str(text) for _, text, _ in some])
            sound = [
                (*row, vector)
                for row, vector in zip(some, vectors, strict=True)
                if not isinstance(vector, Unembedded)
            ]
            if not sound:
                continue
            ids, texts, metadatas, embeddings = zip(*sound, strict=True)
            with translated(location):
                handle.upsert(
                    ids=list(ids),
                    embeddings=list(embeddings),
                    documents=list(texts),
                    metadatas=list(metadatas),
                )
            rows += len(sound)
    return rows


def _read_pages(
    handle: Handle, location: str, *include: str
) -> Iterator[Mapping[str, list[object]]]:
    offset = 0
    while True:
        with translated(location):
            page = handle.get(limit=READ_LIMIT, offset=offset, include=list(include))
        yield page
        offset += len(page["ids"])
        if len(page["ids"]) < READ_LIMIT:
            return
