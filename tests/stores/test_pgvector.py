"""pgvector on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from confluence_mirror.errors import (
    Refused,
    StoreUnavailable,
    WrongSettings,
)
from confluence_mirror.model import StoredRef
from confluence_mirror.stores.base import Replacement
from confluence_mirror.stores.pgvector.index import INDEX_FROM
from confluence_mirror.stores.pgvector.store import PgvectorStore
from tests.stores.pgvector_tables import CAN, INDEXES, ask
from tests.stores.words import DIMENSION, MODEL, HashedWords, chunk

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(url: str, embed: HashedWords) -> Iterator[PgvectorStore]:
    opened = PgvectorStore(url, embed, DIMENSION, MODEL, sleep=lambda _seconds: None)
    opened.connect()
    yield opened
    opened.close()


def test_the_table_is_the_one_that_llamaindex_reads(store: PgvectorStore, url: str):
    store.create_collection("Confluence")
    columns = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'data_confluence'"
    )
    assert {name for (name,) in ask(url, columns)} >= {
        "id",
        "text",
        "metadata_",
        "node_id",
        "embedding",
    }


def test_rows_of_another_embedding_form_are_embedded_again_and_once(store: PgvectorStore, url: str):
    collection = store.create_collection("confluence")
    chunks = [chunk(number, f"Paragraph {number}", CAN) for number in range(3)]
    store.write_chunks(collection, chunks, {})
    embed = HashedWords()
    embed.form = "plain1"
    of_now = PgvectorStore(url, embed, DIMENSION, MODEL, sleep=lambda _seconds: None)
    assert list(of_now.unlike_stored(collection, chunks)) == chunks
    of_now.write_chunks(collection, chunks, {})
    of_now.update_metadata(collection, chunks)
    assert not of_now.unlike_stored(collection, chunks)
    of_now.close()


def test_rows_that_did_not_change_need_no_vector_and_are_not_rewritten(
    store: PgvectorStore, url: str
):
    collection = store.create_collection("confluence")
    chunks = [chunk(number, f"Paragraph {number}", CAN) for number in range(20)]
    store.write_chunks(collection, chunks, {})
    before = ask(url, "SELECT xmin, id FROM data_confluence ORDER BY id")
    changed = chunk(3, "Paragraph 3", CAN, labels="new")
    now = [*chunks[:3], changed, *chunks[4:]]
    assert list(store.unlike_stored(collection, now)) == [changed]
    sent = [one if one is changed else replace(one, vector=None) for one in now]
    assert len(store.write_chunks(collection, sent, {}).written) == 20
    after = ask(url, "SELECT xmin, id FROM data_confluence ORDER BY id")
    assert [index for index in range(20) if before[index] != after[index]] == [3]


def test_a_row_that_postgresql_refuses_is_rejected_and_the_others_are_written(
    store: PgvectorStore, url: str
):
    collection = store.create_collection("confluence")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'data_exception'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER refusing BEFORE INSERT ON data_confluence FOR EACH ROW "
            "WHEN (NEW.text = 'Paragraph 9') EXECUTE FUNCTION refuse()"
        )
    chunks = [chunk(number, f"Paragraph {number}", CAN) for number in range(10)]
    result = store.write_chunks(collection, chunks, {})
    assert set(result.rejected) == {chunks[9].id}
    assert ask(url, "SELECT count(*) FROM data_confluence") == [(9,)]


def test_a_write_that_the_server_breaks_off_leaves_nothing_of_itself(
    store: PgvectorStore, url: str
):
    collection = store.create_collection("confluence")
    store.write_chunks(collection, [chunk(0, "There before", CAN)], {})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER breaking BEFORE INSERT ON data_confluence FOR EACH ROW "
            "WHEN (NEW.text = 'Paragraph 6') EXECUTE FUNCTION break_off()"
        )
    chunks = [chunk(number, f"Paragraph {number}", CAN) for number in range(1, 11)]
    with pytest.raises(StoreUnavailable):
        store.write_chunks(collection, chunks, {})
    assert ask(url, "SELECT text FROM data_confluence") == [("There before",)]


def test_a_reader_sees_a_page_as_it_was_or_as_it_is_and_nothing_between(
    store: PgvectorStore, url: str, monkeypatch: pytest.MonkeyPatch
):
    collection = store.create_collection("confluence")
    old = [chunk(number, f"Old paragraph {number}", CAN) for number in range(4)]
    store.write_chunks(collection, old, {})
    new = [chunk(number, f"New paragraph {number}", CAN) for number in range(10, 13)]
    kept = chunk(3, "Old paragraph 3", CAN, labels="new")
    seen: list[object] = []
    with psycopg.connect(url, autocommit=True) as reader:
        real = {name: getattr(psycopg.Connection, name) for name in ("execute", "commit", "cursor")}

        def looked(name: str):
            def call(connection, *given):
                result = real[name](connection, *given)
                if connection is not reader:
                    rows = "SELECT text, metadata_->>'labels' FROM data_confluence ORDER BY text"
                    if (now := real["execute"](reader, rows).fetchall()) not in seen:
                        seen.append(now)
                return result

            return call

        for name in real:
            monkeypatch.setattr(psycopg.Connection, name, looked(name))
        stale = [StoredRef(each.id, each.page_id, "", "") for each in old[:3]]
        result = store.replace_pages(collection, [Replacement(new, [kept], stale)])
        monkeypatch.undo()
    assert set(result.written) == {each.id for each in new}
    texts = [[text for text, _ in now] for now in seen]
    assert texts == [sorted(each.text for each in old), sorted(each.text for each in (*new, kept))]
    assert seen[-1][-1] == ("Old paragraph 3", "new")


def test_a_page_with_a_text_that_postgresql_refuses_stays_whole_and_the_others_are_replaced(
    store: PgvectorStore, url: str
):
    collection = store.create_collection("confluence")
    old = [chunk(number, f"Old paragraph {number}", CAN) for number in range(3)]
    store.write_chunks(collection, old, {})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'data_exception'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER refusing BEFORE INSERT ON data_confluence FOR EACH ROW "
            "WHEN (NEW.text = 'New paragraph 11') EXECUTE FUNCTION refuse()"
        )
    new = [chunk(10 + number, f"New paragraph {10 + number}", CAN) for number in range(3)]
    nul = chunk(20, "nul \x00 inside", CAN)
    pages = [
        Replacement([fresh], [], [StoredRef(stale.id, stale.page_id, "", "")])
        for fresh, stale in zip(new, old, strict=True)
    ]
    result = store.replace_pages(
        collection, [*pages, Replacement([chunk(21, "Sound", CAN), nul], [], [])]
    )
    assert set(result.rejected) == {new[1].id, nul.id}
    assert set(result.written) == {new[0].id, new[2].id}
    texts = ask(url, "SELECT text FROM data_confluence ORDER BY text")
    assert [text for (text,) in texts] == [
        "New paragraph 10",
        "New paragraph 12",
        "Old paragraph 1",
    ]


def test_the_index_is_built_once_when_a_load_is_complete_and_closing_builds_nothing(
    store: PgvectorStore, url: str
):
    collection = store.create_collection("confluence")
    store.write_chunks(
        collection,
        [chunk(number, f"Paragraph {number}", CAN) for number in range(INDEX_FROM - 1)],
        {},
    )
    store.finish_writing(collection)
    assert ask(url, INDEXES) == []
    store.write_chunks(collection, [chunk(INDEX_FROM, "One more", CAN)], {})
    store.close()
    assert ask(url, INDEXES) == []
    store.finish_writing(collection)
    store.finish_writing(collection)
    assert ask(url, INDEXES) == [("data_confluence_hnsw",)]


def test_an_index_on_a_table_of_the_same_name_in_another_schema_is_not_taken_for_ours(
    store: PgvectorStore, url: str
):
    collection = store.create_collection("confluence")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute("CREATE TABLE elsewhere.data_confluence (embedding vector(3))")
        connection.execute(
            "CREATE INDEX ON elsewhere.data_confluence USING hnsw (embedding vector_cosine_ops)"
        )
    store.write_chunks(
        collection, [chunk(number, f"Paragraph {number}", CAN) for number in range(INDEX_FROM)], {}
    )
    store.finish_writing(collection)
    assert ask(url, INDEXES) == [("data_confluence_hnsw",)]


def test_names_that_differ_in_case_only_do_not_share_a_table(store: PgvectorStore):
    collection = store.create_collection("Docs")
    found = store.find_collection("Docs")
    assert found is not None
    assert found.id == collection.id
    with pytest.raises(
        WrongSettings, match="Collections Docs and docs would share table data_docs"
    ):
        store.find_collection("docs")


@pytest.mark.parametrize("lacking", ["id", "name", "embedding_model", "dimension"])
def test_a_comment_of_ours_that_lacks_something_is_told_and_disturbs_no_other_table(
    store: PgvectorStore, url: str, lacking: str
):
    store.create_collection("confluence")
    store.create_collection("other")
    [(comment,)] = ask(url, "SELECT obj_description('data_confluence'::regclass)")
    known = {key: value for key, value in json.loads(str(comment)).items() if key != lacking}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("COMMENT ON TABLE data_confluence IS {}").format(json.dumps(known))
        )
    with pytest.raises(Refused, match=f"data_confluence .* without a usable {lacking}"):
        store.find_collection("confluence")
    assert store.find_collection("other") is not None


def test_a_table_of_somebody_else_is_refused(store: PgvectorStore, url: str):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE data_confluence (id bigserial PRIMARY KEY, text varchar)")
    with pytest.raises(Refused, match="made by something else"):
        store.find_collection("confluence")


def test_a_nul_character_is_rejected_with_its_reason(store: PgvectorStore):
    collection = store.create_collection("confluence")
    sound, broken = chunk(1, "Sound", CAN), chunk(2, "nul \x00 inside", CAN)
    result = store.write_chunks(collection, [sound, broken], {})
    assert set(result.written) == {sound.id}
    assert "NUL" in result.rejected[broken.id]


def test_a_name_that_is_too_long_for_a_table_is_told(store: PgvectorStore):
    with pytest.raises(WrongSettings, match="too long"):
        store.create_collection("x" * 60)
