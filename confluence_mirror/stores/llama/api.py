"""The routes of a Llama Stack or OGX that the file store uses, with their answers made plain.

An upload whose answer was lost is first looked for by its name, an attach by its file's id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.net.answers import parse_number
from confluence_mirror.stores.llama.answers import (
    Attached,
    FileRow,
    Json,
    StoreRow,
    attached,
    sentence,
    store_row,
)
from confluence_mirror.stores.llama.calls import LlamaCalls
from confluence_mirror.stores.llama.wire import LlamaAnswer, LostAnswerError

CHUNKING = {"type": "static", "static": {"max_chunk_size_tokens": 4096, "chunk_overlap_tokens": 0}}
"""One chunk per file: the largest size that the servers take."""
MOST_ROWS = 1_000_000
"""A listing that gives more is making rows up: no server of this kind holds as much."""


class LlamaApi(LlamaCalls):
    """The routes of one server, each as a method."""

    # Stores

    def stores(self) -> Iterator[StoreRow]:
        """Every vector store of the server."""
        path, after, seen = f"{self.prefix}/vector_stores", "", set[str]()
        while True:
            answer = self.call(
                "GET",
                path,
                query={"limit": 100, "order": "asc", **({"after": after} if after else {})},
            )
            rows = [
                row
                for row in self.rows(answer, "the list of stores")
                if str(row.get("id")) not in seen
            ]
            yield from map(store_row, rows)
            # ``has_more`` is not asked: a page without a row that is new ends the list on every
            # version.
            if not rows:
                return
            seen.update(str(row["id"]) for row in rows)
            if len(seen) > MOST_ROWS:
                raise self._endless("the list of stores")
            after = str(rows[-1]["id"])

    def store(self, store_id: str) -> StoreRow | None:
        """One store; None where it does not exist (any more): 400 on these routes."""
        answer = self.call("GET", f"{self.prefix}/vector_stores/{store_id}", expect=(400, 404))
        return (
            None
            if self.absent(answer, "the store")
            else store_row(self.entity(answer, "the store"))
        )

    def create_store(self, body: Json) -> LlamaAnswer:
        """Make a store. Not repeated: the caller looks by name. Raises ``LostAnswerError``."""
        answer = self._send_once("POST", f"{self.prefix}/vector_stores", body=body)
        return self.check(answer, "the creation of a store", expect=(400, 404, 422, 500))

    def drop_store(self, store_id: str) -> None:
        """Remove a store; absent: no error."""
        answer = self.call("DELETE", f"{self.prefix}/vector_stores/{store_id}", expect=(400, 404))
        if self.absent(answer, "the removal of a store") and self.store(store_id) is not None:
            self.check(answer, "the removal of a store")

    # Files

    def files(self) -> list[FileRow]:
        """Every uploaded file, of everybody who uses the server, oldest first.

        One request, with a limit that holds them all: the cursor of this list is a time in whole
        seconds, and skips the files of a second that a page ended in.
        """
        limit, before = 10_000, -1
        while True:
            answer = self.call(
                "GET", f"{self.prefix}/files", query={"limit": limit, "order": "asc"}
            )
            rows = self.rows(answer, "the list of files")
            if len(rows) <= before:
                raise StoreUnavailable(
                    f"Llama Stack at {self.location} lists files without end.", hint="Run again."
                )
            before = len(rows)
            if not (isinstance(answer.body, dict) and answer.body.get("has_more")):
                return [
                    FileRow(
                        str(r["id"]), str(r.get("filename", "")), parse_number(r.get("created_at"))
                    )
                    for r in rows
                ]
            limit *= 10

    def upload(self, name: str, text: str, known: Collection[str]) -> str:
        """Upload a file and return its id. ``known``: ids of older files of this name."""
        for attempt in (1, 2):
            try:
                answer = self._send_once(
                    "POST",
                    f"{self.prefix}/files",
                    body={"purpose": "assistants"},
                    file=(name, text),
                )
            except LostAnswerError as lost:
                found = [row.id for row in self.files() if row.name == name and row.id not in known]
                if found:
                    return found[-1]
                if attempt == 2:
                    raise self.gone(lost) from lost
            else:
                break
        return str(self.entity(self.check(answer, "an upload"), "an upload")["id"])

    def text(self, file_id: str) -> str | None:
        """The text of an uploaded file; None where it is gone."""
        answer = self.call(
            "GET", f"{self.prefix}/files/{file_id}/content", expect=(400, 404, 500), plain=True
        )
        gone = self.absent(answer, "the text of a file") or answer.status == 500
        return answer.body if not gone and isinstance(answer.body, str) else None

    def delete_file(self, file_id: str) -> None:
        """Remove an uploaded file; absent: no error."""
        answer = self.call("DELETE", f"{self.prefix}/files/{file_id}", expect=(404,))
        self.absent(answer, "the removal of a file")

    # Files of a store

    def attach(
        self, store_id: str, file_id: str, attributes: Mapping[str, object]
    ) -> Attached | None:
        """Have a file indexed; its row when that has ended. None: the answer was lost, and the file
        is not there."""
        body = {"file_id": file_id, "attributes": dict(attributes), "chunking_strategy": CHUNKING}
        try:
            answer = self._send_once(
                "POST", f"{self.prefix}/vector_stores/{store_id}/files", body=body
            )
        except LostAnswerError:
            return self.await_row(lambda: self.newest(store_id)[0].get(file_id))
        self.check(answer, "an attach", expect=(400, 404, 413, 422, 500))
        if answer.status != 200:
            return Attached("failed", sentence(answer.body))
        row = attached(self.entity(answer, "an attach"))
        return (
            self.await_row(lambda: self.row(store_id, file_id))
            if row.status == "in_progress"
            else row
        )

    def await_row(self, look: Callable[[], Attached | None]) -> Attached | None:
        """The file's row once it is complete; None if there is none after ``late_seconds``.

        A server goes on with an attach whose client is gone, and lists the file only when it is
        done.
        """
        began, waited, pause = time.monotonic(), 0.0, 0.2
        while True:
            row = look()
            if row is not None and row.status != "in_progress":
                return row
            if max(waited, time.monotonic() - began) >= self.late_seconds:
                return row
            self.sleep(pause)
            waited, pause = waited + pause, pause * 2

    def row(self, store_id: str, file_id: str) -> Attached | None:
        """A file's row in a store; None where it has none: 400 or 404."""
        answer = self.call(
            "GET", f"{self.prefix}/vector_stores/{store_id}/files/{file_id}", expect=(400, 404)
        )
        return (
            None
            if self.absent(answer, "a file's state")
            else attached(self.entity(answer, "a file's state"))
        )

    def newest(self, store_id: str) -> tuple[dict[str, Attached], float]:
        """The rows of the hundred files attached last, by id, and the time (Unix) after which none
        is missing.

        Better than to ask for a row that is not there: later servers print a long traceback for
        each such question, and answer nobody meanwhile, for seconds.
        """
        path = f"{self.prefix}/vector_stores/{store_id}/files"
        answer = self.call("GET", path, query={"limit": 100, "order": "desc"}, expect=(400, 404))
        what = "the list of a store's files"
        rows = [] if self.absent(answer, what) else self.rows(answer, what)
        since = (
            min(parse_number(row.get("created_at")) for row in rows) if len(rows) >= 100 else 0.0
        )
        return {str(row["id"]): attached(row) for row in rows}, since

    def store_files(self, store_id: str) -> list[Json]:
        """Every row of a store's file list: slow (a server reads all rows for each page), so never
        in a usual run."""
        path, limit = f"{self.prefix}/vector_stores/{store_id}/files", 10_000
        answer = self.call("GET", path, query={"limit": limit, "order": "asc"}, expect=(400,))
        if self.absent(
            answer, "the list of a store's files"
        ):  # 0.6 and later take no more than a hundred
            limit = 100
            answer = self.call("GET", path, query={"limit": limit, "order": "asc"})
        found: dict[str, Json] = {}
        while True:
            page = self.rows(answer, "the list of a store's files")
            new = {str(row["id"]): row for row in page if str(row["id"]) not in found}
            found.update(new)
            if len(page) < limit or not new:
                return list(found.values())
            if len(found) > MOST_ROWS:
                raise self._endless("the list of a store's files")
            answer = self.call(
                "GET", path, query={"limit": limit, "order": "asc", "after": str(page[-1]["id"])}
            )

    def detach(self, store_id: str, file_id: str) -> None:
        """Take a file out of a store; absent: no error. Absent is 400 like other faults, and not
        told in the same words everywhere, so where it is not plain it is asked."""
        path = f"{self.prefix}/vector_stores/{store_id}/files/{file_id}"
        answer = self.call("DELETE", path, expect=(400, 404))
        said, absent = (
            sentence(answer.body),
            self.absent(answer, "the removal of a file from a store"),
        )
        if absent and "not found" not in said and self.row(store_id, file_id) is not None:
            raise StoreUnavailable(
                f"Llama Stack at {self.location} refuses to remove a file: {said}"
            )

    def search(
        self, store_id: str, query: str, limit: int, filters: Json | None = None
    ) -> list[Json]:
        """The nearest chunks. A query that equals a stored text makes 0.2 to 0.4 divide by zero
        (400), as does an empty one; it is asked again with a word more."""
        path = f"{self.prefix}/vector_stores/{store_id}/search"
        for text in (query.strip() or "?", f"{query} and more"):
            body: Json = {
                "query": text,
                "max_num_results": limit,
                **({"filters": filters} if filters else {}),
            }
            answer = self.call("POST", path, body=body, expect=(400,))
            if answer.status == 200:
                return self.rows(answer, "a search", key="content")
        raise StoreUnavailable(
            f"Llama Stack at {self.location} refuses a search: {sentence(answer.body)}"
        )
