"""What the two variants of the Vector API say on the wire: routes, bodies, and the reading of their
answers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.model import Chunk, Metadata
from confluence_mirror.stores.base import Collection
from confluence_mirror.stores.discover import DASH, UNDERSCORE, EmbeddingModel, rows_of
from confluence_mirror.stores.http import Api, StoreAnswer
from confluence_mirror.stores.rows import plain
from confluence_mirror.stores.waiting import Sleep, ask_until_certain
from confluence_mirror.wording import counted

DOCUMENTS = "/v1/vector_io/documents"
LIST_LIMIT = 500
"""Documents a request, when a collection is listed."""
_SPARE_REPEATS = 100
"""So many pages of a listing may be like an earlier one if they hold one row, or none."""
_MOST_ROWS = 20_000_000
"""No collection that this program fills comes near: a listing that gives more is made up as it
goes."""


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row that an answer holds."""

    chunk_id: str
    text: str
    metadata: Metadata
    score: float = 0.0
    has_text: bool = True
    """False: the answer gave no text at all."""


class Dialect(Protocol):
    """What differs between the variants."""

    def collections(self) -> list[Collection] | None:
        """All of them; None where the server cannot list them. Raises ``StoreUnavailable`` where it
        fails to."""

    def create(self, name: str, model: EmbeddingModel) -> StoreAnswer:
        """Ask for a new collection."""

    def made(self, name: str, answer: StoreAnswer) -> Collection:
        """The collection that ``create`` answered with."""

    def drop(self, collection_id: str) -> StoreAnswer:
        """Remove a collection."""

    def insert(
        self, collection_id: str, chunks: Sequence[Chunk], *, repeat: bool, splits: bool = False
    ) -> StoreAnswer:
        """Write chunks. ``repeat`` and ``splits`` as for ``Api.send``."""

    def ask(self, collection_id: str, query: str, limit: int) -> StoreAnswer:
        """Query a collection."""


class DashWire:
    """``/v1/vector-dbs`` and ``/v1/vector-io``, as Llama Stack 0.2.x serves them."""

    def __init__(self, api: Api, sleep: Sleep = time.sleep) -> None:
        self._api = api
        self._sleep = sleep

    def collections(self) -> list[Collection] | None:
        """The identifier is the id; ``vector_db_name`` is the name that was asked for."""
        rows = _list_collections(self._api, self._sleep, DASH, "data")
        if rows is None:
            return None
        return [_dash_collection(row) for row in rows if row.get("identifier")]

    def create(self, name: str, model: EmbeddingModel) -> StoreAnswer:
        """The answer's identifier may differ from the name."""
        body: dict[str, object] = {"vector_db_id": name, "embedding_model": model.id}
        if model.dimension is not None:
            body["embedding_dimension"] = model.dimension
        return self._api.send("POST", DASH, body, repeat=False)

    def made(self, name: str, answer: StoreAnswer) -> Collection:
        """The row of the answer."""
        row = answer.data if isinstance(answer.data, dict) else {}
        collection = _dash_collection({"vector_db_name": name, **row})
        return collection if collection.id else Collection(name, name, collection.embedding_model)

    def drop(self, collection_id: str) -> StoreAnswer:
        """204, or 404 where it is gone."""
        return self._api.send("DELETE", f"{DASH}/{quote(collection_id, safe='')}")

    def insert(
        self, collection_id: str, chunks: Sequence[Chunk], *, repeat: bool, splits: bool = False
    ) -> StoreAnswer:
        """The server wants ``document_id`` in the metadata: it answers 500 without."""
        rows = [
            {
                "chunk_id": chunk.id,
                "content": chunk.text,
                "metadata": {**chunk.metadata, "document_id": chunk.page_id},
                "chunk_metadata": {
                    "chunk_id": chunk.id,
                    "document_id": chunk.page_id,
                    "source": "confluence",
                },
            }
            for chunk in chunks
        ]
        body = {"vector_db_id": collection_id, "chunks": rows}
        return self._api.send("POST", "/v1/vector-io/insert", body, repeat=repeat, splits=splits)

    def ask(self, collection_id: str, query: str, limit: int) -> StoreAnswer:
        """``params.max_chunks`` is what real servers read; ``top_k`` is for imitations.

        Scores are 1/distance or a cosine: the threshold lets both through, whatever their sign.
        """
        params = {"max_chunks": limit, "score_threshold": -1.0}
        body = {"vector_db_id": collection_id, "query": query, "params": params, "top_k": limit}
        return self._api.send("POST", "/v1/vector-io/query", body)


