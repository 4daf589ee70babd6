"""Vectors for stores that take them."""

from __future__ import annotations

from collections.abc import Sequence

from confluence_mirror.errors import WrongSettings, WrongUsage
from confluence_mirror.model import Chunk, Unembedded
from confluence_mirror.stores.base import Dimension, Embedding, Vector


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
        self,
        chunks: Sequence[Chunk],
        unembedded: dict[str, str],
        collection: str,
        dimension: int | None,
    ) -> tuple[list[Chunk], list[Vector]]:
        """The chunks for which there is a vector, with it; the reasons of the others go into
        ``unembedded``.

        Raises ``WrongSettings`` where vectors are not as long as ``collection`` has them (None:
        that is not known).
        """
        sound: list[Chunk] = []
        vectors: list[Vector] = []
        for chunk, vector in zip(chunks, self.embed([chunk.text for chunk in chunks]), strict=True):
            if isinstance(vector, Unembedded):
                unembedded[chunk.id] = vector.reason
                continue
            self.check(len(vector), collection, dimension)
            sound.append(chunk)
            vectors.append(vector)
        return sound, vectors

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
