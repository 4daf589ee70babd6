"""``--purge`` at a terminal and in a script."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job, held, told
from tests.job.test_rotation import put
from tests.mirror.conftest import body


class Terminal(io.TextIOWrapper):
    """A person's keyboard."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A person at a terminal, who types so much and then nothing more."""
    with ExitStack() as stack:

        def at_a_terminal(typed: str) -> None:
            reading, writing = os.pipe()
            os.write(writing, typed.encode())
            os.close(writing)
            keyboard = stack.enter_context(Terminal(os.fdopen(reading, "rb")))
            monkeypatch.setattr("sys.stdin", keyboard)

        yield at_a_terminal


@pytest.fixture
def job(make: Make) -> Job:
    made = make()
    made.here()
    return made


@pytest.mark.parametrize("typed", ["no\n", "\n", ""], ids=["no", "nothing", "the end of input"])
def test_a_person_who_does_not_say_yes_keeps_everything(
    job: Job, types: Callable[[str], None], typed: str
) -> None:
    before = held(job.store, "confluence")
    types(typed)
    said = job.here("--purge", expect=65)
    assert job.gateway.cloud_id in said.stderr
    assert job.store_url in said.stderr
    assert "the 9 chunks of site" in said.stderr
    assert "collection confluence of" in said.stderr
    assert held(job.store, "confluence") == before


@pytest.mark.parametrize(
    "arguments", [("--purge",), ("--purge", "--yes")], ids=["types yes", "--yes"]
)
def test_a_person_who_says_yes_is_told_what_was_removed(
    job: Job, types: Callable[[str], None], arguments: tuple[str, ...]
) -> None:
    chunks = len(held(job.store, "confluence"))
    types("yes\n" if len(arguments) == 1 else "")
    report = job.night(*arguments)
    assert report["chunks"]["removed"] == chunks
    assert report["pages"]["removed"] == 9
    assert not job.store.state.collections
    assert not (job.folder / "CURRENT_COLLECTION").exists()


def test_a_script_says_yes_on_its_command_line(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "Add --yes if you mean it" in job.here("--purge", expect=64).stderr
    assert len(held(job.store, "confluence")) == 9
    said = told(job.here("--purge", "--yes"))
    assert "purged collection confluence: 9 chunks removed of 9 pages" in said
    assert not job.store.state.collections


def test_a_second_purge_says_that_there_is_nothing(job: Job) -> None:
    job.here("--purge", "--yes")
    assert "nothing to purge" in told(job.here("--purge", "--yes"))


def test_collections_that_rotations_left_behind_go_too_and_those_of_others_stay(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve(), KEEP_COLLECTIONS="3", WRITE_MODE="rotate")
    put(job.store, "confluence-20240101T000000Z")
    for seed in range(3):
        gateway.site.edit(page(gateway.site, "Page 1"), body(830 + seed))
        job.here()
        gateway.site.clock.advance(seconds=1)
    earlier = {kept.name for kept in job.store.state.collections.values()}
    assert len(earlier) == 4
    current = job.pointer()
    said = job.here("--purge", "--yes")
    left = {kept.name for kept in job.store.state.collections.values()}
    assert left == {"confluence-20240101T000000Z"}
    for name in earlier - left - {current}:
        assert f"removed from the earlier collection {name}: " in said.stderr
