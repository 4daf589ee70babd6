"""Several vector stores of one name, as the first version left them: which one is meant."""

from __future__ import annotations

import io
import json

import pytest

from confluence_mirror.notebook import explore
from confluence_sandbox import SampleGateway
from tests.ingest.conftest import NAME, Ingest
from tests.job.conftest import page
from tests.servers.llama_stack import MODEL

LOOKS = [[], ["--dry-run"], ["--query", "restarts ingress"]]


@pytest.fixture
def filled(job: Ingest) -> str:
    """The id of a store that a run has filled; an empty one of the same name is beside it."""
    job.here()
    job.twin()
    return job.stores()[0]


def query(job: Ingest, expect: int = 0, **changes: str) -> str:
    done = job.here("--query", "restarts ingress", expect=expect, **changes)
    return done.stdout if not expect else done.stderr


def lose_record(job: Ingest) -> None:
    """The manifest and the pointer file beside it."""
    job.manifest.unlink()
    (job.folder / "CURRENT_COLLECTION").unlink()


def test_with_no_record_the_run_stops_and_lists_ids_sizes_and_dates(
    job: Ingest, filled: str
) -> None:
    job.hint.unlink()
    lose_record(job)
    for arguments in LOOKS:
        done = job.here(*arguments, expect=78)
        said = done.stdout + done.stderr
        for store_id in job.stores():
            assert f"{store_id} ({job.held(store_id)} files, made 2026-11-" in said
        assert "VECTOR_DB_ID" in said
    assert job.held(job.stores()[1]) == 0


@pytest.mark.parametrize(
    "lost", [["hint"], ["manifest"], ["hint", "manifest"], []], ids=" and ".join
)
def test_either_record_alone_decides_for_every_command(
    job: Ingest, filled: str, lost: list[str]
) -> None:
    for record in lost:
        getattr(job, record).unlink()
    assert query(job).startswith("1. ")
    assert "to add" not in job.here("--dry-run").stdout
    assert "0 chunks sent" in job.here().stderr
    assert job.held(job.stores()[1]) == 0
    assert job.hint.read_text().strip() == filled
    job.here("--verify")


def test_a_manifest_that_cannot_be_read_is_said_and_the_question_answered(
    job: Ingest, filled: str
) -> None:
    job.manifest.write_bytes(b"no database at all " * 100)
    done = job.here("--query", "restarts ingress")
    assert done.stdout.startswith("1. ")
    assert "manifest.db cannot be used" in done.stderr


def test_questions_are_lines_of_standard_input_here_too(
    job: Ingest, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"restarts ingress\n\n")))
    said = job.here("query", "-", "--limit", "2").stdout
    first, second = map(json.loads, said.splitlines())
    assert [each["space_key"] for each in first["results"]] == ["OPS", "OPS"]
    assert "needs words" in second["error"]


def test_the_id_in_the_working_directory_counts_where_the_state_folder_has_none(
    job: Ingest, filled: str
) -> None:
    state = {"STATE_DIR": str(job.folder.parent / "state")}
    assert query(job, **state).startswith("1. ")
    assert "0 chunks sent" in job.here(**state).stderr
    kept = job.folder.parent / "state" / job.hint.name
    assert kept.read_text().strip() == filled
    job.hint.write_text(job.stores()[1])  # what is in the working directory is older
    (job.folder.parent / "state" / "manifest.db").unlink()
    assert query(job, **state).startswith("1. ")
    assert "0 chunks sent" in job.here(**state).stderr


@pytest.mark.parametrize(
    "kept", ["vs_gone", "", "../../etc/passwd", '{"id": 1}\n\n', "\x00\xff" * 300]
)
def test_an_id_that_the_server_does_not_know_is_not_trusted(
    job: Ingest, filled: str, kept: str
) -> None:
    lose_record(job)
    job.hint.write_text(kept)
    assert filled in query(job, expect=78)
    assert filled in job.here(expect=78).stderr
    job.stack.state.stores.popitem()
    assert query(job).startswith("1. ")
    assert "0 chunks sent" in job.here().stderr
    assert job.hint.read_text().strip() == filled


def test_an_id_of_a_store_of_another_name_is_not_trusted(job: Ingest, filled: str) -> None:
    lose_record(job)
    job.stack.state.stores.popitem()
    job.hint.write_text(other := job.twin("somebody-elses"))
    assert query(job).startswith("1. ")
    assert "0 chunks sent" in job.here().stderr
    assert job.held(other) == 0


def test_a_hint_that_cannot_be_read_stops_nobody(job: Ingest, filled: str) -> None:
    job.hint.unlink()
    job.hint.symlink_to("/proc/self/mem")
    assert query(job).startswith("1. ")


def test_a_new_collection_under_construction_does_not_hide_the_one_that_is_read(
    job: Ingest, gateway: SampleGateway
) -> None:
    job.here()
    read = job.stores()[0]
    job.stack.state.refused_texts.append("Part 1 of 3")
    gateway.site.edit(page(gateway.site, "Page 3"), "<p>Part 1 of 3 is refused tonight.</p>")
    job.here(WRITE_MODE="rotate", expect=75)
    assert len(job.stores()) == 2
    for lost in (job.hint, None):
        if lost:
            lost.unlink()
        assert query(job, WRITE_MODE="rotate").startswith("1. ")
    job.stack.state.refused_texts.clear()
    job.here(WRITE_MODE="rotate")
    assert read not in job.stores()
    assert query(job).startswith("1. ")


def test_the_notebook_looks_into_the_store_that_the_job_fills(
    job: Ingest, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(job.folder)
    for lost in (None, job.manifest):
        if lost:
            lost.unlink()
        with explore(job.environ(), job.folder) as explorer:
            assert explorer.search("restarts ingress").rows
            assert "add" not in {row[0] for row in explorer.plan().rows}
            assert ("chunks sent", "0") in explorer.sync().rows
    assert job.held(job.stores()[1]) == 0


def test_of_two_named_alike_the_id_in_vector_db_id_is_the_one(job: Ingest) -> None:
    first, second = job.twin(), job.twin()
    job.here(VECTOR_DB_ID=second)
    assert (job.held(first), job.held(second) > 0) == (0, True)
    assert query(job, VECTOR_DB_ID=second).startswith("1. ")
    assert query(job).startswith("1. ")  # its id is kept, and its name is the default
    assert job.vector_store(second).model == MODEL
    assert job.vector_store(second).name == NAME
