"""A server as a job's store: what goes wrong is one line with the right code, nothing is lost, and
the next run completes the mirror. Chroma and PostgreSQL are real, with vectors from an embedding
server; Llama Stack is the small one."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from confluence_mirror.stores.pgvector.index import INDEX_FROM
from confluence_sandbox import SampleGateway
from tests.job import places
from tests.job.conftest import page
from tests.job.harness import Job, told
from tests.job.places import SECRET, Place
from tests.mirror.conftest import body
from tests.servers.answering import answering
from tests.servers.chroma import RunningChroma
from tests.servers.embedding import EmbeddingServer
from tests.servers.llama_stack import OTHER_MODEL
from tests.servers.postgres import RunningPostgres

REFUSED = '{"error": "Unauthorized"}'


@pytest.fixture
def model() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(**{"bge-m3": 48, "gte-large-en-v1.5": 48}) as server:
        server.key = "s3cret-of-the-model"
        yield server


@pytest.fixture
def in_chroma(
    chroma_server: RunningChroma, model: EmbeddingServer, gateway: SampleGateway, tmp_path: Path
) -> Place:
    return places.in_chroma(chroma_server, model, gateway, tmp_path / "job")


@pytest.fixture
def in_pgvector(
    postgresql: RunningPostgres, model: EmbeddingServer, gateway: SampleGateway, tmp_path: Path
) -> Place:
    return places.in_pgvector(postgresql, model, gateway, tmp_path / "job")


@pytest.fixture
def in_llama(
    gateway: SampleGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    with places.in_llama(gateway, tmp_path / "job", monkeypatch) as place:
        yield place


@pytest.fixture(
    params=[
        pytest.param("chroma", marks=pytest.mark.chroma),
        pytest.param("pgvector", marks=pytest.mark.postgres),
    ]
)
def own_vectors(request: pytest.FixtureRequest) -> Place:
    """A store that takes our vectors."""
    found: Place = request.getfixturevalue(f"in_{request.param}")
    return found


@pytest.fixture(
    params=[
        pytest.param("chroma", marks=pytest.mark.chroma),
        pytest.param("pgvector", marks=pytest.mark.postgres),
        "llama",
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    """Any store."""
    found: Place = request.getfixturevalue(f"in_{request.param}")
    return found


def problem(job: Job, expect: int, **changes: str) -> str:
    """The one line that says what went wrong; no secret anywhere."""
    done = job.here(expect=expect, **changes)
    assert "s3cret" not in done.stdout + done.stderr
    lines = [line for line in told(done).splitlines() if line and not line.startswith("  ")]
    assert len(lines) == 2, done.stderr  # what happened, and the outcome
    return lines[0]


def whole(job: Job, *, sent: int) -> None:
    """The next run completes the mirror with so many chunks, and what is in the store is what
    should be."""
    assert job.night()["chunks"]["sent"] == sent
    job.here("--verify")


@pytest.fixture
def mirrored(place: Place, gateway: SampleGateway) -> Place:
    """After a first run, with one page of one chunk to write."""
    return with_a_page_to_write(place, gateway)


@pytest.fixture
def embedded(own_vectors: Place, gateway: SampleGateway) -> Place:
    """The same, where vectors are ours."""
    return with_a_page_to_write(own_vectors, gateway)


def with_a_page_to_write(place: Place, gateway: SampleGateway) -> Place:
    place.job.here()
    gateway.site.add("OPS", "New today", body(700))
    return place


@pytest.mark.long
def test_a_mirror_in_a_server_as_a_user_runs_it(own_vectors: Place, gateway: SampleGateway) -> None:
    place, job, site = own_vectors, own_vectors.job, gateway.site
    said = job.run()
    assert "s3cret" not in said.stdout + said.stderr
    assert set(place.titles()) == {
        each.title for key in ("OPS", "HR") for each in site.current(key)
    }
    site.trash(page(site, "Policy 1"))
    site.rename(page(site, "Policy 2"), "Holidays")
    site.relabel(page(site, "Policy 0"), ["binding"])
    report = job.report()
    assert report["pages"]["removed"] == 1
    assert (report["chunks"]["sent"], report["chunks"]["metadata_updated"]) == (1, 1)
    assert set(place.titles()) == {
        each.title for key in ("OPS", "HR") for each in site.current(key)
    }
    job.run("--verify")
    assert "Holidays" in job.run("--query", "Holidays").stdout


def test_a_thread_is_a_row_like_a_pages_in_every_store(
    place: Place, gateway: SampleGateway
) -> None:
    job, site = place.job, gateway.site
    job.env["COMMENTS"] = "open"
    said = site.add_comment(page(site, "Policy 1"), "<p>Since spring it is four weeks.</p>")
    job.here()
    before = place.titles().count("Policy 1")
    site.edit_comment(said, "<p>Since autumn it is five.</p>")
    assert job.night()["comments"]["changed"] == 1
    assert place.titles().count("Policy 1") == before
    site.remove_comment(said)
    assert job.night()["comments"]["removed"] == 1
    assert place.titles().count("Policy 1") == before - 1
    job.here("--verify")


def test_where_nothing_listens_the_run_ends_with_69(mirrored: Place) -> None:
    assert "127.0.0.1:1" in problem(mirrored.job, 69, **mirrored.nobody)
    whole(mirrored.job, sent=1)


def test_a_proxy_that_answers_html_is_told_with_its_address(mirrored: Place) -> None:
    with answering(200) as proxy:
        said = problem(mirrored.job, 78, **mirrored.proxied(proxy.url))
    assert proxy.url.partition("://")[2] in said
    assert "Check" in said
    whole(mirrored.job, sent=1)


def test_another_model_than_the_collections_is_refused(mirrored: Place) -> None:
    other = OTHER_MODEL if "LLAMA_BASE_URL" in mirrored.job.env else "gte-large-en-v1.5"
    assert other in problem(mirrored.job, 78, EMBEDDING_MODEL_ID=other)
    whole(mirrored.job, sent=1)


def test_a_model_whose_vectors_have_become_longer_is_refused(
    embedded: Place, model: EmbeddingServer
) -> None:
    model.models["bge-m3"] = 96
    said = problem(embedded.job, 78)
    assert "48" in said
    assert "96" in said
    model.models["bge-m3"] = 48
    whole(embedded.job, sent=1)


def test_a_model_that_no_server_has_is_told(mirrored: Place) -> None:
    assert "EMBEDDING_MODEL_ID" in problem(mirrored.job, 78, EMBEDDING_MODEL_ID="no-such-model")
    whole(mirrored.job, sent=1)


def test_a_refused_key_of_llama_stack_is_77(in_llama: Place, gateway: SampleGateway) -> None:
    job = with_a_page_to_write(in_llama, gateway).job
    problem(job, 77, LLAMA_API_KEY="s3cret-but-wrong")
    whole(job, sent=1)


def test_a_refused_key_of_the_embedding_server_is_77(embedded: Place) -> None:
    assert "EMBEDDING_API_KEY" in problem(embedded.job, 77, EMBEDDING_API_KEY="s3cret-but-wrong")
    whole(embedded.job, sent=1)


@pytest.mark.chroma
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_of_chroma_is_77(
    in_chroma: Place, gateway: SampleGateway, status: int
) -> None:
    in_chroma.job.here()
    gateway.site.add("OPS", "New today", body(700))
    with answering(status, REFUSED) as guarded:
        problem(in_chroma.job, 77, CHROMA_URL=guarded.url)
        assert guarded.heard[0]["Authorization"] == f"Bearer {SECRET}"
        assert guarded.heard[0]["X-Chroma-Token"] == SECRET
    whole(in_chroma.job, sent=1)


@pytest.mark.chroma
@pytest.mark.parametrize("name", ["CHROMA_TENANT", "CHROMA_DATABASE"])
def test_a_tenant_or_database_that_chroma_does_not_have_is_told_and_not_made(
    in_chroma: Place, name: str
) -> None:
    for _ in range(2):
        assert name in problem(in_chroma.job, 78, **{name: "no-such"})


@pytest.mark.postgres
@pytest.mark.parametrize("privileges", ["", "SELECT", "SELECT, INSERT, UPDATE"])
def test_a_user_who_may_not_do_all_of_it_is_told_and_the_next_run_completes_the_mirror(
    in_pgvector: Place, postgresql: RunningPostgres, gateway: SampleGateway, privileges: str
) -> None:
    job, url = in_pgvector.job, in_pgvector.job.env["PGVECTOR_URL"]
    job.here()
    gateway.site.edit(page(gateway.site, "Page 1"), body(700))
    reader = f"reader_{url.partition('?')[0].rpartition('/')[2]}"
    postgresql.admin("CREATE ROLE {} LOGIN", reader)
    if privileges:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"GRANT {privileges} ON data_confluence TO {reader}")
            connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {reader}")
    problem(job, 77, PGVECTOR_URL=url.replace("//postgres@", f"//{reader}@"))
    job.here()
    job.here("--verify")


@pytest.mark.postgres
def test_a_lock_of_somebody_else_is_waited_for_and_then_means_run_again(
    in_pgvector: Place, gateway: SampleGateway
) -> None:
    job = in_pgvector.job
    job.here()
    gateway.site.add("OPS", "New today", body(700))
    with psycopg.connect(job.env["PGVECTOR_URL"]) as other:
        other.execute("LOCK TABLE data_confluence IN EXCLUSIVE MODE")  # it can be read, not written
        assert "lock" in problem(job, 75, REQUEST_TIMEOUT="1")
    whole(job, sent=1)


@pytest.mark.long
def test_a_server_that_stops_in_the_middle_ends_the_run_with_69_and_the_next_one_completes_the_mirror(
    place: Place,
) -> None:
    before = place.when_half(place.stop)
    try:
        problem(place.job, 69)
    finally:
        place.start()
    sent = place.job.night()["chunks"]["sent"]
    assert 0 < sent <= len(place.titles()) - len(before)
    whole(place.job, sent=0)


@pytest.mark.long
def test_a_server_that_restarts_in_the_middle_does_not_end_the_run(place: Place) -> None:
    def restart() -> None:
        place.stop()
        place.start()

    before = place.when_half(restart)
    assert place.job.night()["chunks"]["sent"] == len(place.titles()) > len(before) > 0
    whole(place.job, sent=0)


@pytest.mark.postgres
def test_vectors_of_a_server_are_on_record_in_postgresql_with_their_model_and_length(
    in_pgvector: Place,
) -> None:
    in_pgvector.job.here()
    with psycopg.connect(in_pgvector.job.env["PGVECTOR_URL"]) as connection:
        [(comment, lengths)] = connection.execute(
            "SELECT obj_description('data_confluence'::regclass), array_agg(DISTINCT vector_dims(embedding)) "
            "FROM data_confluence"
        ).fetchall()
    known = json.loads(comment)
    assert (known["embedding_model"], known["dimension"], lengths) == ("bge-m3", 48, [48])


@pytest.mark.postgres
@pytest.mark.long
def test_a_signal_while_the_index_is_built_ends_the_run_and_the_next_one_builds_it(
    in_pgvector: Place, gateway: SampleGateway
) -> None:
    job, url = in_pgvector.job, in_pgvector.job.env["PGVECTOR_URL"]
    job.here()
    with psycopg.connect(url) as somebody:
        somebody.execute(
            "INSERT INTO data_confluence (text, metadata_, node_id, embedding) SELECT text, '{}',"
            " 'other ' || n, embedding FROM data_confluence, generate_series(1, %s) n WHERE id = 1",
            (INDEX_FROM,),
        )
    gateway.site.add("OPS", "Written today", "<p>Restart the pump.</p>")
    with psycopg.connect(url, autocommit=True) as looking, psycopg.connect(url) as writer:
        writer.execute(
            "LOCK TABLE data_confluence IN ROW EXCLUSIVE MODE"
        )  # rows go in, an index has to wait
        process = job.start()
        while not building(looking):
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 143, out + err
        assert "Traceback" not in err
        assert not building(looking)
        assert indexes(looking) == 0
    assert job.night()["chunks"]["sent"] == 0
    with psycopg.connect(url) as looking:
        assert indexes(looking) == 1
    job.here("--verify")


def building(connection: psycopg.Connection) -> bool:
    query = "SELECT pg_sleep(0.05) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%hnsw%' AND state = 'active'"
    return connection.execute(query).fetchone() is not None


def indexes(connection: psycopg.Connection) -> int:
    return len(
        connection.execute("SELECT 1 FROM pg_indexes WHERE indexdef LIKE '%USING hnsw%'").fetchall()
    )
