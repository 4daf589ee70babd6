"""A small Llama Stack over HTTP, for tests: the routes of the files families, and what real servers
do wrong.

``version`` chooses the family (0.2.23, 0.7.3, 1.5.0 …), ``provider`` the index. ``faults`` breaks
single requests.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit

from tests.servers.llama_stack_rows import file_row, model_row, store_file, store_row
from tests.servers.llama_stack_state import State, VectorStore
from tests.servers.threading_server import StandInServer

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
OTHER_MODEL = "sentence-transformers/another-model"
DIMENSION = 384
Kind = Literal["answer", "cut before", "cut after", "late", "rowless"]


@dataclass
class Fault:
    """What happens to the next ``times`` requests that fit.

    ``answer``: ``status`` and ``body`` instead of the work. ``cut before``, ``cut after``: the
    connection is lost before or after the work. ``late``: an attach that ends after its client is
    gone, listed only after it was asked for so many times. ``rowless``: a server killed in
    mid-attach, which has the text and no row of the file.
    """

    method: str
    path: str
    kind: Kind = "cut before"
    status: int = 500
    body: str = '{"detail":"Internal server error"}'
    times: int = 1
    content_type: str = "application/json"
    questions: int = 2
    """How often a late attach is asked for in vain."""


class _CutError(Exception):
    """The connection is lost."""


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LlamaStackServer:
    """A server on a free port of 127.0.0.1, running from ``start`` (or ``with``) to ``stop``."""

    def __init__(
        self, version: str = "0.2.23", provider: str = "sqlite-vec", *, api_key: str = ""
    ) -> None:
        self.state = State(version, provider)
        self.prefix = "/v1/openai/v1" if self.state.release == (0, 2) else "/v1"
        self.api_key = api_key
        self.models = {MODEL: DIMENSION, OTHER_MODEL: DIMENSION}
        """Registered embedding models, and their dimensions."""
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.most_at_once = 0
        """Attaches that were under way at the same time, at most."""
        self.under_way = 0
        self._http: StandInServer | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def runs(self) -> bool:
        return self._http is not None

    def start(self) -> LlamaStackServer:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = StandInServer(("127.0.0.1", self._port), handler)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._http:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def restart(self) -> None:
        """The same address, the same data, as far as the version keeps it."""
        self.stop()
        self.state.restart()
        self.start()

    def __enter__(self) -> LlamaStackServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def asked(self, pattern: str) -> int:
        """How many requests so far fit ``METHOD path``."""
        return sum(bool(re.search(pattern, request)) for request in self.requests)

    def texts(self) -> list[str]:
        """Every text in the indexes, as a search could answer it."""
        return [
            entry.text for store in self.state.stores.values() for _, entry in store.index.pairs()
        ]


class _Handler(BaseHTTPRequestHandler):
    owner: LlamaStackServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, else each answer takes 40 ms

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        if not self.owner.runs:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        attaches = (
            method == "POST" and parts.path.endswith("/files") and "/vector_stores/" in parts.path
        )
        with self.owner.state.lock:
            self.owner.under_way += attaches
            self.owner.most_at_once = max(self.owner.most_at_once, self.owner.under_way)
        try:
            self._handle(method, parts, raw)
        finally:
            with self.owner.state.lock:
                self.owner.under_way -= attaches

    def _handle(self, method: str, parts: SplitResult, raw: bytes) -> None:
        with self.owner.state.lock:
            self.owner.requests.append(f"{method} {parts.path}")
            fault = next(
                (
                    f
                    for f in self.owner.faults
                    if f.method == method and re.search(f.path, parts.path)
                ),
                None,
            )
            if fault:
                fault.times -= 1
                if not fault.times:
                    self.owner.faults.remove(fault)
            try:
                self._answer(
                    *self._apply(fault, method, parts.path, dict(parse_qsl(parts.query)), raw)
                )
            except _CutError:
                self.close_connection = True
                self.connection.shutdown(2)
            except _RefusedError as refused:
                self._answer(refused.status, self._error(str(refused)))

    def _apply(
        self, fault: Fault | None, method: str, path: str, query: dict[str, str], raw: bytes
    ) -> tuple[int, object, str]:
        if fault and fault.kind == "answer":
            return fault.status, fault.body, fault.content_type
        if fault and fault.kind == "cut before":
            raise _CutError
        self._check_headers()
        if fault and fault.kind == "late":
            self.owner.state.delay_next = fault.questions
        answer = self._route(method, path, query, raw)
        if fault:
            self._break(fault, path, raw)
            raise _CutError
        return (*answer, "application/json") if len(answer) == 2 else answer

    def _break(self, fault: Fault, path: str, raw: bytes) -> None:
        if fault.kind == "rowless":
            del self._store(path.split("/")[-2]).rows[json.loads(raw)["file_id"]]

    def _check_headers(self) -> None:
        name = "OGX" if self.owner.state.ogx else "LlamaStack"
        sent = self.headers.get(f"X-{name}-Client-Version")
        if sent and sent.split(".")[:2] != self.owner.state.version.split(".")[:2]:
            raise _RefusedError(426, f"Client version {sent} is not compatible with this server.")
        if (
            self.owner.api_key
            and self.headers.get("Authorization") != f"Bearer {self.owner.api_key}"
        ):
            raise _RefusedError(401, "Authentication required")

    # Routes

    def _route(self, method: str, path: str, query: dict[str, str], raw: bytes) -> tuple:
        state = self.owner.state
        if (method, path) == ("GET", "/v1/version"):
            return 200, {"version": state.version}
        if (method, path) == ("GET", "/v1/models"):
            return 200, {
                "data": [model_row(self.owner.state, *model) for model in self.owner.models.items()]
            }
        if (method, path) == ("GET", "/v1/providers"):
            return 200, {"data": [{"api": "vector_io", "provider_id": state.provider}]}
        if state.release == (0, 2) and (found := re.fullmatch(r"/v1/vector-dbs/([^/]+)", path)):
            store = self._store(found[1])
            return 200, {
                "identifier": store.id,
                "embedding_model": store.model,
                "embedding_dimension": store.dimension,
            }
        for pattern, verb, work in (
            ("/vector_stores", "GET", self._list_stores),
            ("/vector_stores", "POST", self._create_store),
            ("/vector_stores/([^/]+)", "GET", self._get_store),
            ("/vector_stores/([^/]+)", "DELETE", self._delete_store),
            ("/vector_stores/([^/]+)/files", "GET", self._list_rows),
            ("/vector_stores/([^/]+)/files", "POST", self._attach),
            ("/vector_stores/([^/]+)/files/([^/]+)", "GET", self._get_row),
            ("/vector_stores/([^/]+)/files/([^/]+)", "DELETE", self._detach),
            ("/vector_stores/([^/]+)/search", "POST", self._search),
            ("/files", "GET", self._list_files),
            ("/files", "POST", self._upload),
            ("/files/([^/]+)", "DELETE", self._delete_file),
            ("/files/([^/]+)/content", "GET", self._content),
        ):
            match = re.fullmatch(self.owner.prefix + pattern, path)
            if match and verb == method:
                return work(*match.groups(), query=query, raw=raw)
        raise _RefusedError(404, "Not Found")

    def _store(self, store_id: str) -> VectorStore:
        if store_id not in self.owner.state.stores:
            raise _RefusedError(400, f"Vector_db '{store_id}' not found")
        return self.owner.state.stores[store_id]

    def _page(self, rows: list[dict], query: dict[str, str], *, capped: bool) -> tuple[int, dict]:
        limit = int(query.get("limit", 20))
        if capped and limit > 100 and self.owner.state.release >= (0, 6):
            raise _RefusedError(400, "limit: Input should be less than or equal to 100")
        if after := query.get("after"):
            at = next((place for place, row in enumerate(rows) if row["id"] == after), len(rows))
            rows = rows[at + 1 :]
        return 200, {"object": "list", "data": rows[:limit], "has_more": len(rows) > limit}

    def _list_stores(self, *, query: dict, raw: bytes) -> tuple[int, dict]:
        return self._page(
            [store_row(s, self.owner.state) for s in self.owner.state.stores.values()],
            query,
            capped=True,
        )

    def _create_store(self, *, query: dict, raw: bytes) -> tuple[int, dict]:
        body, state = json.loads(raw), self.owner.state
        model = body.get("embedding_model")
        short = (
            {each.rpartition("/")[2] for each in self.owner.models}
            if state.release == (0, 2)
            else set()
        )
        if model not in {*self.owner.models, *short}:
            raise _RefusedError(404, f"Model '{model}' not found.")
        if body.get("provider_id") not in (None, state.provider):
            raise _RefusedError(500, "Internal server error")
        made = state.create(
            body["name"], model, body.get("metadata") or {}, self.owner.models.get(model, DIMENSION)
        )
        return 200, store_row(made, state)

    def _get_store(self, store_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        return 200, store_row(self._store(store_id), self.owner.state)

    def _delete_store(self, store_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        del self.owner.state.stores[self._store(store_id).id]
        return 200, {"id": store_id, "object": "vector_store.deleted", "deleted": True}

    def _list_files(self, *, query: dict, raw: bytes) -> tuple[int, dict]:
        rows = [file_row(file) for file in self.owner.state.files.values()]
        if after := query.get("after"):  # a cursor of whole seconds
            passed = self.owner.state.files[after].created_at
            rows = [row for row in rows if row["created_at"] > passed]
        return self._page(rows, {"limit": query.get("limit", "20")}, capped=False)

    def _upload(self, *, query: dict, raw: bytes) -> tuple[int, dict]:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        for part in BytesParser().parsebytes(head + raw).get_payload():
            if part.get_param("name", header="content-disposition") == "file":
                text = part.get_payload(decode=True).decode()
                return 200, file_row(self.owner.state.upload(part.get_filename(), text))
        raise _RefusedError(400, "file: Field required")

    def _delete_file(self, file_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        if self.owner.state.files.pop(file_id, None) is None:
            raise _RefusedError(404, f"File '{file_id}' not found")
        return 200, {"id": file_id, "object": "file", "deleted": True}

    def _content(self, file_id: str, *, query: dict, raw: bytes) -> tuple:
        if file_id not in self.owner.state.files:
            raise _RefusedError(404, f"File '{file_id}' not found")
        return 200, self.owner.state.files[file_id].text, "application/octet-stream"

    def _list_rows(self, store_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        store = self._store(store_id)
        rows = [
            store_file(store_id, row)
            for row in store.rows.values()
            if self.owner.state.asked(store, row)
        ]
        if query.get("order", "desc") == "desc":
            rows.reverse()
        return self._page(rows, query, capped=True)

    def _attach(self, store_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        body, store = json.loads(raw), self._store(store_id)
        attributes = body.get("attributes") or {}
        if len(attributes) > 16 or any(
            isinstance(value, str) and len(value) > 512 for value in attributes.values()
        ):
            raise _RefusedError(400, "attributes: too many, or too long")
        return 200, store_file(
            store_id, self.owner.state.attach(store, body["file_id"], attributes)
        )

    def _get_row(self, store_id: str, file_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        store = self._store(store_id)
        row = store.rows.get(file_id)
        if row is None or not self.owner.state.asked(store, row):
            raise _RefusedError(400, f"File {file_id} not found in vector store {store_id}")
        return 200, store_file(store_id, row)

    def _detach(self, store_id: str, file_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        store = self._store(store_id)
        if store.dead:
            raise _RefusedError(500, "Internal server error")
        if file_id not in store.rows or store.rows[file_id].hidden:
            raise _RefusedError(400, f"File {file_id} not found in vector store {store_id}")
        self.owner.state.detach(store, file_id)
        return 200, {"id": file_id, "object": "vector_store.file.deleted", "deleted": True}

    def _search(self, store_id: str, *, query: dict, raw: bytes) -> tuple[int, dict]:
        body = json.loads(raw)
        limit, store = body.get("max_num_results", 10), self._store(store_id)
        if self.owner.state.ogx and limit > 50:
            raise _RefusedError(400, "max_num_results: Input should be less than or equal to 50")
        hits = self.owner.state.search(store, body["query"], limit, body.get("filters"))
        if hits is None:
            raise _RefusedError(400, "Out of range float values are not JSON compliant")
        return 200, {
            "object": "vector_store.search_results.page",
            "data": hits,
            "has_more": False,
            "next_page": None,
        }

    # Answers

    def _error(self, message: str) -> dict:
        return (
            {"error": {"message": message}}
            if self.owner.state.release >= (0, 6)
            else {"detail": message}
        )

    def _answer(self, status: int, body: object, content_type: str = "application/json") -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        if status in (301, 302, 307, 308):
            self.send_header("location", "http://127.0.0.1:9/")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()
