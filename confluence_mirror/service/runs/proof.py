"""The proof that a mirror's content is gone: read back from the store and the files, not taken from
what the purge says of itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluence_mirror.mirror.verify import is_ours
from confluence_mirror.runs import components
from confluence_mirror.service.settings import load_engine


def count_left(variables: Mapping[str, str]) -> int:
    """Chunks of this mirror that its collection still holds. Raises ``SyncError``."""
    settings = load_engine(variables, Path("/"))
    parts = components.build_components(settings, writes=False)
    try:
        can = parts.store.connect()
        collection = parts.store.find_collection(parts.collection)
        if collection is None or not can.lists:
            return 0
        rows = parts.store.list_rows(collection, texts=False)
        return sum(is_ours(row, settings.confluence.cloud_id) for row in rows)
    finally:
        parts.close()


def remove_state(folder: Path) -> int:
    """Remove what a mirror keeps on this machine, its text index among it; how many files are
    left."""
    shutil.rmtree(folder, ignore_errors=True)
    return sum(each.is_file() for each in folder.rglob("*")) if folder.exists() else 0


def prove_purge(
    report: Mapping[str, Any], variables: Mapping[str, str], folder: Path, secrets: int
) -> dict[str, Any]:
    """What left, and what is left. ``secrets``: those of the connection that the database still
    holds. Raises ``SyncError`` where the store does not answer."""
    chunks, pages = report.get("chunks") or {}, report.get("pages") or {}
    files, documents = report.get("files") or {}, report.get("documents") or {}
    purged = {
        "chunks": int(chunks.get("removed", 0)),
        "files": int(files.get("removed", 0)) + int(documents.get("removed", 0)),
        "pages": int(pages.get("removed", 0)),
    }
    left = {"chunks": count_left(variables), "files": remove_state(folder), "secrets": secrets}
    return {"purged": purged, "left": left}
