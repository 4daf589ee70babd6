"""The same on stores of other kinds: Chroma in a folder, and a Llama Stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from confluence_mirror.stores.base import Store
from tests.crash.conftest import Nurseries
from tests.crash.elsewhere import Content, Elsewhere, before_and_after
from tests.job.harness import VOLATILE
from tests.llama.common import store_at
from tests.servers.llama_stack import LlamaStackServer
from tests.stores.words import DIMENSION, MODEL, HashedWords

pytestmark = pytest.mark.crash
Tell = Callable[[int, Sequence[str]], None]


def rows_of(store: Store, name: str) -> Content:
    """Fails where a chunk is there twice."""
    store.connect()
    collection = store.find_collection(name)
    assert collection is not None
    rows = list(store.list_rows(collection))
    store.close()
    assert len({row.chunk_id for row in rows}) == len(rows)
    return {
        row.chunk_id: (
            row.text or "",
            str(sorted((k, v) for k, v in (row.metadata or {}).items() if k not in VOLATILE))
            + row.metadata_hash,
        )
        for row in rows
    }


def test_killed_at_ten_instants_the_embedded_store_is_restored(
    nurseries: Nurseries, tmp_path: Path, tell: Tell
) -> None:
    def read(folder: Path, name: str) -> Content:
        from confluence_mirror.stores.chroma.embedded import EmbeddedStore

        return rows_of(EmbeddedStore(folder / "store", HashedWords(), DIMENSION, MODEL), name)

    with before_and_after() as (before, after):
        scene = Elsewhere(before, after, {"STORE": "embedded"}, read)
        with nurseries.one("embedded") as nursery:
            points = scene.prepare(nursery, tmp_path)
        wrong = nurseries.each(
            points, lambda each, point: scene.restored(each, tmp_path, point[0]), "embedded"
        )
    tell(len(points), wrong)


def test_killed_at_ten_instants_a_llama_stack_is_restored(
    nurseries: Nurseries, tmp_path: Path, tell: Tell
) -> None:
    with LlamaStackServer() as server, before_and_after() as (before, after):
        settings = {"STORE": "llama", "LLAMA_BASE_URL": server.base_url}
        scene = Elsewhere(before, after, settings, lambda _, name: rows_of(store_at(server), name))
        with nurseries.one() as nursery:
            points = scene.prepare(nursery, tmp_path)
        wrong = nurseries.each(points, lambda each, point: scene.restored(each, tmp_path, point[0]))
    tell(len(points), wrong)
