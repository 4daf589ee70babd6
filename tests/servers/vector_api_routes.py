"""The routes of the two variants of the Vector API, over a ``State``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers.vector_api_state import Kept, Row, State


@dataclass(slots=True)
class Reply:
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """Cut the connection instead of answering."""


class RefusedError(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def common(state: State, method: str, path: str) -> Reply | None:
    """Routes that both variants have."""
    switches = state.switches
    if method == "GET" and path == "/v1/version" and switches.version:
        return Reply(200, {"version": switches.version})
    if method == "GET" and path == "/v1/models" and switches.models:
        models = [
            {
                "identifier": name,
                "model_type": "embedding",
                "metadata": {"embedding_dimension": 384},
            }
            for name in switches.models
        ]
        return Reply(
            200,
            {
                "data": [
                    *models,
                    {"identifier": "a-chat-model", "model_type": "llm", "metadata": {}},
                ]
            },
        )
    return None


def known_model(state: State, wanted: str) -> str:
    names = state.switches.models
    if not names:
        return wanted
    for name in names:
        if name == wanted or name.endswith("/" + wanted):
            return name
    raise RefusedError(Reply(400, {"error": {"detail": f"Embedding model '{wanted}' not found"}}))


def field_of(body: Any, name: str) -> Any:
    if not isinstance(body, dict) or name not in body:
        errors = [{"loc": ["body", name], "msg": "Field required", "type": "missing"}]
        raise RefusedError(Reply(422, {"detail": errors}))
    return body[name]


def store_rows(state: State, kept: Kept, rows: list[Row], answer: Any, *, replace: bool) -> Reply:
    """Write, or misbehave in one of the ways that the switches name."""
    switches = state.switches
    if switches.refuse and "probe" not in kept.name:
        return Reply(switches.refuse, {"error": {"detail": "the quota of this project is used up"}})
    if switches.slow_above and len(rows) > switches.slow_above:
        return Reply(504, {"detail": "upstream timed out"})
    if switches.poison and any(switches.poison in row.text for row in rows):
        return Reply(422, {"error": {"detail": "a text was refused"}})
    if switches.half_next:
        switches.half_next -= 1
        state.put(kept, rows[: len(rows) // 2], replace=replace)
        return Reply(0, cut=True)
    state.put(kept, rows, replace=replace)
    if switches.lose_answer_next:
        switches.lose_answer_next -= 1
        return Reply(0, cut=True)
    return Reply(200, answer)


class Dash:
    """As Llama Stack 0.2.x serves it: the server embeds, appends, and can neither list nor delete
    chunks."""

    def openapi(self, state: State) -> Any:
        paths: dict[str, Any] = {
            "/v1/vector-dbs": {"get": {}, "post": {}},
            "/v1/vector-dbs/{vector_db_id}": {"get": {}, "delete": {}}
            if state.switches.drop
            else {"get": {}},
            "/v1/vector-io/insert": {"post": {}},
            "/v1/vector-io/query": {"post": {}},
        }
        return {"openapi": "3.1.0", "paths": paths}

    def route(
        self, state: State, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> Reply:
        if path == "/v1/vector-dbs":
            if method == "GET":
                return Reply(
                    200, {"data": [self._row(kept) for kept in state.collections.values()]}
                )
            return (
                self._create(state, body)
                if method == "POST"
                else Reply(405, headers={"Allow": "GET, POST"})
            )
        if found := re.fullmatch(r"/v1/vector-dbs/([^/]+)", path):
            return self._one(state, method, found.group(1))
        actions = {"/v1/vector-io/insert": self._insert, "/v1/vector-io/query": self._query}
        if path in actions:
            return (
                actions[path](state, body)
                if method == "POST"
                else Reply(405, headers={"Allow": "POST"})
            )
        return Reply(404, {"detail": "Not Found"})

    def _row(self, kept: Kept) -> dict[str, Any]:
        return {
            "identifier": kept.id,
            "provider_resource_id": kept.id,
            "provider_id": "faiss",
            "type": "vector_db",
            "embedding_model": kept.model,
            "embedding_dimension": 384,
            "vector_db_name": kept.name,
        }

    def _create(self, state: State, body: Any) -> Reply:
        name = field_of(body, "vector_db_id")
        model = known_model(state, field_of(body, "embedding_model"))
        fresh = state.switches.fresh_ids
        kept = None if fresh else state.collections.get(name)
        if kept and state.switches.conflict:
            return Reply(409, {"detail": f"'{name}' exists"})
        return Reply(200, self._row(kept or state.make(name, model, fresh=fresh)))

    def _one(self, state: State, method: str, name: str) -> Reply:
        if method == "DELETE" and state.switches.drop:
            return (
                Reply(204)
                if state.collections.pop(name, None)
                else Reply(404, {"detail": "unknown"})
            )
        if method == "GET":
            kept = state.collections.get(name)
            return Reply(200, self._row(kept)) if kept else Reply(404, {"detail": "unknown"})
        return Reply(405, headers={"Allow": "GET, DELETE" if state.switches.drop else "GET"})

    def _insert(self, state: State, body: Any) -> Reply:
        kept = self._known(state, field_of(body, "vector_db_id"))
        rows = []
        for chunk in field_of(body, "chunks"):
            if "document_id" not in chunk["metadata"]:
                return Reply(
                    500, {"detail": "Internal server error: An unexpected error occurred."}
                )
            rows.append(Row(chunk["chunk_id"], chunk["content"], chunk["metadata"]))
        return store_rows(state, kept, rows, None, replace=False)

    def _query(self, state: State, body: Any) -> Reply:
        kept = self._known(state, field_of(body, "vector_db_id"))
        text = field_of(body, "query")
        if any(row.text == text for row in kept.rows):
            return Reply(400, {"detail": "Out of range float values are not JSON compliant"})
        params = body.get("params") or {}
        hits = state.nearest(kept, text, int(params.get("max_chunks", 3)))
        least = float(params.get("score_threshold", 0.0))
        hits = [hit for hit in hits if hit[0] >= least]
        chunks = [
            {
                "content": row.text,
                "metadata": {
                    key: float(value) if isinstance(value, int) else value
                    for key, value in row.metadata.items()
                },
                "chunk_id": row.id,
                "chunk_metadata": {"chunk_id": row.id},
                "embedding": [0.0, 1.0],
            }
            for _, row in hits
        ]
        return Reply(200, {"chunks": chunks, "scores": [score for score, _ in hits]})

    def _known(self, state: State, name: str) -> Kept:
        kept = state.collections.get(name)
        if kept is None:
            raise RefusedError(Reply(400, {"error": {"detail": f"Vector_db '{name}' not found"}}))
        return kept


class Underscore:
    """Upserts by id; deletes and lists documents unless switched off."""

    def openapi(self, state: State) -> Any:
        switches = state.switches
        names = self._names(state)
        documents: dict[str, Any] = {
            "post": {"requestBody": {"$ref": "#/components/requestBodies/Write"}}
        }
        if switches.listing:
            documents["get"] = {}
        if switches.delete:
            documents["delete"] = {}
        paths = {
            "/v1/vector_io/collections": {"get": {}, "post": {}},
            "/v1/vector_io/collections/{collection_id}": {"delete": {}}
            if switches.drop
            else {"get": {}},
            "/v1/vector_io/documents": documents,
            "/v1/vector_io/query": {"post": {}},
        }
        properties = {
            names["list"]: {
                "items": {"properties": {names["id"]: {}, names["text"]: {}, "metadata": {}}}
            }
        }
        schema = {"content": {"application/json": {"schema": {"properties": properties}}}}
        return {
            "openapi": "3.1.0",
            "paths": paths,
            "components": {"requestBodies": {"Write": schema}},
        }

    def route(
        self, state: State, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> Reply:
        if path == "/v1/vector_io/collections":
            if method == "GET":
                return Reply(
                    200, {"collections": [self._row(kept) for kept in state.collections.values()]}
                )
            return (
                self._create(state, body)
                if method == "POST"
                else Reply(405, headers={"Allow": "GET, POST"})
            )
        if found := re.fullmatch(r"/v1/vector_io/collections/([^/]+)", path):
            return self._one(state, method, found.group(1))
        if path == "/v1/vector_io/documents":
            return self._documents(state, method, query, body)
        if path == "/v1/vector_io/query":
            return (
                self._query(state, body)
                if method == "POST"
                else Reply(405, headers={"Allow": "POST"})
            )
        return Reply(404, {"detail": "Not Found"})

    def _names(self, state: State) -> dict[str, str]:
        if state.switches.aliases:
            return {"list": "chunks", "id": "id", "text": "content", "ids": "ids"}
        return {"list": "documents", "id": "document_id", "text": "text", "ids": "document_ids"}

    def _row(self, kept: Kept) -> dict[str, Any]:
        return {
            "collection_id": kept.id,
            "embedding_model": kept.model,
            "documents": len(kept.rows),
        }

    def _create(self, state: State, body: Any) -> Reply:
        name = field_of(body, "collection_id")
        model = known_model(state, field_of(body, "embedding_model_id"))
        if name in state.collections:
            return Reply(409, {"detail": "exists"})
        return Reply(201, self._row(state.make(name, model, fresh=False)))

    def _one(self, state: State, method: str, name: str) -> Reply:
        if method == "DELETE" and state.switches.drop:
            return (
                Reply(204)
                if state.collections.pop(name, None)
                else Reply(404, {"detail": "unknown"})
            )
        return Reply(405, headers={"Allow": "DELETE" if state.switches.drop else "PATCH"})

    def _documents(self, state: State, method: str, query: Mapping[str, str], body: Any) -> Reply:
        switches = state.switches
        if method == "POST":
            return self._write(state, body)
        if method == "GET" and switches.listing:
            return self._list(state, query)
        if method == "DELETE" and switches.delete:
            kept = self._known(state, field_of(body, "collection_id"))
            leaving = set(field_of(body, self._names(state)["ids"]))
            before = len(kept.rows)
            kept.changing(switches.late)
            kept.rows[:] = [row for row in kept.rows if row.id not in leaving]
            return Reply(200, {"deleted": before - len(kept.rows)})
        allowed = ["POST"] + ["GET"] * switches.listing + ["DELETE"] * switches.delete
        return Reply(405, headers={"Allow": ", ".join(allowed)})

    def _write(self, state: State, body: Any) -> Reply:
        kept = self._known(state, field_of(body, "collection_id"))
        names = self._names(state)
        rows = [
            Row(field_of(one, names["id"]), field_of(one, names["text"]), field_of(one, "metadata"))
            for one in field_of(body, names["list"])
        ]
        bad = [row for row in rows if state.switches.partial and state.switches.partial in row.text]
        good = [row for row in rows if row not in bad]
        answer: dict[str, Any] = {"upserted": len(good)}
        if bad:
            answer["errors"] = [
                {names["id"]: row.id, "message": "cannot be indexed"} for row in bad
            ]
        return store_rows(state, kept, good, answer, replace=state.switches.upsert)

    def _list(self, state: State, query: Mapping[str, str]) -> Reply:
        kept = self._known(state, query.get("collection_id", ""))
        start, limit = int(query.get("cursor") or 0), min(int(query.get("limit") or 100), 500)
        shown = kept.look()
        if state.switches.endless:
            start, more = 0, str(int(query.get("cursor") or 0) + 1)
        else:
            more = str(start + limit) if start + limit < len(shown) else None
        page = shown[start : start + limit]
        names = self._names(state)
        rows = [
            {names["id"]: row.id, names["text"]: row.text, "metadata": row.metadata} for row in page
        ]
        return Reply(200, {names["list"]: rows, "next_cursor": more})

    def _query(self, state: State, body: Any) -> Reply:
        kept = self._known(state, field_of(body, "collection_id"))
        names = self._names(state)
        hits = state.nearest(kept, field_of(body, "query"), int(body.get("top_k", 3)))
        rows = [
            {names["id"]: row.id, names["text"]: row.text, "metadata": row.metadata, "score": score}
            for score, row in hits
        ]
        return Reply(200, {"results": rows})

    def _known(self, state: State, name: str) -> Kept:
        kept = state.collections.get(name)
        if kept is None:
            raise RefusedError(Reply(404, {"detail": f"collection '{name}' not found"}))
        return kept
