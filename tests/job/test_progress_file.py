"""``PROGRESS_FILE``: a program that started the job reads how far it is, and how it ended."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make
from tests.job.harness import Job
from tests.job.test_signals import signalled


def last_state(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.folder / "progress.json").read_text(encoding="utf-8"))
    assert found["phase"] == "done"
    return found


@pytest.fixture
def job(make: Make) -> Job:
    made = make()
    made.env["PROGRESS_FILE"] = "progress.json"
    return made


def test_the_last_state_of_a_run_has_its_exit_code_and_its_chunks(job: Job) -> None:
    sent = job.night()["chunks"]["sent"]
    assert last_state(job).items() >= {"exit_code": 0, "chunks": sent}.items()
    assert not list(job.folder.glob(".progress*"))


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (78, {"SINCE_HOURS": "a day"}),
        (77, {"CONF_API_TOKEN": "another-token-of-nobody"}),
        (64, {}),
    ],
)
def test_a_run_that_fails_or_is_refused_says_so_in_its_last_state(
    job: Job, code: int, changes: dict[str, str]
) -> None:
    job.here(*(["purge"] if code == 64 else []), expect=code, **changes)
    assert last_state(job)["exit_code"] == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_a_signal_ends_says_so_in_its_last_state(
    gateway: SampleGateway, job: Job, number: signal.Signals, code: int
) -> None:
    for each in range(10):
        gateway.site.add("OPS", f"More {each}")
    assert signalled(job, number, lambda: True).returncode == code
    assert last_state(job)["exit_code"] == code


def test_a_file_that_cannot_be_written_is_a_warning_and_no_end(job: Job, tmp_path: Path) -> None:
    done = job.here(expect=0, PROGRESS_FILE=str(tmp_path))
    assert done.stderr.count("Progress could not be written") == 1


def test_what_is_no_run_writes_no_progress(job: Job) -> None:
    job.here("query", "ingress", expect=78)
    assert not (job.folder / "progress.json").exists()
