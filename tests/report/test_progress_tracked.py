"""What is known of a run at any moment, and what its progress file says of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.cli.progress_file import ProgressFile
from confluence_mirror.progress import Tracker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def states(tracker: Tracker, path: Path) -> dict[str, Any]:
    ProgressFile(path, tracker).write()
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert found.pop("at")
    return found


def test_the_file_says_where_a_run_is_from_its_start_to_its_exit_code(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "progress.json"
    tracker = Tracker(clock)
    seen = [states(tracker, path)]
    tracker.phase("listing")
    tracker.listed(1250)
    seen.append(states(tracker, path))
    tracker.phase("removing", 3)
    seen.append(states(tracker, path))
    tracker.phase("writing", 1000)
    tracker.sent(700)
    clock.now += 20
    tracker.advance(200)
    seen.append(states(tracker, path))
    tracker.close()
    seen.append(states(tracker, path))
    tracker.end(75)
    tracker.end(0)
    seen.append(states(tracker, path))
    assert seen == [
        {"phase": phase, "done": done, "total": total, "chunks": chunks, "eta_seconds": eta} | more
        for phase, done, total, chunks, eta, more in (
            ("starting", 0, None, 0, None, {}),
            ("listing", 1250, None, 0, None, {}),
            ("removing", 0, 3, 0, None, {}),
            ("mirroring", 200, 1000, 700, 80, {}),
            ("finishing", 0, None, 700, None, {}),
            ("done", 0, None, 700, None, {"exit_code": 75}),
        )
    ]


def test_the_time_that_is_left_follows_the_last_minute_not_the_first_one() -> None:
    clock = Clock()
    tracker = Tracker(clock)
    tracker.phase("writing", 10_000)
    for second in range(1, 601):
        clock.now += 1
        tracker.advance(second * 10 if second <= 300 else 3000 + second - 300)
    shown = tracker.snapshot()
    assert shown.per_second == pytest.approx(1.0)
    assert shown.eta_s == pytest.approx(10_000 - 3300)


def test_counts_of_a_phase_never_go_down_and_their_total_may_come_later() -> None:
    tracker = Tracker(Clock())
    tracker.phase("writing")
    tracker.advance(5)
    tracker.advance(3)
    assert (tracker.snapshot().done, tracker.snapshot().total) == (5, None)
    tracker.advance(6, of=40)
    assert (tracker.snapshot().done, tracker.snapshot().total) == (6, 40)


def test_a_file_that_cannot_be_written_is_one_warning_once_there_is_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    shown = ProgressFile(tmp_path / "file" / "progress.json", Tracker())
    with caplog.at_level(logging.WARNING, "confluence_mirror"):
        shown.write()
        assert not caplog.messages
        shown.warns = True
        shown.write()
        shown.write()
    (line,) = caplog.messages
    assert line.startswith("Progress could not be written to ")
    assert line.endswith("The run goes on without it.")
