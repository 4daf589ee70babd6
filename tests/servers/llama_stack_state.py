"""What a Llama Stack keeps: files, vector stores, and an index a store, with the faults of the real
ones.

Two indexes, as on the real servers: ``faiss`` keeps texts by position and loses count when the text
added last is removed; ``sqlite-vec`` keeps them by an id that is a hash of the text, so that equal
texts go together.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field

POISON = re.compile(r"<\|(endoftext|endofprompt|fim_prefix|fim_middle|fim_suffix)\|>")
CREATED = 1_795_000_000


@dataclass
class File:
    id: str
    name: str
    text: str
    created_at: int


@dataclass
class Row:
    """A file of a store."""

    file: File
    attributes: dict
    status: str
    error: str = ""
    chunk_ids: list[str] = field(default_factory=list)
    hidden: int = 0
    """So many questions for it are still answered with "not there": an attach that ends late."""
    coming: Entry | None = None
    """What the index gets when it ends."""


@dataclass
class Entry:
    chunk_id: str
    text: str
    attributes: dict


class ByText:
    """sqlite-vec."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def delete(self, chunk_id: str) -> None:
        self.entries = [entry for entry in self.entries if entry.chunk_id != chunk_id]

    def pairs(self) -> list[tuple[str, Entry]]:
        """What is compared with a query, and what is then answered."""
        return [(entry.text, entry) for entry in self.entries]


class ByPosition:
    """faiss: vectors in order, and beside them the texts by position."""

    def __init__(self) -> None:
        self.vectors: list[str] = []
        self.ids: list[str] = []
        self.texts: dict[int, Entry] = {}

    def add(self, entry: Entry) -> None:
        self.texts[len(self.texts)] = entry
        self.vectors.append(entry.text)
        self.ids.append(entry.chunk_id)

    def delete(self, chunk_id: str) -> None:
        if chunk_id not in self.ids:
            return
        at = self.ids.index(chunk_id)
        del self.vectors[at], self.ids[at]
        # The entry at ``at`` is written over by the next one, unless there is none: then it stays,
        # one too many.
        self.texts = {
            (place - 1 if place > at else place): entry for place, entry in self.texts.items()
        }

    def pairs(self) -> list[tuple[str, Entry]]:
        return [(text, self.texts[place]) for place, text in enumerate(self.vectors)]


@dataclass
class VectorStore:
    id: str
    name: str
    model: str
    provider: str
    metadata: dict
    index: ByText | ByPosition
    created_at: int
    rows: dict[str, Row] = field(default_factory=dict)
    dead: bool = False
    dimension: int = 384