@dataclass(frozen=True, slots=True)
class FieldNames:
    """What a server of the underscore variant calls its fields."""

    documents: str = "documents"
    id: str = "document_id"
    text: str = "text"
    ids: str = "document_ids"

    def named_in(self, text: str) -> FieldNames:
        """Our names, but for those aliases that a description or an error names in quotes."""
        quoted = set(re.findall(r"[\"'](\w+)[\"']", text))
        names = self
        if "chunks" in quoted and "documents" not in quoted:
            names = replace(names, documents="chunks")
        if "document_id" not in quoted:
            names = replace(
                names, id=next((alias for alias in ("id", "chunk_id") if alias in quoted), names.id)
            )
        if "content" in quoted and "text" not in quoted:
            names = replace(names, text="content")
        if "ids" in quoted and "document_ids" not in quoted:
            names = replace(names, ids="ids")
        return names


class UnderscoreWire:
    """``/v1/vector_io/collections``, ``/documents`` and ``/query``."""

    def __init__(self, api: Api, sleep: Sleep = time.sleep) -> None:
        self._api = api
        self._sleep = sleep
        self._names = FieldNames()

    def collections(self) -> list[Collection] | None:
        """Under ``collections`` or ``data``, or a bare list."""
        rows = _list_collections(self._api, self._sleep, UNDERSCORE, "collections", "data")
        if rows is None:
            return None
        found = []
        for row in rows:
            collection_id = row.get("collection_id") or row.get("id") or row.get("name")
            model = row.get("embedding_model") or row.get("embedding_model_id") or ""
            if collection_id:
                name = str(row.get("name") or collection_id)
                found.append(Collection(str(collection_id), name, str(model)))
        return found

    def create(self, name: str, model: EmbeddingModel) -> StoreAnswer:
        """200, 201, or 409 where it exists."""
        body = {
            "collection_id": name,
            "embedding_model_id": model.id,
            "embedding_model": model.id,
            "metadata": {"owner": "confluence-sync"},
        }
        return self._api.send("POST", UNDERSCORE, body)

    def made(self, name: str, answer: StoreAnswer) -> Collection:
        """By the answer's ``collection_id``, else by our own."""
        row = answer.data if isinstance(answer.data, dict) else {}
        collection_id = row.get("collection_id")
        return Collection(
            collection_id if isinstance(collection_id, str) and collection_id else name, name
        )

    def drop(self, collection_id: str) -> StoreAnswer:
        """204, or 404 where it is gone."""
        return self._api.send("DELETE", f"{UNDERSCORE}/{quote(collection_id, safe='')}")

    def insert(
        self, collection_id: str, chunks: Sequence[Chunk], *, repeat: bool, splits: bool = False
    ) -> StoreAnswer:
        """Under the known names; where the server misses a field, under the names that it asks
        for."""
        return self._send_renaming(
            lambda: self._insert_once(collection_id, chunks, repeat=repeat, splits=splits)
        )

    def delete(self, collection_id: str, chunk_ids: Sequence[str]) -> StoreAnswer:
        """Absent ids are no error."""

        def send() -> StoreAnswer:
            body = {"collection_id": collection_id, self._names.ids: list(chunk_ids)}
            return self._api.send("DELETE", DOCUMENTS, body)

        return self._send_renaming(send)

    def ask(self, collection_id: str, query: str, limit: int) -> StoreAnswer:
        """``top_k`` nearest."""
        body = {"collection_id": collection_id, "query": query, "top_k": limit}
        return self._api.send("POST", "/v1/vector_io/query", body)

    def rows(self, collection_id: str) -> Iterator[FoundRow]:
        """Every document, page by page. Raises ``StoreUnavailable`` where the listing breaks off,
        repeats itself or does not end."""
        cursor: str | None = None
        seen: set[str] = set()
        count = again = 0
        while True:
            params: dict[str, str | int] = {"collection_id": collection_id, "limit": LIST_LIMIT}
            answer = self._api.get(DOCUMENTS, params | ({"cursor": cursor} if cursor else {}))
            rows = rows_of(answer, "documents", "chunks", "results", "data")
            if rows is None:
                raise StoreUnavailable(
                    f"The vector store at {self._api.location} broke off the listing of collection"
                    f" {collection_id}: {answer.describe()}."
                )
            for row in rows:
                yield _found_row(row, 0.0)
            count += len(rows)
            following = answer.data.get("next_cursor") if isinstance(answer.data, dict) else None
            if not following:
                return
            cursor = str(following)
            # Cursors may go on changing over rows that were given before. (One row alone may be a
            # copy.)
            page = f"rows {hash(tuple(map(_id_of, rows)))}"
            again += page in seen
            if cursor in seen or again > (0 if len(rows) > 1 else _SPARE_REPEATS):
                raise StoreUnavailable(
                    f"The listing of collection {collection_id} goes round in circles."
                )
            seen.update((cursor, page))
            if count > _MOST_ROWS or len(seen) > _MOST_ROWS // 10:
                raise StoreUnavailable(
                    f"The listing of collection {collection_id} does not end"
                    f" ({counted(count, 'row')} so far)."
                )

    def _send_renaming(self, send: Callable[[], StoreAnswer]) -> StoreAnswer:
        """``send``, again under other names as long as the server misses a field and names one that
        we know."""
        answer = send()
        for _ in range(3):
            if answer.status not in (400, 422) or not re.search(
                "missing|required", answer.text, re.IGNORECASE
            ):
                break
            names = self._names.named_in(answer.text)
            if names == self._names:
                names = names.named_in(_described_body(self._api.get("/openapi.json")))
            if names == self._names:
                break
            self._names = names
            answer = send()
        return answer

    def _insert_once(
        self, collection_id: str, chunks: Sequence[Chunk], *, repeat: bool, splits: bool
    ) -> StoreAnswer:
        names = self._names
        rows = [
            {names.id: chunk.id, names.text: chunk.text, "metadata": dict(chunk.metadata)}
            for chunk in chunks
        ]
        body = {"collection_id": collection_id, names.documents: rows}
        return self._api.send("POST", DOCUMENTS, body, repeat=repeat, splits=splits)


