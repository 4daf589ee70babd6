"""A manifest in PostgreSQL: restarts, failovers, limits and poolers, with locks that are never only
believed in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from confluence_mirror.errors import Exit, Unfinished, WrongSettings
from confluence_mirror.manifest import Database, Manifest
from confluence_mirror.manifest.locks import hold_lock
from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, page
from tests.job.harness import Job, held
from tests.mirror.conftest import body
from tests.servers.pooler import pooler
from tests.servers.postgres import RunningPostgres

pytestmark = pytest.mark.postgres


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def locks(url: str) -> int:
    return len(ask(url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))


def writing(job: Job, what: Callable[[], object], *, times: int = 1) -> None:
    """Do it before the next requests of a run that write chunks."""
    left = [times]

    def before(_number: int) -> None:
        if left[0] and "confluence" in job.store.state.collections:
            left[0] -= 1
            what()

    job.store.before = before


# -- what may be over in a moment


def test_sessions_that_are_cut_again_and_again_cost_a_run_nothing(
    gateway: SampleGateway, make: Make, postgresql: RunningPostgres
) -> None:
    job = make(STATE_URL=postgresql.fresh(), BATCH_SIZE="2")
    writing(job, postgresql.cut_all, times=5)
    report = job.night()
    assert report["pages"]["added"] == len(gateway.site.current())
    job.here("--verify")
    assert job.night()["chunks"]["sent"] == 0


def test_a_server_that_is_restarted_in_the_middle_of_a_run_is_waited_for(
    gateway: SampleGateway, make: Make, postgresql: RunningPostgres
) -> None:
    job = make(STATE_URL=postgresql.fresh())
    starting = threading.Thread(target=postgresql.start)

    def restart() -> None:
        postgresql.stop()
        starting.start()

    writing(job, restart)
    assert job.night()["pages"]["added"] == len(gateway.site.current())
    starting.join()
    job.here("--verify")


@pytest.mark.parametrize(
    ("state", "text"),
    [("57P03", "the database system is starting up"), ("53300", "sorry, too many clients already")],
)
def test_a_server_that_is_not_ready_or_full_is_tried_again(
    make: Make, database: Callable[[], str], state: str, text: str
) -> None:
    with pooler(database(), by_session=True) as server:
        server.refuse = [(state, text)] * 3
        make(STATE_URL=server.url).here()
        assert server.refuse == []


@pytest.mark.parametrize(
    ("state", "text", "code", "said"),
    [
        ("57P03", "the database system is starting up", 69, "is starting up"),
        (
            "53300",
            "remaining connection slots are reserved for superusers",
            69,
            "has no free connection",
        ),
        ("08P01", "server_login_retry", 69, "does not answer"),
        ("28P01", 'password authentication failed for user "me"', 77, "refuses us"),
        ("3D000", 'database "state" does not exist', 78, "there is no such database"),
    ],
)
def test_a_server_that_stays_as_it_is_ends_the_run_with_the_code_of_its_kind(
    make: Make, database: Callable[[], str], state: str, text: str, code: int, said: str
) -> None:
    with pooler(database()) as server:
        server.refuse = [(state, text)] * 100
        assert said in make(STATE_URL=server.url, REQUEST_TIMEOUT="0.3").here(expect=code).stderr


def test_nobody_there_is_69(make: Make) -> None:
    said = make(
        STATE_URL="postgresql://me:s3cret-word@127.0.0.1:1/state", REQUEST_TIMEOUT="0.3"
    ).here(expect=69)
    assert "PostgreSQL at 127.0.0.1:1/state does not answer" in said.stderr
    assert "s3cret-word" not in said.stdout + said.stderr


def test_a_user_with_one_connection_too_few_is_69(make: Make, database: Callable[[], str]) -> None:
    url = database()
    ask(url, "DROP ROLE IF EXISTS modest")
    ask(url, "CREATE ROLE modest LOGIN CONNECTION LIMIT 1")
    ask(url, "GRANT CREATE, USAGE ON SCHEMA public TO modest")
    modest = url.replace("//postgres@", "//modest@")
    with psycopg.connect(modest):
        said = make(STATE_URL=modest, REQUEST_TIMEOUT="0.3").here(expect=69).stderr
    assert "has no free connection" in said
    make(STATE_URL=modest).here()


def test_a_full_disk_of_the_server_is_74_and_the_next_run_is_exact(
    make: Make, database: Callable[[], str]
) -> None:
    url = database()
    job = make(STATE_URL=url)
    with closing(Database(url)) as made:
        Manifest(made)
    ask(
        url,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
    )
    ask(url, "CREATE TRIGGER overfull BEFORE UPDATE ON cs_chunk EXECUTE FUNCTION full_disk()")
    assert "disk of PostgreSQL at" in job.here(expect=74).stderr
    ask(url, "DROP TRIGGER overfull ON cs_chunk")
    job.here()
    job.here("--verify")


def test_a_read_only_server_is_78_and_serves_a_dry_run(
    make: Make, database: Callable[[], str]
) -> None:
    url = database()
    make(STATE_URL=url).here()
    ask(
        url,
        f"ALTER DATABASE {conninfo_to_dict(url)['dbname']} SET default_transaction_read_only = on",
    )
    job = make(REQUEST_TIMEOUT="0.3", STATE_URL=url)
    job.here("--dry-run")
    said = job.here(expect=78).stderr
    assert "is read-only" in said
    assert "primary server in STATE_URL" in said


def test_a_database_that_is_not_utf_8_is_refused_at_the_start(
    make: Make, postgresql: RunningPostgres
) -> None:
    said = make(STATE_URL=postgresql.fresh(encoding="LATIN1")).here(expect=78).stderr
    assert "is in LATIN1" in said
    assert "ENCODING 'UTF8'" in said


# -- transactions and locks


@pytest.fixture
def url(database: Callable[[], str]) -> str:
    """Of a manifest that is made."""
    made = database()
    with closing(Database(made)) as opened:
        Manifest(opened)
    return made


@contextmanager
def locked(url: str) -> Iterator[Database]:
    with (
        closing(Database(url, timeout=2, sleep=lambda _seconds: None)) as database,
        hold_lock(database, "mirror", 0),
    ):
        yield database


def test_a_transaction_that_is_cut_in_the_middle_is_done_again_from_its_beginning(
    url: str, postgresql: RunningPostgres
) -> None:
    tries: list[int] = []
    with locked(url) as database:

        def count_up() -> None:
            tries.append(len(tries))
            database.run("INSERT INTO cs_known VALUES ('first', '')")
            if len(tries) < 3:
                postgresql.cut_all()
            database.run("INSERT INTO cs_known VALUES ('second', '')")

        database.atomically(count_up)
        assert tries == [0, 1, 2]
    assert ask(url, "SELECT name FROM cs_known ORDER BY 1") == [("first",), ("second",)]


def test_a_run_that_lost_its_session_has_its_lock_again_before_it_writes(
    url: str, postgresql: RunningPostgres
) -> None:
    with locked(url) as database:
        postgresql.cut_all()
        Manifest(database).record_known("after", "the cut")
        with (
            closing(Database(url)) as other,
            pytest.raises(Unfinished),
            hold_lock(other, "mirror", 0),
        ):
            pass
    assert locks(url) == 0


@pytest.mark.parametrize("still_at_work", [True, False])
def test_a_run_whose_lock_another_run_had_in_the_meantime_writes_no_more(
    url: str, postgresql: RunningPostgres, still_at_work: bool
) -> None:
    with locked(url) as database, closing(Database(url)) as other:
        other_lock = hold_lock(other, "mirror", 30)
        postgresql.cut_all()
        with other_lock:
            if still_at_work:
                with pytest.raises(Unfinished, match="another run of this mirror began"):
                    Manifest(database).record_known("by", "the loser")
        if not still_at_work:
            with pytest.raises(Unfinished, match="another run of this mirror began"):
                Manifest(database).record_known("by", "the loser")
    assert ask(url, "SELECT count(*) FROM cs_known") == [(0,)]
    assert locks(url) == 0


@pytest.mark.long
def test_a_run_that_loses_its_lock_to_another_one_ends_with_75_and_the_mirror_is_exact(
    gateway: SampleGateway, make: Make, postgresql: RunningPostgres
) -> None:
    url = postgresql.fresh()
    job = make(STATE_URL=url, BATCH_SIZE="2", REQUEST_TIMEOUT="120")
    other = make("other", job.store, STATE_URL=url)
    gateway.site.edit(page(gateway.site, "Page 1"), body(900))

    def cut_and_run() -> None:
        postgresql.cut_all()
        writing(job, lambda: None)
        other.run(LOCK_WAIT="30")

    writing(job, cut_and_run)
    job.run(expect=75)
    assert other.night()["chunks"]["sent"] == 0
    fresh = make("fresh")
    fresh.here()
    assert held(job.store, "confluence", exact=False) == held(
        fresh.store, "confluence", exact=False
    )


# -- poolers


def test_a_pooler_in_transaction_mode_is_refused_for_a_run_that_writes_and_keeps_no_lock(
    make: Make, database: Callable[[], str]
) -> None:
    url = database()
    with pooler(url) as server:
        said = make(STATE_URL=server.url).here(expect=78).stderr
        assert "session pooler" in said
        assert "connect directly" in said
        assert locks(url) == 0


def test_a_dry_run_through_a_pooler_leaves_nothing_behind_in_its_sessions(
    make: Make, database: Callable[[], str]
) -> None:
    url = database()
    make(STATE_URL=url).here()
    with pooler(url) as server:
        looking = make(STATE_URL=server.url)
        looking.here("--dry-run")
        with psycopg.connect(server.url, prepare_threshold=None) as other:
            settings = "SELECT name FROM pg_settings WHERE source = 'session' AND name <> 'client_encoding'"
            assert other.execute(settings).fetchall() == []
            assert other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
            other.execute("CREATE TABLE of_another_program (id int)")


def test_a_pooler_in_session_mode_holds_the_lock(make: Make, database: Callable[[], str]) -> None:
    with pooler(database(), by_session=True) as server:
        job = make(STATE_URL=server.url)
        job.here()
        assert job.night()["chunks"]["sent"] == 0
        job.here("--verify")


def test_a_session_that_a_pooler_exchanges_later_is_noticed_before_anything_is_written(
    url: str,
) -> None:
    with pooler(url, by_session=True) as server, ExitStack() as stack:
        database = stack.enter_context(closing(Database(server.url, timeout=1)))
        stack.enter_context(hold_lock(database, "mirror", 0))
        server.by_session = False
        manifest = Manifest(database)
        stack.enter_context(psycopg.connect(server.url)).execute(
            "SELECT 1"
        )  # has our session for its transaction
        with pytest.raises(WrongSettings, match="transaction mode") as refused:
            manifest.record_known("by", "whom")
        assert refused.value.exit == Exit.SETTINGS
    assert ask(url, "SELECT count(*) FROM cs_known") == [(0,)]


def test_two_runs_that_a_pooler_gives_one_session_do_not_both_have_the_lock(url: str) -> None:
    with (
        pooler(url, by_session=True) as server,
        closing(Database(server.url)) as one,
        hold_lock(one, "mirror", 0),
    ):
        server.by_session = False
        Manifest(one)
        other = Database(server.url)
        assert other.server is not None
        other.server._is_direct = True  # as if it had not been noticed
        with (
            closing(other),
            pytest.raises(WrongSettings, match="transaction mode"),
            hold_lock(other, "mirror", 0),
        ):
            pass


# -- addresses

PASTED = [
    "pa/ssw0rd-x",
    "12/ssw0rd-x",
    "pa#ssw0rd-x",
    "pa?ssw0rd-x",
    "pa?sslmode=ssw0rd-x",
    "pa@ssw0rd-x",
    "50%ssw0rd-x",
]


@pytest.mark.parametrize("password", [*PASTED, "[ssw0rd-x", "a,b:ssw0rd-x/@"])
@pytest.mark.parametrize("setting", ["STATE_URL", "PGVECTOR_URL"])
def test_a_password_that_was_pasted_as_it_is_appears_in_no_output(
    make: Make, setting: str, password: str
) -> None:
    url = f"postgresql://me:{password}@127.0.0.1:1/state"
    job = make(
        REQUEST_TIMEOUT="0.1", **{"STATE_URL": "postgresql://127.0.0.1:1/state", setting: url}
    )
    done = job.here_with_a_bug()
    said = f"{done.stdout}\n{done.stderr}"
    assert "ssw0rd-x" not in said
    assert "Traceback" not in said
    if password != "[ssw0rd-x":  # which libpq takes as it is
        assert done.returncode == 78
        assert f"{setting}: holds a character that must be encoded: write / as %2F" in said


def test_a_password_that_is_encoded_is_taken(make: Make) -> None:
    job = make(
        REQUEST_TIMEOUT="0.1", STATE_URL="postgresql://me:a%2Fb%23c%3Fd%40e%25f@127.0.0.1:1/state"
    )
    assert "does not answer" in job.here(expect=69).stderr
