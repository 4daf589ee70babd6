"""``--reset``: every vector store of the name goes, after a question, and one is made anew."""

from __future__ import annotations

import io
import signal
import sys
from contextlib import closing

import pytest

from confluence_mirror.addresses import server_name
from confluence_mirror.manifest import Database
from confluence_mirror.manifest.locks import hold_lock
from tests.ingest.conftest import NAME, Ingest
from tests.servers.llama_stack import Fault


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))


@pytest.fixture
def twins(job: Ingest) -> list[str]:
    """A store that a run has filled, and two older ones of its name, and one of another."""
    older = [job.twin(), job.twin()]
    other = job.twin("somebody-elses")
    job.folder.mkdir()
    job.hint.write_text(older[0])
    job.here()
    return [*older, other]


@pytest.mark.parametrize(
    "command",
    [["--dry-run"], ["--verify"], ["--repair"], ["--purge"], ["--query", "zebra"]],
    ids=lambda c: c[0],
)
def test_a_reset_goes_with_no_other_command_and_touches_nothing_then(
    job: Ingest, twins: list[str], command: list[str]
) -> None:
    held = job.held(twins[0])
    said = job.here("--reset", "--yes", *command, expect=64).stderr
    assert f"{command[0]} and --reset do not go together" in said
    assert job.stores() == twins
    assert job.held(twins[0]) == held


def test_all_stores_of_the_name_go_and_one_is_made_and_filled(
    job: Ingest, twins: list[str]
) -> None:
    before = job.held(twins[0])
    said = job.here("--reset", "--yes").stderr
    assert f"3 vector stores are named {NAME}" not in said
    assert f"2 vector stores are named {NAME}" in said
    other, fresh = job.stores()
    assert other == twins[2]
    assert job.held(fresh) == before
    assert len(job.stack.state.files) == before
    assert job.hint.read_text().strip() == fresh
    assert "0 chunks sent" in job.here().stderr


def test_one_store_is_spoken_of_as_one_and_none_as_none(job: Ingest) -> None:
    assert f"No vector store is named {NAME}" in job.here("--reset").stderr
    assert f"1 vector store is named {NAME}" in job.here("--reset", "--yes").stderr
    assert len(job.stores()) == 1


def test_an_id_means_that_store_alone_and_the_new_one_is_found_again(
    job: Ingest, twins: list[str]
) -> None:
    chosen = twins[0]
    said = job.here("--reset", "--yes", VECTOR_DB_ID=chosen).stderr
    assert f"VECTOR_DB_ID is the id of one vector store, named {NAME}" in said
    assert chosen not in job.stores()
    assert set(twins[1:]) < set(job.stores())
    (fresh,) = set(job.stores()) - set(twins)
    held = job.held(fresh)
    assert held
    for lost in (None, job.manifest):
        if lost:
            lost.unlink()
        assert "0 chunks sent" in job.here(VECTOR_DB_ID=chosen).stderr
    assert set(job.stores()) == {*twins[1:], fresh}
    assert job.held(fresh) == held


def test_a_run_that_fails_after_its_reset_does_not_say_that_nothing_was_changed(
    job: Ingest, twins: list[str]
) -> None:
    said = job.here("--reset", "--yes", EMBEDDING_MODEL_ID="no-such-model", expect=78)
    assert job.stores() == twins[2:]
    assert "no embedding model no-such-model, or several; nothing was written." in said.stderr
    assert "no page was brought up to date" in said.stderr


def test_a_reset_is_refused_where_nobody_can_be_asked(job: Ingest, twins: list[str]) -> None:
    assert "Nothing was deleted" in job.here("--reset", expect=64).stderr
    assert job.stores() == twins


@pytest.mark.parametrize(
    ("answer", "code"),
    [(b"no\n", 64), (b"\n", 64), (b"\x04", 64), (signal.SIGINT, 130), (signal.SIGTERM, 143)],
    ids=["no", "empty", "end of input", "SIGINT", "SIGTERM"],
)
def test_anything_but_yes_deletes_nothing(
    job: Ingest, twins: list[str], answer: bytes | int, code: int
) -> None:
    said = job.asked(answer, "--reset", expect=code)
    assert twins[0] in said
    assert twins[2] not in said
    assert "nothing was deleted" in said.lower()
    assert job.stores() == twins
    assert job.held(twins[0])


def test_a_yes_at_the_terminal_deletes_and_fills(job: Ingest, twins: list[str]) -> None:
    job.asked(b"yes\n", "--reset", expect=0)
    other, fresh = job.stores()
    assert other == twins[2]
    assert job.held(fresh)


def test_a_server_that_dies_in_a_reset_is_69_with_a_report_and_the_next_reset_ends_it(
    job: Ingest, twins: list[str]
) -> None:
    job.stack.faults.append(Fault("DELETE", f"/v1/vector_stores/{twins[1]}", "answer", 500))
    report = job.folder / "report.json"
    job.here("--reset", "--yes", "--report", str(report), expect=69)
    assert '"exit_code": 69' in report.read_text()
    job.stack.faults.clear()
    job.here("--reset", "--yes")
    assert len(job.stores()) == 2


def test_a_bug_in_a_reset_is_70_with_a_report(
    job: Ingest, twins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("confluence_mirror.stores.llama.store.LlamaStore.drop_collection", broken)
    done = job.here_with_a_bug("--reset", "--yes")
    assert done.returncode == 70
    assert "ZeroDivisionError: by nought" in done.stderr
    assert job.stores() == twins


def test_nothing_is_deleted_beside_a_run_that_is_at_work(job: Ingest, twins: list[str]) -> None:
    lock = f"llama:{server_name(job.stack.base_url)}:{NAME}"
    with closing(Database(f"sqlite:///{job.manifest}")) as database, hold_lock(database, lock, 0):
        assert "Another run" in job.here("--reset", "--yes", expect=75).stderr
    assert job.stores() == twins
