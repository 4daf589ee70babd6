"""pgvector and the PostgreSQL that it is part of: sessions, locks, privileges, addresses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from confluence_mirror.errors import (
    PermissionRefused,
    StoreUnavailable,
    Terminated,
    Unfinished,
    WrongSettings,
)
from confluence_mirror.model import StoredRef
from confluence_mirror.postgres import package
from confluence_mirror.postgres.errors import Words
from confluence_mirror.postgres.session import Session
from confluence_mirror.stores.pgvector.index import INDEX_FROM
from confluence_mirror.stores.pgvector.store import PgvectorStore
from tests.servers.pooler import pooler
from tests.servers.postgres import RunningPostgres
from tests.stores.pgvector_tables import CAN, INDEXES, ask
from tests.stores.words import DIMENSION, MODEL, HashedWords, Remembered, chunk

pytestmark = pytest.mark.postgres

WORDS = Words("PGVECTOR_URL", StoreUnavailable, StoreUnavailable)


@pytest.fixture
def store(url: str, embed: HashedWords) -> Iterator[PgvectorStore]:
    opened = PgvectorStore(url, embed, DIMENSION, MODEL, sleep=lambda _seconds: None)
    opened.connect()
    yield opened
    opened.close()


def test_a_lock_that_another_session_holds_is_waited_for_and_then_means_run_again(
    store: PgvectorStore, url: str, embed
):
    collection = store.create_collection("confluence")
    hasty = PgvectorStore(url, embed, DIMENSION, MODEL, timeout=0.1)
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE data_confluence")
        with pytest.raises(Unfinished, match="lock") as caught:
            hasty.write_chunks(collection, [chunk(1, "Waits", CAN)], {})
    assert "\n" not in str(caught.value)
    hasty.write_chunks(collection, [chunk(1, "Waits", CAN)], {})
    assert hasty.count_rows(collection) == 1
    hasty.close()


def test_no_statement_and_no_vanished_host_can_hold_a_run_for_ever(url: str):
    postgres = Session(url, WORDS, timeout=30)
    assert postgres.run(shown) == ("30s", "10min")
    assert (
        int(postgres.run(lambda connection: connection.info.get_parameters())["tcp_user_timeout"])
        == 90_000
    )
    postgres.close()


def test_a_stop_ends_a_statement_here_and_on_the_server(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("confluence_mirror.postgres.session._LOOK_S", 0.01)
    looks: list[float] = []

    def asked_to_stop(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 1:  # a slow server is looked at again, in the statements behind it
            raise Terminated("Stopped by SIGTERM.")

    postgres = Session(url, WORDS, timeout=30, sleep=asked_to_stop)
    with pytest.raises(Terminated):
        postgres.run(lambda connection: connection.execute("SELECT pg_sleep(600)"))
    assert looks == [0]
    at_it = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)'"
    with closing(Session(url, WORDS, timeout=30)) as other:
        left = iter(range(5000))  # the server needs a moment to hear of it
        while other.run(lambda connection: connection.execute(at_it).fetchone()):
            next(left)
    assert postgres.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    postgres.close()


def test_limits_that_the_url_sets_win_over_ours(url: str):
    own = f"{url}&tcp_user_timeout=5000&keepalives_idle=7&options=-c%20lock_timeout%3D50ms%20-c%20statement_timeout%3D2s"
    postgres = Session(own, WORDS, timeout=30)
    assert postgres.run(shown) == ("50ms", "2s")
    given = postgres.run(lambda connection: connection.info.get_parameters())
    assert (given["tcp_user_timeout"], given["keepalives_idle"]) == ("5000", "7")
    postgres.close()


def shown(connection: psycopg.Connection) -> tuple[str, ...] | None:
    return connection.execute(
        "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
    ).fetchone()


def test_sessions_that_a_restart_has_cut_are_opened_again(
    store: PgvectorStore, postgresql: RunningPostgres
):
    collection = store.create_collection("confluence")
    store.write_chunks(collection, [chunk(1, "Before", CAN)], {})
    postgresql.cut_all()
    store.write_chunks(collection, [chunk(2, "After", CAN)], {})
    assert store.count_rows(collection) == 2


def test_a_user_with_the_documented_privileges_suffices_and_one_with_less_is_told(
    postgresql: RunningPostgres, url: str, embed
):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS mirror")
        connection.execute("CREATE ROLE mirror LOGIN")
    mine = PgvectorStore(url.replace("//postgres@", "//mirror@"), embed, DIMENSION, MODEL)
    with pytest.raises(PermissionRefused, match="CREATE EXTENSION vector"):
        mine.create_collection("confluence")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    with pytest.raises(PermissionRefused, match="refuses us"):
        mine.create_collection("confluence")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("GRANT CREATE, USAGE ON SCHEMA public TO mirror")
    collection = mine.create_collection("confluence")
    mine.write_chunks(collection, [chunk(1, "Written by the mirror's own user", CAN)], {})
    assert mine.count_rows(collection) == 1
    mine.drop_collection(collection)
    mine.close()


def test_a_user_who_does_not_own_the_table_is_told_what_its_owner_has_to_do_for_the_index(
    store: PgvectorStore, url: str, embed
):
    collection = store.create_collection("known-issues")
    store.write_chunks(
        collection, [chunk(number, f"Paragraph {number}", CAN) for number in range(INDEX_FROM)], {}
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS writer")
        connection.execute("CREATE ROLE writer LOGIN")
        connection.execute('GRANT SELECT, INSERT, UPDATE, DELETE ON "data_known-issues" TO writer')
    theirs = PgvectorStore(url.replace("//postgres@", "//writer@"), embed, DIMENSION, MODEL)
    with pytest.raises(PermissionRefused, match="The owner runs once: ") as caught:
        theirs.finish_writing(collection)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(str(caught.value).partition("The owner runs once: ")[2])
    theirs.finish_writing(collection)
    theirs.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY writer")
        connection.execute("DROP ROLE writer")


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
def test_a_wrong_url_is_one_line_without_a_secret(
    url: str, embed, change: tuple[str, str], error: type[Exception]
):
    wrong = url.replace(*change)
    if "127.0.0.1" in wrong:
        wrong = wrong.partition("?")[0]
    with pytest.raises(error) as caught:
        PgvectorStore(wrong, embed, DIMENSION, MODEL, sleep=lambda _seconds: None).connect()
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_the_form_of_url_that_sqlalchemy_uses_is_understood(url: str, embed):
    store = PgvectorStore(
        url.replace("postgresql://", "postgresql+psycopg://"), embed, DIMENSION, MODEL
    )
    assert store.connect().lists
    store.close()


def test_a_read_only_server_is_read_and_refused_for_writing(url: str, embed):
    database = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(database)
        )
    store = PgvectorStore(url, embed, DIMENSION, MODEL, sleep=lambda _seconds: None)
    store.connect()
    assert store.find_collection("confluence") is None
    with pytest.raises(
        WrongSettings, match=r"is read-only.*Name the primary server in PGVECTOR_URL"
    ):
        store.create_collection("confluence")
    store.close()


def test_a_database_that_is_not_utf_8_is_refused(postgresql: RunningPostgres, embed):
    store = PgvectorStore(postgresql.fresh(encoding="LATIN1"), embed, DIMENSION, MODEL)
    with pytest.raises(WrongSettings, match=r"is in LATIN1.*ENCODING 'UTF8'"):
        store.connect()


def test_a_server_without_a_free_connection_is_unavailable(url: str, embed):
    with pooler(url) as full:
        full.refuse = [("53300", "sorry, too many clients already")] * 100
        store = PgvectorStore(full.url, embed, DIMENSION, MODEL, sleep=lambda _seconds: None)
        with pytest.raises(StoreUnavailable, match="has no free connection"):
            store.connect()


def test_all_goes_through_a_pooler_in_transaction_mode(url: str, embed):
    with pooler(url) as shared:
        store = PgvectorStore(shared.url, embed, DIMENSION, MODEL)
        store.connect()
        collection = store.create_collection("confluence")
        chunks = [chunk(number, f"Paragraph {number}", CAN) for number in range(INDEX_FROM + 1)]
        assert len(store.write_chunks(collection, chunks, {}).written) == INDEX_FROM + 1
        store.remove_chunks(collection, [StoredRef(chunks[0].id, chunks[0].page_id, "", "")])
        store.finish_writing(collection)
        assert len(store.search(collection, "Paragraph 5", 3)) == 3
        assert sum(1 for _ in store.list_rows(collection)) == INDEX_FROM
        store.close()
    assert ask(url, INDEXES) == [("data_confluence_hnsw",)]


def test_an_extension_in_a_schema_that_is_not_on_the_search_path_is_found(url: str, embed):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "Extensions"')
        connection.execute('CREATE EXTENSION vector SCHEMA "Extensions"')
    store = PgvectorStore(url, embed, DIMENSION, MODEL)
    store.connect()
    collection = store.create_collection("confluence")
    store.write_chunks(
        collection, [chunk(number, f"Paragraph {number}", CAN) for number in range(INDEX_FROM)], {}
    )
    store.finish_writing(collection)
    assert len(store.search(collection, "Paragraph 5", 3)) == 3
    store.close()
    assert ask(url, INDEXES) == [("data_confluence_hnsw",)]


@pytest.mark.parametrize("state", ["53200", "53100"])
def test_an_index_for_which_there_is_no_memory_is_one_warning_and_is_built_by_the_next_run_that_can(
    store: PgvectorStore, url: str, caplog: pytest.LogCaptureFixture, state: str
):
    caplog.set_level(logging.INFO, logger="confluence_mirror")
    memory = Remembered()
    collection = store.create_collection("confluence")
    store.write_chunks(
        collection, [chunk(number, f"Paragraph {number}", CAN) for number in range(INDEX_FROM)], {}
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION no_memory() RETURNS event_trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
        )
        connection.execute(
            "CREATE EVENT TRIGGER starved ON ddl_command_start EXECUTE FUNCTION no_memory()"
        )
        store.learn_capabilities(memory, tries=True)
        for _night in range(2):
            store.finish_writing(collection)
        connection.execute("DROP EVENT TRIGGER starved")
    warned = [record for record in caplog.records if "maintenance_work_mem" in record.message]
    assert [record.levelno for record in warned] == [logging.WARNING, logging.INFO]
    assert ask(url, INDEXES) == []
    store.finish_writing(collection)
    assert ask(url, INDEXES) == [("data_confluence_hnsw",)]
    assert memory == {}


def test_the_missing_package_is_one_line_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, url: str, embed
):
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(package.importlib, "import_module", absent)
    with pytest.raises(WrongSettings, match=r"pip install '\.\[postgres\]'"):
        PgvectorStore(url, embed, DIMENSION, MODEL).connect()
