"""Our uploaded files that no vector store holds any more: somebody deleted the store, a reset
broke off, a manifest was lost. The list of files is shared by all who use the server, so what may
go is told narrowly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluence_mirror.stores.llama import names
from confluence_mirror.stores.llama.answers import FileRow, StoreRow

SETTLED_S = 3600.0
"""Seconds: a younger file may belong to a store that another run is just making."""
MOST = 2000
"""Files that one run removes: the rest is left to the runs that follow."""


def leftovers(
    files: Iterable[FileRow], stores: Sequence[StoreRow], site: str, now: float
) -> list[str]:
    """Ids of files that this program named for ``site``, and for a store that the server does not
    have.

    ``stores`` must have been listed after ``files``, since a store is there before its first file.
    ``now`` is Unix time. End markers do not name a site: they go with the files of the same store.
    """
    living = {names.store_mark(row.id) for row in stores}
    gone: dict[str, list[str]] = {}
    markers: dict[str, list[str]] = {}
    for row in files:
        found = names.origin(row.name)
        if found is None or found[0] in living or abs(now - row.created_at) < SETTLED_S:
            continue
        mark, of = found
        if of == site:
            gone.setdefault(mark, []).append(row.id)
        elif not of:
            markers.setdefault(mark, []).append(row.id)
    return [file_id for mark, ids in gone.items() for file_id in (*ids, *markers.get(mark, ()))][
        :MOST
    ]
