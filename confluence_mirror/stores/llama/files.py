"""The files of one vector store: put there, found again, taken away, and set right after a crash.

Each of our files holds one chunk. What is known of them is read once, from the names in the
server's list of files, and kept up to date: a few hundred bytes a chunk.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from confluence_mirror.errors import StoreUnavailable, SyncError
from confluence_mirror.model import Chunk, StoredRef
from confluence_mirror.stores.llama import names
from confluence_mirror.stores.llama.answers import Attached, FileRow
from confluence_mirror.stores.llama.api import LlamaApi

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """One of our files that holds, or should hold, a chunk."""

    file_id: str
    name: names.FileName
    created_at: float


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of one chunk: the file that holds it, or why the server did not index it."""

    chunk: Chunk
    file_id: str = ""
    failure: str = ""
    broken_up: int = 0
    """Special tokens that were broken up in its text."""


class StoreFiles:
    """One store's files. ``shifts``: its provider shifts texts when the chunk added last is deleted
    (faiss), so an end marker is kept behind whatever is deleted, and files are attached one at a
    time."""

    def __init__(self, api: LlamaApi, store_id: str, *, workers: int, shifts: bool) -> None:
        self.api = api
        self.store_id = store_id
        self.workers = 1 if shifts else workers
        self.shifts = shifts
        self.broken_up = 0
        self._copies: dict[str, list[ChunkFile]] | None = None
        self._markers: list[str] = []
        self._marker_is_last = False
        self._late: list[str] = []
        self.unattached: list[ChunkFile] = []
        """Our uploads that a listing did not find in the store."""
        self.rows_seen: set[str] = set()
        """Files that a list of the store's rows named in this run, whether or not their uploads are
        there."""
        self.elsewhere: list[FileRow] = []
        """Our files, by the list that was read last, that were uploaded for other stores."""

    # What is there

    def load(self) -> dict[str, list[ChunkFile]]:
        """Read the names of all our files anew: chunk id → its copies, oldest first. Files that
        were given up, and wait for the end of the run, are none."""
        copies: dict[str, list[ChunkFile]] = {}
        self._markers, self.elsewhere = [], []
        for row in self.api.files():
            name = names.parse(self.store_id, row.name)
            if row.id in self._late:
                continue
            if name is not None:
                copies.setdefault(name.chunk_id, []).append(ChunkFile(row.id, name, row.created_at))
            elif names.is_marker(self.store_id, row.name):
                self._markers.append(row.id)
            elif names.origin(row.name) and not names.is_ours(self.store_id, row.name):
                self.elsewhere.append(row)
        self._copies = copies
        return copies

    @property
    def copies(self) -> dict[str, list[ChunkFile]]:
        """As read before, and as changed by us since."""
        return self.load() if self._copies is None else self._copies

    @property
    def markers(self) -> Sequence[str]:
        """File ids of our end markers."""
        _ = self.copies
        return self._markers

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do the work on each item, by as many workers as the store can take, in order. The first
        error ends it."""
        if self.workers == 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(work, items))

    # Putting

    def put(self, chunks: Sequence[Chunk]) -> list[PutResult]:
        """Store chunks, each complete before it is reported. Older copies stay.

        A chunk that is not indexed is tried again once the server has shown that it indexes at all;
        otherwise
        ``StoreUnavailable``: the fault is then not the chunk's.
        """
        _ = self.copies
        done = self._put_all(chunks)
        failed = [put for put in done if put.failure]
        if failed:
            self._prove_it_indexes(failed[0].failure)
            again = {put.chunk.id: put for put in self._put_all([put.chunk for put in failed])}
            done = [again.get(put.chunk.id, put) for put in done]
        return done

    def _put_all(self, chunks: Sequence[Chunk]) -> list[PutResult]:
        if chunks:
            self._marker_is_last = False
        done = self.each(self._put_one, chunks)
        for put in done:
            if put.file_id:
                copy = ChunkFile(put.file_id, names.identity(put.chunk), time.time())
                self.copies.setdefault(put.chunk.id, []).append(copy)
                self.broken_up += put.broken_up
        return done

    def _put_one(self, chunk: Chunk) -> PutResult:
        name = names.file_name(self.store_id, names.identity(chunk))
        known = {copy.file_id for copy in self.copies.get(chunk.id, ())}
        for _ in (1, 2):
            text, broken = names.file_text(chunk, uuid.uuid4().hex[:8])
            file_id = self.api.upload(name, text, known)
            row = self.api.attach(self.store_id, file_id, names.attributes(chunk, file_id, name))
            if row is not None and row.status == "completed":
                return PutResult(chunk, file_id, broken_up=broken)
            self._clear_away(file_id, lost=row is None)
            if row is not None:
                return PutResult(chunk, failure=row.error or f"its file is {row.status}")
        raise StoreUnavailable(
            f"Llama Stack at {self.api.location} lost an attach twice.", hint="Run again."
        )

    def _prove_it_indexes(self, failure: str) -> None:
        """Have a harmless text indexed. Where that fails too, the chunk is not to blame."""
        try:
            self._mark_end()
        except StoreUnavailable as error:
            raise StoreUnavailable(
                f"Llama Stack at {self.api.location} indexes nothing in vector store"
                f" {self.store_id} ({failure}).",
                hint=(
                    "See its log. With sqlite-vec, 0.2 loses every store at a restart: then delete"
                    " the store, and the next run makes and fills a new one."
                ),
            ) from error
        if not self.shifts:
            self._drop_markers(self._markers)

    # Taking away

    def discard(self, copies: Mapping[str, Iterable[str]], *, but: Collection[str] = ()) -> None:
        """Take all copies of these chunks out of the store and delete them: those that we know, and
        those that are named here by file id. ``but``: files that stay.

        An upload goes last, so a file that is neither uploaded nor seen in a row is gone, and is
        not asked for: later servers answer that with a long traceback in their log, and nobody else
        meanwhile, for seconds.
        """
        spared = set(but)
        there = self.rows_seen.union(copy.file_id for held in self.copies.values() for copy in held)
        doomed = {
            file_id: None
            for chunk_id, more in copies.items()
            for file_id in (*(copy.file_id for copy in self.copies.get(chunk_id, ())), *more)
            if file_id in there and file_id not in spared
        }
        if not doomed:
            return
        older = list(self.markers)
        if self.shifts and not self._marker_is_last:
            self._mark_end()
        self.each(self._discard_one, doomed)
        if self.shifts:
            self._drop_markers([marker for marker in older if marker != self._markers[-1]])
        for chunk_id in copies:
            self._keep_copies(
                chunk_id,
                [copy for copy in self.copies.get(chunk_id, ()) if copy.file_id not in doomed],
            )

    def _keep_copies(self, chunk_id: str, held: list[ChunkFile]) -> None:
        if held:
            self.copies[chunk_id] = held
        else:
            self.copies.pop(chunk_id, None)

    def _discard_one(self, file_id: str) -> None:
        self.api.detach(self.store_id, file_id)
        self.api.delete_file(file_id)

    def _mark_end(self) -> None:
        """Attach an end marker, so that nothing that is deleted next was added last."""
        nonce = uuid.uuid4().hex
        name = names.marker_name(self.store_id, nonce)
        file_id = self.api.upload(
            name, f"<!-- end marker of {names.PREFIX}, no content · {nonce} -->\n", ()
        )
        row = self.api.attach(
            self.store_id, file_id, {names.MARKER: 1, "file_id": file_id, "filename": name}
        )
        if row is None or row.status != "completed":
            self._clear_away(file_id, lost=row is None)
            raise StoreUnavailable(
                f"Llama Stack at {self.api.location} does not take the end marker"
                f" ({row.error if row else 'lost'}).",
                hint="What was to be removed next stays; the next run removes it.",
            )
        self._markers.append(file_id)
        self._marker_is_last = True

    def _drop_markers(self, file_ids: Sequence[str]) -> None:
        for marker in list(file_ids):
            self._discard_one(marker)
            self._markers.remove(marker)

    # After a crash

    def _clear_away(self, file_id: str, *, lost: bool) -> None:
        """Remove a file that was not indexed.

        Where the answer to its attach was lost, a text may be there without a row, or a row still
        come: the file is left until the end of the run, as evidence for the next one should this
        run die.
        """
        if lost:
            self._remove_rowless(file_id)
            self._late.append(file_id)
            return
        try:
            self._discard_one(file_id)
        except StoreUnavailable as error:  # a dead store answers 500: the file goes with the store
            log.debug("A file that was not indexed stays behind: %s", error)

    def _remove_rowless(self, file_id: str) -> None:
        """Remove a chunk that a killed server holds without a row of its file: attach the same
        file, then remove it.

        faiss keeps such a chunk whatever is done.
        """
        if not self._is_rowless(file_id):
            return
        if self.shifts:
            log.warning(
                "A text of an interrupted write is in store %s for good: its provider cannot remove"
                " it. Only a new collection is free of it (WRITE_MODE=rotate).",
                self.store_id,
            )
            return
        row = self.api.attach(self.store_id, file_id, {"file_id": file_id})
        if row is not None:
            self.api.detach(self.store_id, file_id)

    def _is_rowless(self, file_id: str) -> bool:
        """Filters work on the nearest hits alone, so the file's own text is asked for, with a word
        more (an equal text would make the server divide by zero)."""
        text = self.api.text(file_id)
        if not text:
            return False
        only = {"type": "eq", "key": "file_id", "value": file_id}
        hits = self.api.search(self.store_id, f"{text} and more", 50, only)
        return any((hit.get("attributes") or {}).get("file_id") == file_id for hit in hits)

    def settle(self, refs: Sequence[StoredRef]) -> dict[str, str]:
        """For each of these chunks the file that holds it in this revision, exactly one afterwards.

        Copies of another revision are removed only where the right one is there: until the chunk is
        written again, they answer. ``write_chunks`` and ``remove_chunks`` know them.
        """
        there = self._settle_rows(
            [copy for ref in refs for copy in self.copies.get(ref.chunk_id, ())]
        )
        settled = {}
        for ref in refs:
            held = [copy for copy in self.copies.get(ref.chunk_id, ()) if copy.file_id in there]
            right = [copy for copy in held if copy.name.metadata_hash == ref.metadata_hash]
            if right:
                keep = next((copy for copy in right if copy.file_id == ref.ref), right[-1])
                settled[ref.chunk_id] = keep.file_id
        surplus = {chunk_id: () for chunk_id in settled if len(self.copies[chunk_id]) > 1}
        self.discard(surplus, but=settled.values())
        return settled

    def _settle_rows(self, copies: Sequence[ChunkFile]) -> set[str]:
        """Those that are indexed. The others are cleared away, after time enough for a late attach
        to end."""
        rows = self._look_up_rows(copies)
        late = self.api.late_seconds
        if any(
            _is_pending(rows[copy.file_id]) and abs(time.time() - copy.created_at) < 2 * late
            for copy in copies
        ):
            self.api.sleep(late)
            rows = self._look_up_rows(copies)
        for copy in copies:
            row, held = rows[copy.file_id], self.copies[copy.name.chunk_id]
            if row is None or row.status != "completed":
                self._clear_away(copy.file_id, lost=row is None)
                self._keep_copies(
                    copy.name.chunk_id, [other for other in held if other is not copy]
                )
        return {
            copy.file_id
            for copy in copies
            if (row := rows[copy.file_id]) and row.status == "completed"
        }

    def _look_up_rows(self, copies: Sequence[ChunkFile]) -> dict[str, Attached | None]:
        if not copies:
            return {}
        newest, since = self.api.newest(self.store_id)
        return {
            copy.file_id: (
                newest.get(copy.file_id)
                if copy.file_id in newest or copy.created_at > since
                else self.api.row(self.store_id, copy.file_id)
            )
            for copy in copies
        }

    def clear_unattached(self) -> None:
        """Remove uploads that were never attached: of a run that died, of which no record is left
        either."""
        left = [copy for copy in self.unattached if copy in self.copies.get(copy.name.chunk_id, ())]
        self.unattached = []
        self._settle_rows(left)

    def sweep_late(self) -> None:
        """Remove files that were given up, and what came of them since. Never raises: the next run
        settles the rest."""
        late, self._late = self._late, []
        if not late:
            return
        try:
            came = self.api.newest(self.store_id)[0]
            self.rows_seen.update(came)
            self.discard({"": [file_id for file_id in late if file_id in came]})
            self.each(self.api.delete_file, late)
        except SyncError as error:
            log.debug("Late files were not removed: %s", error)


def _is_pending(row: Attached | None) -> bool:
    return row is None or row.status == "in_progress"
