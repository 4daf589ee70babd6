"""The documents themselves as a tree of files: written with their pages, removed with them.

Order of a document's write: its path is noted in the manifest → the file is written → the one at
its former path is removed → what stands where is recorded; all of it before its page's row is
committed. Killed in between, the next plan contains the page, and every file of ours is known.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from confluence_mirror.batches import in_batches
from confluence_mirror.document_store.base import Content, DocumentStore
from confluence_mirror.document_store.front_matter import read_metadata
from confluence_mirror.document_store.paths import fold_path, path_beside
from confluence_mirror.manifest import Generation, TreeRecord, TreeRow
from confluence_mirror.mirror.events import DocumentFate, DocumentsCounted, Emit

log = logging.getLogger(__name__)

BATCH = 100
IN_THE_WAY = "its document cannot be written: a file that is not ours stands in its place ({})"


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A document as it should be in the tree."""

    document: str
    """Its id."""
    path: str
    content: bytes

    @property
    def hash(self) -> str:
        """Of the content: what ``TreeRow`` records."""
        return content_hash(self.content)


def content_hash(content: bytes) -> str:
    """Half of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:32]


_Known = Mapping[str, Sequence[TreeRow]]
"""The rows of documents as they were."""


class DocumentTree:
    """The tree of one mirror in one place."""

    def __init__(self, store: DocumentStore, record: TreeRecord, site: str, emit: Emit) -> None:
        self.store = store
        self.record = record
        self.site = site
        self._emit = emit

    def stands(self, paths: Mapping[str, str]) -> set[str]:
        """Of these documents (id → path) those that are recorded whole, and where they should
        be."""
        known = self.record.of_documents(list(paths))
        return {each for each, path in paths.items() if _is_in_place(each, path, known[each])}

    # -- writing

    def write(self, files: Sequence[DocumentFile]) -> dict[str, str]:
        """Write what differs, and remove what these documents have at other paths. Given back are
        those that cannot be written, with the reason."""
        known = self.record.of_documents([file.document for file in files])
        left = [
            file
            for file in files
            if not _is_in_place(file.document, file.path, known[file.document], file.hash)
        ]
        for aside in (False, True):
            left = self._write_at(left, known, aside=aside) if left else []
        return {file.document: IN_THE_WAY.format(file.path) for file in left}

    def _write_at(
        self, files: Sequence[DocumentFile], known: _Known, *, aside: bool
    ) -> list[DocumentFile]:
        """Write each at its path, or beside it, and record it; those that cannot be written
        there."""
        at = {path_beside(file.path, file.document) if aside else file.path: file for file in files}
        taken = {
            path: row
            for path, row in self.record.at_paths(list(at)).items()
            if row.document not in known
        }
        standing = self._unrecorded(at)
        refused = {path for path, found in standing.items() if not self._is_ours(found, at[path])}
        if aside:
            refused |= taken.keys()
        else:
            self._displace(list(taken.values()))
        rows = [
            TreeRow(path, file.document, file.hash, aside)
            for path, file in at.items()
            if path not in refused
        ]
        sent = [row for row in rows if standing.get(row.path) != at[row.path].content]
        self.record.put([replace(row, hash="") for row in sent])
        self._remove_namesakes(rows, known)
        failed = self.store.write({row.path: at[row.path].content for row in sent})
        refused |= set(failed)
        self._settle([row for row in rows if row.path not in refused], sent, known, failed)
        return [file for path, file in at.items() if path in refused]

    def _unrecorded(self, at: Mapping[str, DocumentFile]) -> Mapping[str, bytes]:
        """What stands at these paths of which nothing is recorded."""
        recorded = self.record.at_paths(list(at))
        return self.store.read([path for path in at if path not in recorded])

    def _is_ours(self, content: bytes, file: DocumentFile) -> bool:
        """Whether a file is this document, as an earlier run wrote it that nothing records."""
        found = read_metadata(content)
        return (found.get("site_id"), found.get("page_id")) == (self.site, file.document)

    def _displace(self, rows: Sequence[TreeRow]) -> None:
        """Documents whose paths others are to have are kept beside them until they are written in
        their turn: they may not be in this run."""
        beside = {path_beside(row.path, row.document): row for row in rows}
        taken = {*self.record.at_paths(list(beside)), *self.store.read(list(beside))}
        free = {path: row for path, row in beside.items() if path not in taken}
        found = self.store.read([row.path for row in free.values()])
        kept = {path: found[row.path] for path, row in free.items() if row.path in found}
        self.record.put([TreeRow(path, free[path].document) for path in kept])
        self.store.write(kept)
        self.record.put(
            [TreeRow(path, free[path].document, content_hash(kept[path])) for path in kept]
        )

    def _remove_namesakes(self, rows: Sequence[TreeRow], known: _Known) -> None:
        """Before a document is written under a name that differs in its case alone: where case does
        not count, the former file is the new one, and must not be removed after it."""
        now = {fold_path(row.path) for row in rows}
        self.store.remove([each for each in _former_paths(rows, known) if fold_path(each) in now])

    def _settle(
        self,
        done: Sequence[TreeRow],
        sent: Sequence[TreeRow],
        known: _Known,
        failed: Sequence[str],
    ) -> None:
        """Remove what stands at former paths, and record what stands where."""
        gone = _former_paths(done, known)
        self.store.remove(gone)
        self.record.put(done, [*gone, *failed])
        moved = {
            row.document
            for row in done
            if any(former.path != row.path for former in known[row.document])
        }
        self._count("moved", len(moved))
        self._count("written", sum(r in done and r.document not in moved for r in sent))

    def write_row(
        self, row: TreeRow, content: Content, digest: str, known: Sequence[TreeRow]
    ) -> bool:
        """Write one attached file, of which these rows are ``known``; False where something that
        is not ours stands at its path."""
        recorded = self.record.at_paths([row.path])
        if row.aside and recorded and recorded[row.path].document != row.document:
            return False
        standing = {} if recorded else self.store.read([row.path])
        if any(content_hash(found) != digest for found in standing.values()):
            return False
        former = [each.path for each in known if each.path != row.path]
        if not standing:
            self.record.put([row])
            if self.store.write({row.path: content}):
                self.record.put((), [row.path])
                return False
        self.store.remove(former)
        self.record.put([replace(row, hash=digest)], former)
        self._count("moved" if former else "written", 1)
        return True

    # -- removing

    def remove_documents(self, ids: Sequence[str]) -> None:
        """Documents have left the mirror."""
        for some in in_batches(ids, BATCH):
            found = self.record.of_documents(some)
            self._remove_rows([row for rows in found.values() for row in rows])

    def remove_left(self, generation: Generation) -> None:
        """Remove the documents of pages that the mirror does not have: a run died before it could,
        or a new collection was built without them."""
        while rows := self.record.left_behind(generation, BATCH):
            self._remove_rows(rows)

    def purge(self) -> None:
        """Remove every document of ours."""
        for rows in self.record.all_rows():
            self._remove_rows(rows)

    def _remove_rows(self, rows: Sequence[TreeRow]) -> None:
        paths = [row.path for row in rows]
        self.store.remove(paths)
        self.record.put((), paths)
        self._count("removed", len({row.document for row in rows}))

    def _count(self, fate: DocumentFate, count: int) -> None:
        if count:
            self._emit(DocumentsCounted(fate, count))


def _is_in_place(document: str, path: str, rows: Sequence[TreeRow], digest: str = "") -> bool:
    """Whether what is recorded of a document is one whole file at this path, or beside what is in
    its way there; with a digest, this very content."""
    if len(rows) != 1 or not rows[0].hash or digest not in ("", rows[0].hash):
        return False
    return rows[0].path == (path_beside(path, document) if rows[0].aside else path)


def _former_paths(rows: Sequence[TreeRow], known: _Known) -> list[str]:
    """Where these documents stood before, but for what now has another document."""
    now = {row.path for row in rows}
    return [former.path for row in rows for former in known[row.document] if former.path not in now]