def cleaned(text: str) -> str:
    """What OGX keeps of a text: no indentation, no blank lines."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def distance(one: str, other: str) -> float:
    """0 for texts of the same words, below 1 where they share some, 1 where they share none."""
    a, b = words(one), words(other)
    norm = math.sqrt(sum(n * n for n in a.values())) * math.sqrt(sum(n * n for n in b.values()))
    return max(0.0, 1 - sum(a[word] * b[word] for word in a) / norm) if norm else 1.0


class State:
    """All that a restart keeps."""

    def __init__(self, version: str, provider: str) -> None:
        self.version = version
        self.release = tuple(int(part) for part in version.split(".")[:2])
        self.provider = provider
        self.lock = threading.RLock()
        self.files: dict[str, File] = {}
        self.stores: dict[str, VectorStore] = {}
        self.refused_texts: list[str] = []
        self.delay_next = 0
        """The next attach ends only after its row was asked for so many times."""
        self._ticks = itertools.count()

    @property
    def ogx(self) -> bool:
        return self.release >= (1, 0)

    def restart(self) -> None:
        """0.2 with sqlite-vec does not find its stores' indexes again."""
        if self.release == (0, 2) and self.provider == "sqlite-vec":
            for store in self.stores.values():
                store.dead = True

    def create(self, name: str, model: str, metadata: dict, dimension: int = 384) -> VectorStore:
        store_id = f"vs_{uuid.uuid4()}"
        index = ByPosition() if self.provider == "faiss" else ByText()
        created = CREATED + next(self._ticks) // 5
        store = VectorStore(
            store_id,
            name,
            model,
            self.provider,
            dict(metadata),
            index,
            created,
            dimension=dimension,
        )
        self.stores[store_id] = store
        return store

    def upload(self, name: str, text: str) -> File:
        """Five files a second: their time is no cursor."""
        file = File(f"file-{uuid.uuid4().hex}", name, text, CREATED + next(self._ticks) // 5)
        self.files[file.id] = file
        return file

    def attach(self, store: VectorStore, file_id: str, attributes: dict) -> Row:
        file = self.files.get(file_id) or File(file_id, "", "", CREATED)
        row = store.rows.get(file_id)
        if row is not None and self.release > (0, 2):
            return row
        error = self._failure(store, file, attributes)
        row = Row(file, attributes, "failed" if error else "completed", error)
        if not error:
            text = cleaned(file.text) if self.ogx else file.text
            entry = Entry(hashlib.md5(text.encode()).hexdigest(), text, attributes)
            row.chunk_ids.append(entry.chunk_id)
            if self.delay_next:
                row.hidden, row.coming, self.delay_next = self.delay_next, entry, 0
            else:
                store.index.add(entry)
        store.rows[file_id] = row
        return row

    def _failure(self, store: VectorStore, file: File, attributes: dict) -> str:
        if store.dead:
            return "'coroutine' object has no attribute 'embedding_dimension'"
        if not file.text.strip() or not file.name.endswith((".md", ".txt", ".html", ".markdown")):
            return "No chunks were generated from the file"
        if self.release >= (0, 6) and POISON.search(file.text):
            return "Encountered text corresponding to disallowed special token '<|endoftext|>'."
        if any(isinstance(value, list) for value in attributes.values()):
            return "unhashable type: 'list'"
        if any(words_ in file.text for words_ in self.refused_texts):
            return "the embedding model refuses this text"
        return ""

    def detach(self, store: VectorStore, file_id: str) -> None:
        for chunk_id in store.rows.pop(file_id).chunk_ids:
            store.index.delete(chunk_id)

    def asked(self, store: VectorStore, row: Row) -> bool:
        """Whether a row is there, for somebody who asks."""
        if row.hidden:
            row.hidden -= 1
            self._end(store, row)
            return False
        return True

    def end_attaches(self) -> None:
        """All that were delayed are done now."""
        for store in self.stores.values():
            for row in store.rows.values():
                row.hidden = 0
                self._end(store, row)

    @staticmethod
    def _end(store: VectorStore, row: Row) -> None:
        if not row.hidden and row.coming:
            store.index.add(row.coming)
            row.coming = None

    def search(
        self, store: VectorStore, query: str, limit: int, filters: dict | None
    ) -> list[dict] | None:
        """The nearest first; None where a distance is zero, which no version can answer."""
        if store.dead:
            return []
        ranked = sorted(
            ((distance(query, text), entry) for text, entry in store.index.pairs()),
            key=lambda p: p[0],
        )
        nearest = ranked[:limit]
        if self.release < (0, 5) and any(apart == 0 for apart, _ in nearest):
            return None
        if filters:
            nearest = [
                p for p in nearest if p[1].attributes.get(filters["key"]) == filters["value"]
            ]
        return [self._hit(apart, entry) for apart, entry in nearest]

    def _hit(self, apart: float, entry: Entry) -> dict:
        given = {
            key: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for key, value in entry.attributes.items()
        }
        return {
            "file_id": str(uuid.uuid4()) if self.ogx else given.get("file_id", ""),
            "filename": given.get("filename", ""),
            "score": 1 / apart if apart else 10.0,
            "attributes": {**given, "document_id": "doc", "token_count": 13.0},
            "content": [{"type": "text", "text": entry.text}],
        }
