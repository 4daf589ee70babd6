"""The tree of documents in one run: where the pages of its plan belong, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from confluence_mirror.document_store.paths import fold_path, path_beside
from confluence_mirror.errors import PageFailed
from confluence_mirror.manifest import PageRow, Record
from confluence_mirror.mirror.document_tree import DocumentFile, DocumentTree
from confluence_mirror.mirror.documents import Document
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.tree_files import TreeFiles
from confluence_mirror.mirror.tree_paths import TreePaths
from confluence_mirror.model import CHILD_TYPES, PageRef


class PlannedTree:
    """The tree as a plan is to make it. Pages are its documents; what hangs on them is not."""

    def __init__(self, tree: DocumentTree, paths: TreePaths, record: Record) -> None:
        self._tree = tree
        self._paths = paths
        self._record = record

    def misplaced(self, refs: Sequence[PageRef]) -> set[str]:
        """Of these pages those whose document is not where it should be, though nothing of the page
        has changed: another page has come that takes its name, or one has gone that had it. Told
        by a whole listing alone."""
        if not self._paths.whole:
            return set()
        wanted = {
            ref.id: path
            for ref in refs
            if ref.type not in CHILD_TYPES and (path := self._paths.path(ref)) is not None
        }
        return wanted.keys() - self._tree.stands(wanted)

    def write(self, documents: Sequence[Document]) -> dict[str, str]:
        """Write the documents; given back are those that cannot be, with the reason."""
        written = [each for each in documents if each.ref.type not in CHILD_TYPES]
        paths = self._choose_paths(written)
        return self._tree.write(
            [
                DocumentFile(each.ref.id, paths[each.ref.id], each.file.encode("utf-8", "replace"))
                for each in written
            ]
        )

    def write_files(
        self, listing: Listing, source: Source, check: Callable[[], None]
    ) -> Iterator[tuple[PageRef, PageFailed]]:
        """Bring the files of the listed pages into the tree, after the pages; see ``TreeFiles``."""
        files = TreeFiles(self._tree, listing, source, self._record, whole=self._paths.whole)
        return files.write(check)

    def remove(self, ids: Sequence[str]) -> None:
        """Pages have left the mirror."""
        self._tree.remove_documents(ids)

    def _choose_paths(self, documents: Sequence[Document]) -> dict[str, str]:
        """Where a whole listing shows, or else a place that nobody has: the next whole listing puts
        that right."""
        ids = [document.ref.id for document in documents]
        rows, recorded = self._record.pages(ids), self._tree.record.of_documents(ids)
        chosen: dict[str, str] = {}
        used: set[str] = set()
        for document in documents:
            ref = document.ref
            path = self._paths.path(ref)
            stays = path is None or (
                not self._paths.whole and _is_where_it_was(document, rows.get(ref.id))
            )
            if stays and recorded[ref.id]:
                path = recorded[ref.id][0].path
            elif path is None or not self._paths.whole:
                path = self._free_path(self._paths.likely_path(ref), ref.id, used)
            chosen[ref.id] = path
            used.add(fold_path(path))
        return chosen

    def _free_path(self, path: str, page_id: str, used: set[str]) -> str:
        holder = self._tree.record.at_paths([path]).get(path)
        taken = (holder is not None and holder.document != page_id) or fold_path(path) in used
        return path_beside(path, page_id) if taken else path


def _is_where_it_was(document: Document, row: PageRow | None) -> bool:
    return row is not None and row.metadata_hash == document.metadata_hash
