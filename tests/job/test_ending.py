"""How a run ends where letting go of the store fails: its own outcome stands, and is reported."""

from __future__ import annotations

import json

import pytest

from confluence_mirror.errors import StoreUnavailable, SyncError, Terminated
from confluence_mirror.stores.vector_api.store import VectorApiStore
from confluence_sandbox import SampleGateway
from tests.job.conftest import Make
from tests.job.harness import Job, told

LOST = StoreUnavailable("The store went away at the end.", hint="Run again.")


@pytest.fixture
def job(make: Make) -> Job:
    return make()


def fails_at_the_end(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def close(_: VectorApiStore) -> None:
        raise error

    monkeypatch.setattr(VectorApiStore, "close", close)


def ended(job: Job, code: int, *arguments: str) -> str:
    """What a run says that ends so; its report says the same."""
    path = job.folder / "report.json"
    path.unlink(missing_ok=True)
    done = job.here(*arguments, "--report", str(path), expect=code)
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["exit_code"] == code
    assert report["problem"] in told(done)
    return told(done)


@pytest.mark.parametrize(
    ("error", "code"),
    [(LOST, 69), (Terminated("Stopped by SIGTERM."), 143)],
    ids=["lost", "stopped"],
)
def test_a_run_that_is_whole_ends_with_what_failed_in_closing(
    job: Job, monkeypatch: pytest.MonkeyPatch, error: SyncError, code: int
) -> None:
    fails_at_the_end(monkeypatch, error)
    assert str(error) in ended(job, code)
    monkeypatch.undo()
    assert job.night()["chunks"]["sent"] == 0


def test_a_run_that_failed_ends_with_its_own_error(
    job: Job, gateway: SampleGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_at_the_end(monkeypatch, LOST)
    gateway.fault("/wiki/api/v2/spaces", status=401)
    assert "went away" not in ended(job, 77)


def test_drift_stays_drift(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.here()
    with job.store.state.lock:
        job.store.state.collections["confluence"].rows.pop()
    fails_at_the_end(monkeypatch, LOST)
    ended(job, 3, "--verify")


def test_a_bug_in_closing_is_70_with_a_report(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_at_the_end(monkeypatch, ZeroDivisionError("by nought"))
    done = job.here_with_a_bug()
    assert done.returncode == 70
    assert "ZeroDivisionError: by nought" in done.stderr


def test_a_question_is_answered_and_writes_no_report(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = job.folder / "report.json"
    said = job.here(
        "--query",
        "ingress",
        "--report",
        str(path),
        expect=69,
        VECTOR_API_BASE_URL="http://127.0.0.1:1",
    )
    assert said.stdout == ""
    assert "127.0.0.1:1" in said.stderr.splitlines()[-1]
    job.here()
    fails_at_the_end(monkeypatch, LOST)
    done = job.here("--query", "ingress", "--report", str(path), expect=69)
    assert done.stdout.startswith("1. ")
    assert done.stderr.splitlines()[-1] == str(LOST)
    assert not path.exists()


def test_an_empty_question_is_wrong_usage_and_no_run(job: Job) -> None:
    assert "--query" in job.here("--query", " ", expect=64).stderr
    assert not job.store.state.collections
