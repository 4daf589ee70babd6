"""What is in a vector store, by its files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from confluence_mirror.net.answers import as_object
from confluence_mirror.stores.base import StoredRow
from confluence_mirror.stores.llama import names
from confluence_mirror.stores.llama.api import LlamaApi
from confluence_mirror.stores.llama.files import StoreFiles
from confluence_mirror.stores.rows import could_be_ours
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)


def listed_rows(
    api: LlamaApi, files: StoreFiles, answers: Callable[[], bool]
) -> Iterator[StoredRow]:
    """Every row of a store. ``answers``: whether a search finds anything; asked where the store
    lists files.

    The names of our files are the listing, if there are as many as the store counts; otherwise the
    store's own slow list decides which of them are in it, and what else is.
    """
    uploaded = [copy for held in files.load().values() for copy in held]
    ours = {copy.file_id: copy.name for copy in uploaded}
    row = api.store(files.store_id)
    if row is None or not row.files:
        files.unattached = uploaded
        return
    if ours and not answers():
        log.warning(
            "vector store %s lists %s and answers nothing: it is dead",
            files.store_id,
            counted(row.files, "file"),
        )
        return
    if row.files == len(ours) + len(files.markers):
        yield from (_stored(files, file_id, name) for file_id, name in ours.items())
        return
    rows = api.store_files(files.store_id)
    files.rows_seen.update(str(listed["id"]) for listed in rows)
    files.unattached = [copy for copy in uploaded if copy.file_id not in files.rows_seen]
    for listed in rows:
        file_id, given = str(listed["id"]), as_object(listed.get("attributes"))
        if listed.get("status") == "completed" and names.MARKER not in given:
            name = ours.get(file_id) or names.parse(files.store_id, str(given.get("filename", "")))
            yield _stored(files, file_id, name) if name else StoredRow("", "", "", ref=file_id)


def _stored(files: StoreFiles, file_id: str, name: names.FileName) -> StoredRow:
    if not could_be_ours(name.chunk_id, name.page_id, name.site_id):
        return StoredRow("", "", "", ref=file_id)
    single = len(files.copies.get(name.chunk_id, ())) < 2
    revision = name.metadata_hash if single else ""
    return StoredRow(name.chunk_id, name.page_id, name.site_id, ref=file_id, metadata_hash=revision)
