"""The tree of documents against what is recorded of it: what was lost or changed there, and what a
lost manifest left behind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from confluence_mirror.batches import in_batches
from confluence_mirror.document_store.front_matter import read_metadata
from confluence_mirror.document_store.paths import PAGE_FILE, safe_name
from confluence_mirror.manifest import PageRow, Record, TreeRow
from confluence_mirror.mirror.document_tree import DocumentTree, content_hash
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.verify import SeenIds
from confluence_mirror.model import Metadata
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

BATCH = 500
READ = 50
"""Documents that are in memory at a time."""


class TreeComparison:
    """Compares files with their rows. ``deep``: their contents, too."""

    def __init__(self, tree: DocumentTree, check: Callable[[], None], *, deep: bool) -> None:
        """``check`` is called in long loops; what it raises ends them."""
        self._tree = tree
        self._check = check
        self._deep = deep

    def find_drift(self) -> list[TreeRow]:
        """Rows whose files are missing or changed. What a write left open is no drift: the next run
        writes it."""
        found: list[TreeRow] = []
        with closing(SeenIds()) as seen:
            for paths in in_batches(self._tree.store.list_paths(), BATCH):
                self._check()
                seen.add(paths)
            for rows in self._tree.record.all_rows():
                self._check()
                settled = [row for row in rows if row.hash]
                absent = seen.lack([row.path for row in settled])
                found += [row for row in settled if row.path in absent]
                there = [row for row in settled if row.path not in absent]
                found += self._changed(there) if self._deep else []
        return found

    def _changed(self, rows: Sequence[TreeRow]) -> Iterator[TreeRow]:
        pages = [row for row in rows if not row.version]
        files = [row for row in rows if row.version]  # which may be large
        for some in (*in_batches(pages, READ), *in_batches(files, 1)):
            self._check()
            found = self._tree.store.read([row.path for row in some])
            yield from (row for row in some if content_hash(found.get(row.path, b"")) != row.hash)

    def plan_again(self, record: Record) -> None:
        """Put the pages of what is missing or changed into the next plan."""
        found = self.find_drift()
        if not found:
            return
        log.warning(
            "the tree at %s differs from the manifest: %s missing or changed, to be written again",
            self._tree.store.place,
            counted(len(found), "document"),
        )
        for rows in in_batches(found, BATCH):
            self._tree.record.put([replace(row, hash="") for row in rows])
            record.replan([row.document for row in rows])

    def adopt_files(self, record: Record, scope: Scope) -> None:
        """Where nothing is recorded: take over what an earlier run wrote of these spaces. A page
        that nobody recorded is recorded too, so that the plan decides whether it stays."""
        spaces = {space.key: space.id for space in scope.spaces}
        ours = (path for path in self._tree.store.list_paths() if path.endswith(f"/{PAGE_FILE}"))
        adopted = 0
        for paths in in_batches(ours, READ):
            self._check()
            found: dict[str, Metadata] = {}
            rows: list[TreeRow] = []
            for path, content in self._tree.store.read(paths).items():
                about = read_metadata(content)
                if about.get("site_id") == self._tree.site and about.get("space_key") in spaces:
                    found[str(about["page_id"])] = about
                    rows.append(TreeRow(path, str(about["page_id"]), content_hash(content)))
            unknown = found.keys() - record.pages(list(found)).keys()
            pages = [_page_row(found[each], spaces) for each in sorted(unknown)]
            record.record_found(pages, [])
            self._tree.record.put(rows)
            adopted += len(rows)
        self._tree.store.remove_empty_folders([safe_name(key) for key in spaces])
        if adopted:
            log.info(
                "no record of the tree at %s: %s found there taken over, to be"
                " compared page by page",
                self._tree.store.place,
                counted(adopted, "document"),
            )


def _page_row(about: Metadata, spaces: dict[str, str]) -> PageRow:
    """What a document's metadata says of its page: nothing of it was written in this mirror."""
    return PageRow(
        str(about["page_id"]),
        "blogpost" if about.get("page_type") == "blogpost" else "page",
        spaces[str(about["space_key"])],
        None,
        None,
        str(about.get("title", "")),
        str(about.get("author", "")),
        (),
        None,
        "",
        "",
    )
