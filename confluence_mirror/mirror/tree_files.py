"""The files that are attached to pages in the tree of documents, as they are on the site.

They come after the pages, one by one, straight from Confluence to their place: a file may be larger
than many may be at a time, in memory or on this machine's disk. What is recorded of one is the
version that it is of; its order of writing is that of ``document_tree``.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from confluence_mirror.document_store.base import Content
from confluence_mirror.document_store.paths import name_files, path_of_file
from confluence_mirror.errors import PageFailed
from confluence_mirror.manifest import Record, TreeRow
from confluence_mirror.mirror.document_tree import IN_THE_WAY, DocumentTree, content_hash
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.ports import Source
from confluence_mirror.model import PageRef

log = logging.getLogger(__name__)


class TreeFiles:
    """Brings the files of a listing's pages into the tree."""

    def __init__(
        self, tree: DocumentTree, listing: Listing, source: Source, record: Record, *, whole: bool
    ) -> None:
        """``whole``: the listing shows every file of a page that it shows one of."""
        self._tree = tree
        self._listing = listing
        self._source = source
        self._record = record
        self._whole = whole
        self._names = lru_cache(maxsize=1000)(self._name_siblings)

    def write(self, check: Callable[[], None]) -> Iterator[tuple[PageRef, PageFailed]]:
        """Write those that are not in the tree as they are now; those that cannot be are given.
        ``check`` is called before each."""
        for refs in self._listing.children_in_scope():
            for ref, path, known in self._misplaced([r for r in refs if r.type == "attachment"]):
                check()
                try:
                    self._write_file(ref, path, known)
                except PageFailed as failure:
                    yield ref, failure

    def _misplaced(
        self, refs: Sequence[PageRef]
    ) -> Iterator[tuple[PageRef, str, Sequence[TreeRow]]]:
        """Of these files those that are to be written, with their paths and what is recorded."""
        rows = self._record.pages([ref.id for ref in refs])
        record = self._tree.record
        pages = record.of_documents(list({ref.parent_id or "" for ref in refs}))
        known = record.of_documents([ref.id for ref in refs])
        for ref in refs:
            page, row = pages[ref.parent_id or ""], rows.get(ref.id)
            if not page or row is None or row.version is None:
                continue  # what has failed is tried again by the next run
            path = path_of_file(page[0].path, self._name(ref))
            if not self._whole:
                path = self._free_path(path, ref, known[ref.id])
            if not _is_in_place(ref, path, known[ref.id]):
                yield ref, path, known[ref.id]

    def _name(self, ref: PageRef) -> str:
        names = self._names(ref.parent_id or "") if self._whole else {}
        return names.get(ref.id) or name_files({ref.id: ref.title})[ref.id]

    def _name_siblings(self, page_id: str) -> Mapping[str, str]:
        return name_files(self._listing.tree.files_of(page_id))

    def _free_path(self, path: str, ref: PageRef, known: Sequence[TreeRow]) -> str:
        """Where siblings are not known: nobody else's place."""
        beside = _beside(path, ref)
        holder = self._tree.record.at_paths([path]).get(path)
        taken = holder is not None and holder.document != ref.id
        return beside if taken or any(row.path == beside for row in known) else path

    def _write_file(self, ref: PageRef, path: str, known: Sequence[TreeRow]) -> None:
        with self._content_of(ref, known) as content:
            if content is None:
                self._tree.remove_documents([ref.id])
                return
            digest = content_hash(content) if isinstance(content, bytes) else _hash_file(content)
            for aside in (False, True):
                row = TreeRow(
                    _beside(path, ref) if aside else path, ref.id, "", aside, _version(ref)
                )
                if self._tree.write_row(row, content, digest, known):
                    return
        raise PageFailed(IN_THE_WAY.format(path))

    @contextmanager
    def _content_of(self, ref: PageRef, known: Sequence[TreeRow]) -> Iterator[Content | None]:
        """From where it stands in the tree, if only its place is another; else from Confluence.
        None: it is larger than what is fetched."""
        for row in known:
            if row.hash and row.version == _version(ref):
                found = self._tree.store.read([row.path]).get(row.path)
                if found is not None and content_hash(found) == row.hash:
                    yield found
                    return
        with tempfile.NamedTemporaryFile(prefix="confluence-mirror-") as target:
            fetched = self._source.fetch_file(ref, target)
            target.flush()
            yield Path(target.name) if fetched else None


def _version(ref: PageRef) -> str:
    return str(ref.version.number)


def _beside(path: str, ref: PageRef) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name_files({'0': name, ref.id: name})[ref.id]}"


def _is_in_place(ref: PageRef, path: str, known: Sequence[TreeRow]) -> bool:
    if len(known) != 1 or not known[0].hash or known[0].version != _version(ref):
        return False
    return known[0].path == (_beside(path, ref) if known[0].aside else path)


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
