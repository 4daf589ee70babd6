"""pgvector on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from confluence_sync.errors import PermissionRefused, Refused, StoreUnavailable, WrongSettings
from confluence_sync.stores import pgvector_db
from confluence_sync.stores.base import Capabilities
from confluence_sync.stores.pgvector import INDEX_FROM, PgvectorStore
from tests.servers.postgres import RunningPostgres, postgres
from tests.stores.words import DIMENSION, MODEL, HashedWords, chunk

pytestmark = pytest.mark.postgres

CAN = Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningPostgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def url(server: RunningPostgres) -> str:
    return server.fresh()


@pytest.fixture
def embed() -> HashedWords:
    return HashedWords()


@pytest.fixture
def store(url: str, embed: HashedWords) -> Iterator[PgvectorStore]:
    opened = PgvectorStore(url, embed, DIMENSION, MODEL, sleep=lambda _seconds: None)
    opened.connect()
    yield opened
    opened.close()


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_the_table_is_the_one_that_llamaindex_reads(store: PgvectorStore, url: str):
    store.create("Confluence")
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'data_confluence'"
    assert {name for (name,) in ask(url, columns)} >= {"id", "text", "metadata_", "node_id", "embedding"}


def test_rows_that_did_not_change_are_neither_embedded_nor_rewritten(store: PgvectorStore, url: str, embed):
    collection = store.create("confluence")
    chunks = [chunk(number, f"Paragraph {number}", CAN) for number in range(20)]
    store.write(collection, chunks, {})
    before, embedded = ask(url, "SELECT xmin, id FROM data_confluence ORDER BY id"), embed.texts
    changed = chunk(3, "Paragraph 3", CAN, labels="new")
    assert len(store.write(collection, [*chunks[:3], changed, *chunks[4:]], {}).written) == 20
    after = ask(url, "SELECT xmin, id FROM data_confluence ORDER BY id")
    assert embed.texts == embedded + 1
    assert [index for index in range(20) if before[index] != after[index]] == [3]


def test_a_write_that_fails_leaves_nothing_of_itself(store: PgvectorStore, url: str, embed, monkeypatch):
    collection = store.create("confluence")
    store.write(collection, [chunk(0, "There before", CAN)], {})
    vectors = embed([f"Paragraph {number}" for number in range(10)])
    monkeypatch.setattr(store, "_embed", lambda _texts: [*vectors[:9], [1.0]])
    chunks = [chunk(number, f"Paragraph {number}", CAN) for number in range(1, 11)]
    result = store.write(collection, chunks, {})
    assert set(result.rejected) == {chunks[9].id}
    assert ask(url, "SELECT count(*) FROM data_confluence") == [(10,)]


def test_the_index_is_built_after_the_first_load_and_kept(store: PgvectorStore, url: str):
    indexes = "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%hnsw%'"
    collection = store.create("confluence")
    store.write(collection, [chunk(number, f"Paragraph {number}", CAN) for number in range(INDEX_FROM)], {})
    assert ask(url, indexes) == []
    store.close()
    assert ask(url, indexes) == [("data_confluence_hnsw",)]
    store.write(collection, [chunk(INDEX_FROM, "One more", CAN)], {})
    store.close()
    assert ask(url, indexes) == [("data_confluence_hnsw",)]


def test_sessions_that_a_restart_has_cut_are_opened_again(store: PgvectorStore, server: RunningPostgres):
    collection = store.create("confluence")
    store.write(collection, [chunk(1, "Before", CAN)], {})
    server.cut_all()
    store.write(collection, [chunk(2, "After", CAN)], {})
    assert store.count(collection) == 2


def test_a_table_of_somebody_else_is_refused(store: PgvectorStore, url: str):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE data_confluence (id bigserial PRIMARY KEY, text varchar)")
    with pytest.raises(Refused, match="made by something else"):
        store.find("confluence")


def test_a_nul_character_is_rejected_with_its_reason(store: PgvectorStore):
    collection = store.create("confluence")
    sound, broken = chunk(1, "Sound", CAN), chunk(2, "nul \x00 inside", CAN)
    result = store.write(collection, [sound, broken], {})
    assert set(result.written) == {sound.id}
    assert "NUL" in result.rejected[broken.id]


def test_a_user_with_the_documented_privileges_suffices_and_one_with_less_is_told(
    server: RunningPostgres, url: str, embed
):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS mirror")
        connection.execute("CREATE ROLE mirror LOGIN")
    mine = PgvectorStore(url.replace("//postgres@", "//mirror@"), embed, DIMENSION, MODEL)
    with pytest.raises(PermissionRefused, match="CREATE EXTENSION vector"):
        mine.create("confluence")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    with pytest.raises(PermissionRefused, match="refuses us"):
        mine.create("confluence")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("GRANT CREATE, USAGE ON SCHEMA public TO mirror")
    collection = mine.create("confluence")
    mine.write(collection, [chunk(1, "Written by the mirror's own user", CAN)], {})
    assert mine.count(collection) == 1
    mine.drop(collection)
    mine.close()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("test_", "no_such_"), WrongSettings),
        (("//postgres@", "//nobody:s3cret@"), PermissionRefused),
        (("//postgres@/", "//me:s3cret@127.0.0.1:1/"), StoreUnavailable),
        (("postgresql://", "mysql://"), WrongSettings),
        (("postgresql://", ""), WrongSettings),
    ],
)
def test_a_wrong_url_is_one_line_without_a_secret(url: str, embed, change: tuple[str, str], error: type[Exception]):
    wrong = url.replace(*change)
    if "127.0.0.1" in wrong:
        wrong = wrong.partition("?")[0]
    with pytest.raises(error) as caught:
        PgvectorStore(wrong, embed, DIMENSION, MODEL, sleep=lambda _seconds: None).connect()
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_the_form_of_url_that_sqlalchemy_uses_is_understood(url: str, embed):
    store = PgvectorStore(url.replace("postgresql://", "postgresql+psycopg://"), embed, DIMENSION, MODEL)
    assert store.connect().lists
    store.close()


def test_a_name_that_is_too_long_for_a_table_is_told(store: PgvectorStore):
    with pytest.raises(WrongSettings, match="too long"):
        store.create("x" * 60)


def test_the_missing_package_is_one_line_that_names_the_extra(monkeypatch: pytest.MonkeyPatch, url: str, embed):
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(pgvector_db.importlib, "import_module", absent)
    with pytest.raises(WrongSettings, match=r"pip install 'confluence-sync\[postgres\]'"):
        PgvectorStore(url, embed, DIMENSION, MODEL).connect()
