"""Chroma's own HTTP API (v2, servers 1.x), as far as a mirror needs it.

Spoken directly rather than through Chroma's client, which waits without end, does not retry, and
brings the whole engine with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.stores.chroma.errors import TextRefusedError, invalid, is_wedged, wedged
from confluence_mirror.stores.http import Api, StoreAnswer

LIST_LIMIT = 100
"""Collections a request."""


class RemoteClient:
    """What ``ChromaCollections`` needs of a client."""

    def __init__(self, api: Api, tenant: str, database: str) -> None:
        self._api = api
        self._database = (
            f"/api/v2/tenants/{quote(tenant, safe='')}/databases/{quote(database, safe='')}"
        )
        self._path = f"{self._database}/collections"
        self._largest: int | None = None

    def check_database(self) -> None:
        """Raise ``WrongSettings`` where the server does not know the tenant or the database."""
        answer = self._api.get(self._database)
        if 400 <= answer.status < 500:
            raise WrongSettings(
                f"Chroma at {self._api.location} does not know this tenant or database"
                f" ({answer.describe()}).",
                hint="Check CHROMA_TENANT and CHROMA_DATABASE.",
            )
        self.data(answer)

    def get_max_batch_size(self) -> int:
        """Rows that the server takes in one write."""
        if self._largest is None:
            checks = self.data(self._api.get("/api/v2/pre-flight-checks"))
            size = checks.get("max_batch_size") if isinstance(checks, dict) else None
            self._largest = size if isinstance(size, int) and size > 0 else 1000
        return self._largest

    def list_collections(self) -> list[RemoteCollection]:
        """All of the database."""
        found: list[RemoteCollection] = []
        while True:
            rows = self.data(self._api.get(self._path, {"limit": LIST_LIMIT, "offset": len(found)}))
            if not isinstance(rows, list):
                raise StoreUnavailable(f"Chroma at {self._api.location} lists no collections.")
            known = {one.id for one in found}
            new = [
                one for one in (RemoteCollection(self, row) for row in rows) if one.id not in known
            ]
            found += new
            # A server that takes no offset gives the same rows over and over.
            if len(rows) < LIST_LIMIT or not new:
                return found

    def get_or_create_collection(
        self,
        name: str,
        *,
        metadata: Mapping[str, object],
        configuration: Mapping[str, object],
        **_: object,
    ) -> RemoteCollection:
        """Made, or as it is."""
        body = {
            "name": name,
            "metadata": metadata,
            "configuration": configuration,
            "get_or_create": True,
        }
        return RemoteCollection(self, self.post("", body))

    def delete_collection(self, name: str) -> None:
        """By name; absent is fine."""
        answer = self._api.send("DELETE", f"{self._path}/{quote(name, safe='')}")
        if answer.status != 404:
            self.data(answer)

    def close(self) -> None:
        """The connections belong to ``Api``, which is closed by its owner."""

    def post(self, path: str, body: Mapping[str, object], *, splits: bool = False) -> Any:
        """A POST below ``…/collections``: every one of them may be repeated."""
        return self.data(self._api.send("POST", self._path + path, body, splits=splits))

    def count(self, collection_id: str) -> int:
        """Rows in a collection."""
        return int(self.data(self._api.get(f"{self._path}/{collection_id}/count")))

    def data(self, answer: StoreAnswer) -> Any:
        """The JSON of a success; every failure as an error of ours."""
        if answer.ok:
            return answer.data
        location, said = self._api.location, answer.describe()
        if answer.status == 413:
            raise TextRefusedError("413: too large")
        if answer.status in (400, 422):
            raise invalid(said, location, "")
        if is_wedged(said):
            raise wedged(said, location)
        raise StoreUnavailable(f"Chroma at {location} answers {said}.", hint="Run again.")


class RemoteCollection:
    """A collection on the server."""

    def __init__(self, client: RemoteClient, row: Any) -> None:
        if not isinstance(row, dict) or not row.get("id"):
            raise StoreUnavailable("Chroma answered with a collection without an id.")
        self._client = client
        self.id = str(row["id"])
        self.name = str(row.get("name", ""))
        self.metadata: Mapping[str, Any] = row.get("metadata") or {}

    def count(self) -> int:
        """All rows."""
        return self._client.count(self.id)

    def get(
        self,
        ids: Sequence[str] | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        include: Sequence[str],
    ) -> Any:
        """``ids`` and the lists that ``include`` names."""
        body = {"ids": ids, "limit": limit, "offset": offset, "include": include}
        return self._client.post(f"/{self.id}/get", body)

    def query(
        self,
        *,
        query_embeddings: Sequence[Sequence[float]],
        n_results: int,
        where: Mapping[str, object] | None,
        include: Sequence[str],
    ) -> Any:
        """One list per query vector, from the rows that ``where`` leaves (None: all)."""
        body = {
            "query_embeddings": query_embeddings,
            "n_results": n_results,
            "where": where,
            "include": include,
        }
        return self._client.post(f"/{self.id}/query", body)

    def upsert(
        self,
        ids: Sequence[str],
        embeddings: Sequence[Sequence[float]],
        metadatas: Sequence[Mapping[str, object]],
        documents: Sequence[str],
    ) -> None:
        """Whole rows."""
        body = {
            "ids": ids,
            "embeddings": embeddings,
            "metadatas": metadatas,
            "documents": documents,
        }
        self._client.post(f"/{self.id}/upsert", body, splits=len(ids) > 1)

    def update(self, ids: Sequence[str], metadatas: Sequence[Mapping[str, object]]) -> None:
        """Metadata only."""
        self._client.post(f"/{self.id}/update", {"ids": ids, "metadatas": metadatas})

    def delete(self, ids: Sequence[str]) -> None:
        """By id."""
        self._client.post(f"/{self.id}/delete", {"ids": ids})
