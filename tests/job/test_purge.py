"""``--purge`` at a terminal and in a script."""

from __future__ import annotations

import io

import pytest

from tests.job.conftest import Make
from tests.job.harness import Job, held


class Terminal(io.StringIO):
    """A person's keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def job(make: Make) -> Job:
    made = make()
    made.here()
    return made


@pytest.mark.parametrize("typed", ["no\n", "\n", ""], ids=["no", "nothing", "the end of input"])
def test_a_person_who_does_not_say_yes_keeps_everything(
    job: Job, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    before = held(job.store, "confluence")
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    said = job.here("--purge", expect=65)
    assert job.gateway.cloud_id in said.stdout
    assert job.store_url in said.stdout
    assert held(job.store, "confluence") == before


@pytest.mark.parametrize(
    "arguments", [("--purge",), ("--purge", "--yes")], ids=["types yes", "--yes"]
)
def test_a_person_who_says_yes_is_told_what_was_removed(
    job: Job, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    chunks = len(held(job.store, "confluence"))
    monkeypatch.setattr("sys.stdin", Terminal("yes\n" if len(arguments) == 1 else ""))
    report = job.night(*arguments)
    assert report["chunks"]["removed"] == chunks
    assert report["pages"]["removed"] == 9
    assert not job.store.state.collections
    assert not (job.folder / "CURRENT_COLLECTION").exists()


def test_a_script_is_not_asked(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    job.here("--purge")
    assert not job.store.state.collections
