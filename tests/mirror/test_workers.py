"""Converting beside reading and writing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from confluence_mirror.chunking import ChunkSettings, load_tokenizer
from confluence_mirror.chunking.tokens import cl100k_base
from confluence_mirror.mirror import workers
from confluence_mirror.mirror.documents import Document, Draft, Recipe
from confluence_mirror.mirror.workers import Workers, cores, memory_left
from confluence_mirror.model import Body, PageRef, Space, Version
from confluence_sandbox.generated import generated_body
from tests.selection import only_quick

MANY = 10_000
SPACE = Space("1", "OPS", "Operations", "global", "current")
RECIPE = Recipe("site", load_tokenizer("cl100k_base"), ChunkSettings(120, 20))


class Deadly:
    """A tokenizer that takes its process with it at a certain word."""

    name = "deadly"

    def __init__(self) -> None:
        self._inner = RECIPE.tokenizer

    def count_tokens(self, text: str) -> int:
        return self.count_each([text])[0]

    def count_each(self, texts: Sequence[str]) -> list[int]:
        if any("kaboom" in text for text in texts):
            os._exit(9)
        return self._inner.count_each(texts)


class Faulty(Deadly):
    """A tokenizer with a fault of ours in it."""

    def count_each(self, texts: Sequence[str]) -> list[int]:
        raise KeyError("a fault")


class Panicking(Deadly):
    """A tokenizer whose library panics, as tiktoken's does on a million blanks at a time."""

    def count_each(self, texts: Sequence[str]) -> list[int]:
        if any("kaboom" in text for text in texts):
            cl100k_base().encode_ordinary(" " * 1_000_000 + "x")
        return self._inner.count_each(texts)


class Greedy(Deadly):
    """A tokenizer that wants more memory than there is."""

    def count_each(self, texts: Sequence[str]) -> list[int]:
        if any("kaboom" in text for text in texts):
            bytearray(1 << 46)
        return self._inner.count_each(texts)


class Endless(Deadly):
    """A tokenizer that never ends."""

    def count_each(self, texts: Sequence[str]) -> list[int]:
        while any("kaboom" in text for text in texts):
            pass
        return self._inner.count_each(texts)


LONG = "<p>kaboom</p>" + "<p>word</p>" * (workers.LONG_BODY // 11)


def draft(number: int, text: str = "") -> Draft:
    ref = PageRef(
        id=str(number),
        type="page",
        status="current",
        space_id="1",
        title=f"Page {number}",
        parent_id=None,
        parent_type=None,
        author_id="",
        created_at="",
        version=Version(1, "2026-01-01T00:00:00Z"),
        webui="/x",
    )
    body = Body(ref, text or generated_body(1, number, 2_000))
    site = "https://site.example/wiki"
    return Draft(body, SPACE, ("Home",), ("runbook",), "Mara", f"{site}/x", site, {})


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 2)


