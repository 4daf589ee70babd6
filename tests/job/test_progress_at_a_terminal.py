"""A person at a terminal sees at once that the run goes on, and is answered at once by Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.job.conftest import Make
from tests.job.harness import ROOT, Job
from tests.job.test_signals import rows


class Seen:
    """A run in a terminal of its own, and what it writes there."""

    def __init__(self, job: Job, *options: str, **changes: str) -> None:
        job.folder.mkdir(parents=True, exist_ok=True)
        self._own, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *options, str(ROOT / "sync.py")],
            cwd=job.folder,
            env=job.environ(TERM="xterm", **changes),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.text = ""

    def read_until(self, found: Callable[[str], Any]) -> None:
        """Or to the end."""
        while not found(self.text):
            try:
                piece = os.read(self._own, 65536)
            except OSError:  # the terminal is closed
                return
            if not piece:
                return
            self.text += piece.decode("utf-8", "replace")

    def end(self) -> int:
        self.read_until(lambda _text: False)
        os.close(self._own)
        return self.process.wait(20)


def test_the_line_is_there_before_what_a_run_needs_is_imported_and_wiped_before_the_summary(
    make: Make,
) -> None:
    job = make()
    seen = Seen(job, "-X", "importtime", LOG_LEVEL="WARNING")
    job.store.before = lambda _number: seen.read_until(lambda text: "0:01" in text)
    assert seen.end() == 0
    line = seen.text.index("0:00 starting")
    for module in ("argparse", "confluence_mirror.settings", "requests", "tiktoken"):
        imported = re.search(rf"\| +{re.escape(module)}\r?\n", seen.text)
        assert imported, module
        assert line < imported.start(), module
    last = seen.text.rstrip().splitlines()[-1]
    assert last.split("\r")[-1].startswith("mirrored 9 pages")


def interrupted(job: Job, again: bool) -> Seen:
    """A run that is interrupted while the store works on a write, and once more when it has
    answered to that."""
    begun = []

    def press(_number: int) -> None:
        if begun or not rows(job):
            return
        begun.append(True)
        os.kill(seen.process.pid, signal.SIGINT)
        seen.read_until(lambda text: "again to stop now" in text)
        if again:
            os.kill(seen.process.pid, signal.SIGINT)
            seen.end_code = seen.process.wait(20)  # type: ignore[attr-defined]

    job.store.before = press
    seen = Seen(job, BATCH_SIZE="3")
    seen.code = seen.end()  # type: ignore[attr-defined]
    job.store.before = lambda _number: None
    return seen


@pytest.mark.long
def test_ctrl_c_is_answered_at_once_and_the_batch_in_hand_is_finished(make: Make) -> None:
    job = make()
    seen = interrupted(job, again=False)
    assert "Stopping: finishing the batch in hand; again to stop now." in seen.text
    assert "the batch in hand was finished and committed" in " ".join(seen.text.split())
    assert seen.code == 130  # type: ignore[attr-defined]


def test_a_second_ctrl_c_ends_the_run_while_the_store_says_nothing_and_the_next_run_is_exact(
    make: Make,
) -> None:
    job = make()
    seen = interrupted(job, again=True)
    assert seen.code == 130  # type: ignore[attr-defined]
    assert "Stopped" in seen.text.partition("again to stop now.")[2]
    job.here()
    job.here("--verify")
