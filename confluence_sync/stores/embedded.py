"""The embedded store: Chroma in a folder of this machine. No server."""

from __future__ import annotations

from pathlib import Path

from confluence_sync.errors import StateUnusable
from confluence_sync.stores.base import Capabilities, Collection, Embed
from confluence_sync.stores.chroma_base import ChromaCollections, Client
from confluence_sync.stores.chroma_errors import chromadb, translated

DATABASE = "chroma.sqlite3"
"""What Chroma calls its file: its presence says that the folder is a store."""


class EmbeddedStore(ChromaCollections):
    """Fulfils ``Store``. ``path`` is made when a collection is created, not before: looking makes nothing."""

    kind = "embedded"

    def __init__(self, path: Path | str, embed: Embed, dimension: int, model_id: str, *, batch_size: int = 100) -> None:
        super().__init__(embed, dimension, model_id, batch_size)
        self._path = Path(path)
        self.location = str(self._path)

    def connect(self) -> Capabilities:
        """Whether the package is there and the folder can be used."""
        chromadb()
        if self._path.exists() and not self._path.is_dir():
            raise StateUnusable(f"{self._path} is no folder, so no store can be in it.", hint="Set STORE_PATH.")
        return Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True)

    def find(self, name: str) -> Collection | None:
        """None without asking where the folder holds no store."""
        if self._opened is None and not (self._path / DATABASE).exists():
            return None
        return super().find(name)

    def _open(self) -> Client:
        package = chromadb()
        # Settings of Chroma's own would be read from an .env in the working directory: that one is ours.
        settings = package.config.Settings(_env_file=None, anonymized_telemetry=False)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateUnusable(f"{self._path} cannot be made ({error.strerror}).", hint="Set STORE_PATH.") from None
        with translated(self.location):
            return package.PersistentClient(self._path, settings=settings)