@pytest.fixture(scope="module")
def processes() -> Iterator[Workers]:
    """Begun once: it takes them longer to start than to convert."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "cores", lambda: 2)
        many = Workers(RECIPE, MANY)
    with closing(many):
        assert len(many.pids) == 2
        yield many


def texts(outcomes: Sequence[Document | str]) -> list[list[str]]:
    return [
        [chunk.text for chunk in each.chunks] for each in outcomes if isinstance(each, Document)
    ]


def test_processes_give_exactly_what_a_thread_gives(processes: Workers) -> None:
    groups = [[draft(number) for number in range(start, start + 5)] for start in range(0, 40, 5)]
    with closing(Workers(RECIPE, pages=1)) as one:
        assert one.pids == []
        expected = [one.submit(group) for group in groups]
        found = [processes.submit(group) for group in groups]
        assert [each.result() for each in found] == [each.result() for each in expected]


def test_one_core_gets_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 1)
    with closing(Workers(RECIPE, MANY)) as alone:
        assert alone.pids == []
        assert texts(alone.submit([draft(1)]).result())


@pytest.mark.long
def test_a_page_that_kills_its_process_fails_alone(two_cores: None) -> None:
    recipe = replace(RECIPE, tokenizer=Deadly())
    with closing(Workers(recipe, MANY)) as many:
        found = many.submit([draft(1), draft(2, "<p>kaboom</p>"), draft(3)]).result()
        assert isinstance(found[1], str)
        assert "the process that converts it died" in found[1]
        assert len(texts(found)) == 2
        assert texts(many.submit([draft(4)]).result())


def test_a_process_that_was_killed_is_begun_anew(processes: Workers) -> None:
    for pid in processes.pids:
        os.kill(pid, signal.SIGKILL)
    found = [processes.submit([draft(number)]).result() for number in range(4)]
    assert all(texts(each) for each in found)


def test_a_page_that_cannot_be_converted_says_why(processes: Workers) -> None:
    found = processes.submit([draft(1, "<p>x</p>" * 3_000_000), draft(2)]).result()
    assert found[0] == "its body has 24,000,000 characters, the limit is 20,000,000"
    assert isinstance(found[1], Document)


@pytest.mark.parametrize("pages", [1, MANY])
@pytest.mark.parametrize(
    ("tokens", "words"), [(Panicking(), "StackOverflow"), (Greedy(), workers.NO_MEMORY)]
)
def test_a_panic_and_a_lack_of_memory_are_the_pages_failure(
    two_cores: None, tokens: Deadly, words: str, pages: int
) -> None:
    with closing(Workers(replace(RECIPE, tokenizer=tokens), pages)) as many:
        found = many.submit(
            [draft(1), draft(2, "<p>kaboom</p>"), draft(3, LONG), draft(4)]
        ).result()
    assert [isinstance(each, Document) for each in found] == [True, False, False, True]
    assert all(words in str(each) for each in found[1:3])


@pytest.mark.long
@pytest.mark.parametrize("pages", only_quick([1, MANY], 1))
def test_a_page_that_does_not_end_fails_alone(
    two_cores: None, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(workers, "PAGE_SECONDS", 1)
    with closing(Workers(replace(RECIPE, tokenizer=Endless()), pages)) as many:
        found = many.submit([draft(1), draft(2, LONG), draft(3)]).result()
        assert found[1] == "converting it takes more than 1 seconds of CPU time"
        assert len(texts(found)) == 2
        assert texts(many.submit([draft(4)]).result())


def test_closing_does_not_wait_for_a_long_page() -> None:
    one = Workers(replace(RECIPE, tokenizer=Endless()), pages=1)
    begun = one.submit([draft(1, LONG), draft(2)])
    while not one.pids:
        assert not begun.done()
    watched = [os.pidfd_open(pid) for pid in one.pids]
    one.close()
    assert ended(watched)
    with pytest.raises((CancelledError, EOFError, OSError)):
        begun.result()


def test_where_no_process_can_be_started_long_pages_are_converted_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with closing(Workers(RECIPE, pages=1)) as one:
        assert texts(one.submit([draft(1, LONG)]).result())
    assert "could not be started" in caplog.text


@pytest.mark.parametrize("pages", [1, MANY])
def test_a_fault_of_ours_ends_the_run_wherever_it_happens(two_cores: None, pages: int) -> None:
    many = Workers(replace(RECIPE, tokenizer=Faulty()), pages)
    with closing(many), pytest.raises((KeyError, RuntimeError), match="a fault"):
        many.submit([draft(1)]).result()


def test_where_no_process_can_be_started_a_thread_converts(
    two_cores: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with closing(Workers(RECIPE, MANY)) as many:
        assert many.pids == []
        assert texts(many.submit([draft(1)]).result())
    assert "going on with 0" in caplog.text


def test_closing_ends_the_processes(two_cores: None) -> None:
    many = Workers(RECIPE, MANY)
    watched = [os.pidfd_open(pid) for pid in many.pids]
    many.close()
    many.close()
    assert ended(watched)


def test_the_processes_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, time\n"
        "from confluence_mirror.mirror import workers\n"
        "from tests.mirror.test_workers import MANY, RECIPE\n"
        "workers.cores = lambda: 2\n"
        "print(*workers.Workers(RECIPE, MANY).pids, flush=True)\n"
        "sys.stdin.read()\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    )
    assert run.stdout is not None
    assert run.stdin is not None
    watched = [os.pidfd_open(int(pid)) for pid in run.stdout.readline().split()]
    assert len(watched) == 2
    run.kill()
    run.wait()
    run.stdin.close()
    run.stdout.close()
    assert ended(watched)


def ended(descriptors: Sequence[int]) -> bool:
    """Whether all of these processes end, given time enough."""
    for descriptor in descriptors:
        if not select.select([descriptor], [], [], 60)[0]:
            return False
        os.close(descriptor)
    return True


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", 64), ("100000 100000", 1), ("50000 100000", 1), ("", 64)]
)
def test_the_quota_of_a_container_bounds_the_cores(tmp_path: Path, quota: str, most: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert 1 <= cores(file) <= most
    assert cores(file) == min(most, cores(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("most", "used", "left"), [(2**30, 2**29, 2**29 * 4 // 5), (2**30, 2**30, 2**28)]
)
def test_the_memory_of_a_container_bounds_a_worker(
    tmp_path: Path, most: int, used: int, left: int
) -> None:
    (tmp_path / "memory.max").write_text(f"{most}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    assert memory_left(tmp_path) == left
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_left(tmp_path) == memory_left(tmp_path / "absent") > 2**28