def _list_collections(
    api: Api, sleep: Sleep, path: str, *names: str
) -> list[Mapping[str, object]] | None:
    """The rows of the list of collections; None where the server has no such list.

    A server or a proxy that fails has said nothing: taken for a server without a list, it would
    hide the collection.
    """
    where = f"The vector store at {api.location}"
    answer = ask_until_certain(lambda: api.get(path), sleep, where, "the list of collections")
    if not answer.json:
        raise StoreUnavailable(
            f"{where} answers the list of collections with {answer.describe()}.", hint="Run again."
        )
    return rows_of(answer, *names)


def refused_of(answer: StoreAnswer) -> dict[str, str]:
    """Chunk id → reason, for those that a successful answer names as not stored.

    The underscore variant says ``{"errors": [{"document_id", "message"}]}``; the dash variant takes
    all or nothing.
    """
    errors = answer.data.get("errors") if isinstance(answer.data, dict) else None
    refused = {}
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict) and (chunk_id := _id_of(error)):
            refused[chunk_id] = str(error.get("message") or error.get("error") or "refused")[:300]
    return refused


def hits_of(answer: StoreAnswer) -> list[FoundRow] | None:
    """The rows of a query's answer, best first, from either variant. None where it is no such
    answer."""
    rows = rows_of(answer, "results", "documents", "chunks", "data")
    if rows is None:
        return None
    scores = answer.data.get("scores") if isinstance(answer.data, dict) else None
    scores = (
        scores
        if isinstance(scores, list) and len(scores) == len(rows)
        else [row.get("score") for row in rows]
    )
    return [
        _found_row(row, float(score) if isinstance(score, (int, float)) else 0.0)
        for row, score in zip(rows, scores, strict=True)
    ]


def _found_row(row: Mapping[str, object], score: float) -> FoundRow:
    raw = row.get("metadata")
    metadata = dict(plain(raw if isinstance(raw, dict) else {}))
    if metadata.get("source") == "confluence":
        metadata.pop(
            "document_id", None
        )  # Ours for the dash variant only; not part of the contract.
    texts = [str(row[name]) for name in ("text", "content") if isinstance(row.get(name), str)]
    return FoundRow(
        str(metadata.get("chunk_id") or _id_of(row)),
        texts[0] if texts else "",
        metadata,
        score,
        bool(texts),
    )


def _id_of(row: Mapping[str, object]) -> str:
    return next((str(row[name]) for name in ("document_id", "chunk_id", "id") if row.get(name)), "")


def _dash_collection(row: Mapping[str, object]) -> Collection:
    identifier = str(row.get("identifier") or "")
    return Collection(
        identifier,
        str(row.get("vector_db_name") or identifier),
        str(row.get("embedding_model") or ""),
    )


def _described_body(answer: StoreAnswer) -> str:
    """The body of a write, from the server's description with its references resolved, as text."""
    document = answer.data if isinstance(answer.data, dict) else {}
    paths = document.get("paths")
    post = paths.get(DOCUMENTS, {}).get("post", {}) if isinstance(paths, dict) else {}
    text = json.dumps(post.get("requestBody", {}))
    for _ in range(4):
        references = set(re.findall(r'"#/([^"]+)"', text))
        text += "".join(
            json.dumps(_look_up(document, reference.split("/"))) for reference in references
        )
    return text


def _look_up(document: object, path: Sequence[str]) -> object:
    for part in path:
        document = document.get(part) if isinstance(document, dict) else None
    return document
