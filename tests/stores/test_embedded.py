"""The embedded store: what a kill leaves behind is noticed and mended, and looking makes
nothing."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from confluence_mirror.errors import StateUnusable, StoreUnavailable, WrongSettings
from confluence_mirror.model import Chunk
from confluence_mirror.stores.base import Capabilities, Collection
from confluence_mirror.stores.chroma import bindings as chroma_bindings
from confluence_mirror.stores.chroma import errors as chroma_errors
from confluence_mirror.stores.chroma.embedded import EmbeddedStore
from confluence_mirror.stores.chroma.embedded_repair import CHECKING, Marker
from tests.selection import only_quick
from tests.stores.test_contract_search import FILTERED, FILTERS
from tests.stores.words import DIMENSION, MODEL, HashedWords, chunk

pytestmark = pytest.mark.chroma

CAN = Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True)


class Scattered:
    """A vector of its own for each text, far from all others: an index finds a text again by that
    very text."""

    form = ""

    def __init__(self) -> None:
        self.texts = 0

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += len(texts)
        return [self._one(text) for text in texts]

    def embed_question(self, words: str) -> list[float]:
        return self._one(words)

    def _one(self, text: str) -> list[float]:
        numbers = random.Random(text)
        return [numbers.gauss(0, 1) for _ in range(DIMENSION)]


def scattered(number: int, text: str) -> Chunk:
    return replace(chunk(number, text, CAN), vector=Scattered().embed_question(text))


CHUNKS = [scattered(number, f"Paragraph number{number} of the handbook") for number in range(1200)]


def opened(path: Path, embed: Scattered, **options: bool) -> EmbeddedStore:
    store = EmbeddedStore(path / "store", embed, DIMENSION, MODEL, batch_size=600, **options)
    store.connect()
    return store


def absent(name: str) -> None:
    """Imports nothing."""
    raise ImportError(name)


@pytest.fixture
def embed() -> Scattered:
    return Scattered()


def test_looking_for_a_collection_makes_no_file(tmp_path: Path, embed):
    store = opened(tmp_path, embed)
    assert store.find_collection("confluence") is None
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_a_collection_records_its_model_its_dimension_and_cosine_distance(tmp_path: Path, embed):
    import chromadb

    store = opened(tmp_path, embed)
    store.create_collection("confluence")
    store.close()
    client = chromadb.PersistentClient(tmp_path / "store")
    made = client.get_collection("confluence", embedding_function=None)
    assert made.metadata == {
        "owner": "confluence-sync",
        "embedding_model": MODEL,
        "embedding_dimension": DIMENSION,
    }
    assert made.configuration_json["hnsw"]["space"] == "cosine"
    client.close()


def test_vectors_of_another_dimension_are_refused(tmp_path: Path, embed):
    store = opened(tmp_path, embed)
    store.create_collection("confluence")
    store.close()
    other = EmbeddedStore(tmp_path / "store", embed, DIMENSION + 1, MODEL)
    with pytest.raises(WrongSettings, match="64 numbers"):
        other.find_collection("confluence")
    other.close()


def lost(folder: Path) -> None:
    """The collection opens, counts and answers, but its vectors are not there."""
    shutil.rmtree(folder)


def unreadable(folder: Path) -> None:
    """The collection does not open."""
    (folder / "header.bin").write_bytes(bytes((folder / "header.bin").stat().st_size))


@pytest.mark.long
@pytest.mark.parametrize("damage", only_quick([lost, unreadable], lost))
def test_an_index_that_a_kill_has_damaged_is_built_again(
    tmp_path: Path, embed, damage: Callable[[Path], None]
):
    collection = killed_while_writing(tmp_path, embed)
    damage(index_folder(tmp_path))
    embed.texts = 0

    again = opened(tmp_path, embed)
    assert again.find_collection(collection.id) == collection
    assert embed.texts == len(CHUNKS)
    assert sorted(row.chunk_id for row in again.list_rows(collection)) == sorted(
        one.id for one in CHUNKS
    )
    assert {row.chunk_id: row.metadata for row in again.list_rows(collection)}[
        CHUNKS[7].id
    ] == CHUNKS[7].metadata
    assert again.search(collection, CHUNKS[1100].text, 1)[0].text == CHUNKS[1100].text
    again.close()
    once_more = opened(tmp_path, embed)
    once_more.find_collection(collection.id)
    assert embed.texts == len(CHUNKS)
    once_more.close()


def test_a_run_that_writes_nothing_does_not_repair(tmp_path: Path, embed):
    collection = killed_while_writing(tmp_path, embed)
    lost(index_folder(tmp_path))
    embed.texts = 0
    looking = opened(tmp_path, embed, writes=False)
    assert looking.find_collection(collection.id) == collection
    assert embed.texts == 0
    looking.close()


@pytest.mark.parametrize("version", ["1.5.0", "1.6.0"])
def test_a_run_that_only_reads_finds_what_a_run_that_writes_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
):
    store, looking = (
        EmbeddedStore(tmp_path / "store", HashedWords(), DIMENSION, MODEL, writes=writes)
        for writes in (True, False)
    )
    store.connect()
    collection = store.create_collection("confluence")
    rows = [chunk(n, f"Restart pump {n}", CAN, page=str(n), **FILTERED[n]) for n in FILTERED]
    store.write_chunks(collection, rows, {})
    monkeypatch.setattr(chroma_bindings.metadata, "version", lambda _: version)
    looking.connect()
    assert looking.find_collection("confluence") == collection
    assert looking.find_collection(collection.id) == collection
    assert looking.find_collection("other") is None
    assert looking.holds_data(collection)
    assert looking.count_rows(collection) == len(rows)
    assert list(looking.list_rows(collection)) == list(store.list_rows(collection))
    for where, pages, _ in FILTERS:
        asked = collection, "restart the pump", 3, where, pages
        assert looking.search(*asked) == store.search(*asked)
        assert looking.search_ids(*asked) == store.search_ids(*asked)
    looking.close()
    store.close()


def test_a_run_that_only_reads_imports_no_more_of_chroma_than_its_compiled_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embed
):
    monkeypatch.setattr(chroma_errors, "import_module", absent)
    opened(tmp_path, embed, writes=False).close()
    monkeypatch.setattr(chroma_bindings.metadata, "version", lambda _: "1.6.0")
    with pytest.raises(WrongSettings, match="chromadb"):
        opened(tmp_path, embed, writes=False)


@pytest.mark.long
def test_writes_that_cannot_be_folded_into_the_index_are_told_and_mended_by_the_next_run(
    tmp_path: Path, embed, monkeypatch: pytest.MonkeyPatch
):
    from chromadb import Collection as ChromaCollection
    from chromadb.errors import InternalError

    store = opened(tmp_path, embed)
    collection = store.create_collection("confluence")
    store.write_chunks(collection, CHUNKS, {})
    store.close()

    def fails(*_: object, **__: object) -> None:
        # As Chroma 1.5.9 says it over a link list that a kill has cut off.
        raise InternalError("Error in compaction: Failed to apply logs to the hnsw segment writer")

    wedged = opened(tmp_path, embed)
    wedged.find_collection(collection.id)
    changed = [scattered(number, f"Another paragraph {number}") for number in range(1200)]
    with monkeypatch.context() as broken:
        broken.setattr(ChromaCollection, "upsert", fails)
        with pytest.raises(StoreUnavailable, match="Run again"):
            wedged.write_chunks(collection, changed, {})
    wedged.close()

    embed.texts = 0
    again = opened(tmp_path, embed)
    again.find_collection(collection.id)
    assert embed.texts == len(CHUNKS)
    again.write_chunks(collection, changed, {})
    assert {row.text for row in again.list_rows(collection)} == {one.text for one in changed}
    assert again.search(collection, changed[1100].text, 1)[0].text == changed[1100].text
    again.close()


@pytest.mark.long
def test_a_check_that_ended_the_process_itself_means_damage(tmp_path: Path, embed):
    collection = killed_while_writing(tmp_path, embed)
    Marker(tmp_path / "store", collection.id).set(CHECKING)
    embed.texts = 0
    again = opened(tmp_path, embed)
    again.find_collection(collection.id)
    assert embed.texts == len(CHUNKS)
    again.close()


def test_a_mark_that_cannot_be_taken_away_ends_no_run_and_one_that_cannot_be_made_is_told(
    tmp_path: Path, embed
):
    store = opened(tmp_path, embed)
    collection = store.create_collection("confluence")
    store.write_chunks(collection, CHUNKS[:1], {})
    [mark] = (tmp_path / "store").glob("*.state")
    mark.unlink()
    mark.mkdir()
    store.close()
    again = opened(tmp_path, embed)
    with pytest.raises(StateUnusable, match=rf"{mark.name} cannot be written"):
        again.write_chunks(collection, CHUNKS[:1], {})
    again.close()


def test_a_folder_that_cannot_be_one_is_told(tmp_path: Path, embed):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StateUnusable, match="not a folder"):
        opened(tmp_path, embed)
    (tmp_path / "store").unlink()
    (tmp_path / "file").write_text("")
    below = EmbeddedStore(tmp_path / "file" / "store", embed, DIMENSION, MODEL)
    with pytest.raises(StateUnusable, match="cannot be made"):
        below.create_collection("confluence")


def test_a_name_that_chroma_refuses_is_told(tmp_path: Path, embed):
    store = opened(tmp_path, embed)
    with pytest.raises(WrongSettings, match="COLLECTION_ID"):
        store.create_collection("x")
    store.close()


def test_the_missing_package_is_one_line_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, embed
):
    monkeypatch.setattr(chroma_errors, "import_module", absent)
    with pytest.raises(WrongSettings, match=r"pip install '\.\[chroma\]'"):
        opened(tmp_path, embed)


def killed_while_writing(tmp_path: Path, embed: Scattered) -> Collection:
    """The store as a kill leaves it: written, and never closed."""
    store = opened(tmp_path, embed)
    collection = store.create_collection("confluence")
    store.write_chunks(collection, CHUNKS, {})
    store._opened.close()
    return collection


def index_folder(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "store" / "chroma.sqlite3")) as connection:
        [(segment,)] = connection.execute(
            "SELECT id FROM segments WHERE scope = 'VECTOR'"
        ).fetchall()
    return tmp_path / "store" / segment
