"""The embedded store: Chroma in a folder of this machine. No server."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from confluence_mirror.errors import StateUnusable, StoreUnavailable
from confluence_mirror.model import Chunk, StoredRef
from confluence_mirror.stores.base import (
    Capabilities,
    Collection,
    Dimension,
    Embedding,
    WriteResult,
)
from confluence_mirror.stores.chroma.base import CAN, ChromaCollections, Client
from confluence_mirror.stores.chroma.bindings import ReadingClient, reading_bindings
from confluence_mirror.stores.chroma.embedded_repair import (
    DAMAGED,
    WRITING,
    Marker,
    check_room,
    is_damaged,
    remove_index,
    write_again,
)
from confluence_mirror.stores.chroma.errors import WedgedError, chromadb, translated
from confluence_mirror.wording import counted

log = logging.getLogger("confluence_mirror.stores")

DATABASE = "chroma.sqlite3"
"""What Chroma calls its file: its presence says that the folder is a store."""


class EmbeddedStore(ChromaCollections):
    """Fulfils ``Store``. ``path`` is made when a collection is created, not before: looking makes
    nothing.

    ``writes`` False, for runs that only read: an index that a kill has damaged is left as it is,
    and of Chroma the compiled part alone is imported.
    """

    kind = "embedded"

    def __init__(
        self,
        path: Path | str,
        embed: Embedding,
        dimension: Dimension,
        model_id: str,
        *,
        batch_size: int = 100,
        writes: bool = True,
    ) -> None:
        super().__init__(embed, dimension, model_id, batch_size)
        self._path = Path(path)
        self.location = str(self._path)
        self.place = str(self._path.resolve())
        self._writes = writes
        self._bindings: Any | None = None
        self._writing: dict[str, Marker] = {}

    def connect(self) -> Capabilities:
        """Whether the package is there and the folder can be used."""
        self._bindings = None if self._writes else reading_bindings()
        if self._bindings is None:
            chromadb()
        if self._path.exists() and not self._path.is_dir():
            raise StateUnusable(
                f"{self._path} is not a folder, so no store can be in it.", hint="Set STORE_PATH."
            )
        return CAN

    def find_collection(self, name: str) -> Collection | None:
        """None without asking where the folder holds no store. A collection that a kill has damaged
        is repaired."""
        if self._opened is None and not (self._path / DATABASE).exists():
            return None
        with self._on_its_disk():
            found = super().find_collection(name)
        if found is not None and self._writes:
            self._repair_index(found)
        return found

    def create_collection(self, name: str) -> Collection:
        """As elsewhere."""
        with self._on_its_disk():
            return super().create_collection(name)

    def write_chunks(
        self, collection: Collection, chunks: Sequence[Chunk], replacing: Mapping[str, str]
    ) -> WriteResult:
        """Upsert."""
        with self._mark_while_writing(collection):
            return super().write_chunks(collection, chunks, replacing)

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Text and vector untouched; absent ids are passed over."""
        with self._mark_while_writing(collection):
            super().update_metadata(collection, chunks)

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """By id; absent ones are no error."""
        with self._mark_while_writing(collection):
            super().remove_chunks(collection, refs)

    def drop_collection(self, collection: Collection) -> None:
        """Absent is fine."""
        self._stop_reading_only()
        super().drop_collection(collection)
        self._writing.pop(collection.id, None)
        Marker(self._path, collection.id).set("")

    def close(self) -> None:
        """Let go of the client; what was written is marked as closed."""
        super().close()
        for marker in self._writing.values():
            marker.set("")
        self._writing.clear()

    @contextmanager
    def _on_its_disk(self) -> Iterator[None]:
        """Chroma has many words for a disk that is full."""
        try:
            yield
        except StoreUnavailable:
            check_room(self._path)
            raise

    def _stop_reading_only(self) -> None:
        """A purge repairs nothing, and removes all the same."""
        if self._bindings is not None:
            super().close()
            self._bindings = None

    @contextmanager
    def _mark_while_writing(self, collection: Collection) -> Iterator[None]:
        self._stop_reading_only()
        if collection.id not in self._writing:
            marker = Marker(self._path, collection.id)
            marker.set(WRITING)
            self._writing[collection.id] = marker
        try:
            yield
        except (StoreUnavailable, StateUnusable) as error:
            marker = self._writing.pop(
                collection.id
            )  # what it says stays: the next run takes a look
            check_room(self._path)
            if isinstance(error, WedgedError):
                marker.set(DAMAGED)
            raise

    def _repair_index(self, collection: Collection) -> None:
        marker = Marker(self._path, collection.id)
        if not marker.read() or collection.id in self._writing:
            return
        check_room(self._path)
        if is_damaged(self._handle_of(collection), marker, self._path):
            log.warning(
                "the index of %s was damaged by an interruption: building it again", collection.name
            )
            marker.set(DAMAGED)
            super().close()
            remove_index(self._path, collection.id)
            rows = write_again(
                self._handle_of(collection), self._vectors.embed, self.location, self._batch_size
            )
            log.info(
                "the index of %s is built again from %s", collection.name, counted(rows, "row")
            )
        marker.set("")

    def _open_client(self) -> Client:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateUnusable(
                f"{self._path} cannot be made ({error.strerror}).", hint="Set STORE_PATH."
            ) from None
        if self._bindings is not None:
            with translated(self.location):
                return ReadingClient(self._bindings, self._path / DATABASE)
        package = chromadb()
        with translated(self.location):
            return package.PersistentClient(self._path, settings=_default_settings().model_copy())


@cache
def _default_settings() -> Any:
    """Chroma looks for each of them in the environment, which takes longer than opening a store. An
    ``.env`` in the working directory is ours and not Chroma's."""
    return chromadb().config.Settings(_env_file=None, anonymized_telemetry=False)
