"""Vectors for stores that take them."""

from __future__ import annotations

from collections.abc import Sequence

from confluence_mirror.errors import WrongSettings, WrongUsage
from confluence_mirror.model import Chunk, Unembedded, Vector
from confluence_mirror.stores.base import Dimension, Embedding


class Vectors:
    """An embedding as a store uses it. ``embed`` and ``dimension`` as given to the store."""

    def __init__(self, embed: Embedding, dimension: Dimension, model_id: str) -> None:
        self.embed = embed
        self._dimension = dimension
        self.model_id = model_id
        self._asked: tuple[str, Vector | Unembedded] | None = None
        """The last question: a search that goes on asks it again."""

    @property
    def dimension(self) -> int:
        """Numbers in a vector: a server is asked, if need be."""
        return self._dimension() if callable(self._dimension) else self._dimension

    @property
    def known_dimension(self) -> int | None:
        """The same, where nobody has to be asked for it."""
        return None if callable(self._dimension) else self._dimension

    def of_chunks(
        self, chunks: Sequence[Chunk], collection: str, dimension: int | None
    ) -> list[Vector]:
        """The vectors that they were given. Raises ``WrongSettings`` where they are not as long as
        ``collection`` has them (None: that is not known)."""
        vectors: list[Vector] = []
        for chunk in chunks:
            if chunk.vector is None:
                raise ValueError(f"chunk {chunk.id} has no vector")
            self.check(len(chunk.vector), collection, dimension)
            vectors.append(chunk.vector)
        return vectors

    def of_query(self, words: str, collection: str, dimension: int | None) -> Vector:
        """Raises ``WrongUsage`` for words that the model cannot embed."""
        if self._asked is None or self._asked[0] != words:
            self._asked = words, self.embed.embed_question(words)
        vector = self._asked[1]
        if isinstance(vector, Unembedded):
            raise WrongUsage(
                f"These words cannot be searched for: {vector.reason}.",
                hint="Use other words.",
            )
        self.check(len(vector), collection, dimension)
        return vector

    def check(self, length: int, collection: str, dimension: int | None) -> None:
        """Raise ``WrongSettings`` where the collection's vectors have another length."""
        if dimension is not None and length != dimension:
            raise WrongSettings(
                f"Collection {collection} holds vectors of {dimension} numbers, {self.model_id}"
                f" gives {length}.",
                hint=(
                    "Set EMBEDDING_MODEL_ID to the model that it was made with, or name another"
                    " COLLECTION_ID."
                ),
            )
