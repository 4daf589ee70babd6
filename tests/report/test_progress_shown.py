"""How a run shows that it goes on: never silent, and in true sentences."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator

import pytest

from confluence_mirror import logs, terminal
from confluence_mirror.cli.progress import CommandProgress, LogLines, TerminalLine
from confluence_mirror.cli.progress_text import describe_progress, describe_status
from confluence_mirror.progress import Tracker
from confluence_mirror.status_line import STATUS, StatusLine
from confluence_mirror.waits import Waits
from tests.job.harness import as_before
from tests.report.test_progress_tracked import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waits(clock: Clock) -> Waits:
    return Waits(clock)


@pytest.fixture
def tracker(clock: Clock, waits: Waits) -> Tracker:
    return Tracker(clock, waits)


class Terminal(io.StringIO):
    """What is on its screen is a line per row, each with the last that was written into it."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        rows: list[str] = []
        for row in self.getvalue().split("\n"):
            shown = ""
            for part in row.split("\r"):
                shown = part + shown[len(part) :]
            rows.append(shown.rstrip())
        return rows


Open = Callable[[], Terminal]


@pytest.fixture
def open_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Terminal]]:
    """To be called by the test itself, since pytest has a standard error of its own for each of its
    steps."""

    def opened() -> Terminal:
        made = Terminal()
        monkeypatch.setattr(sys, "stderr", made)
        return made

    yield opened
    STATUS.show("")


def said(tracker: Tracker) -> str:
    return describe_progress(tracker.snapshot())


def test_each_phase_says_how_much_is_done_and_how_long_it_will_take(
    tracker: Tracker, clock: Clock
) -> None:
    lines = [said(tracker)]
    tracker.phase("listing")
    lines.append(said(tracker))
    tracker.listed(1)
    lines.append(said(tracker))
    tracker.listed(1249)
    lines.append(said(tracker))
    tracker.phase("removing", 1)
    lines.append(said(tracker))
    tracker.phase("writing")
    tracker.advance(250)
    lines.append(said(tracker))
    tracker.phase("writing", 1000)
    clock.now += 20
    tracker.sent(700)
    tracker.advance(200)
    lines.append(said(tracker))
    clock.now += 20
    tracker.phase("writing", 60)
    clock.now += 120
    tracker.advance(1)
    lines.append(said(tracker))
    tracker.close()
    lines.append(said(tracker))
    assert lines == [
        "starting",
        "listing",
        "listing 1 page",
        "listing 1,250 pages",
        "removing 0 of 1 page",
        "mirroring 250 pages",
        "mirroring 200 of 1,000 pages, 700 chunks, 10.0 per second, about 1m20s left",
        "mirroring 1 of 60 pages, 700 chunks, 0.5 per minute, about 1h58m left",
        "finishing",
    ]


def test_waiting_says_for_what_and_how_long(tracker: Tracker, clock: Clock, waits: Waits) -> None:
    tracker.phase("listing")
    with waits.announce("Confluence's rate limit", 60):
        clock.now += 20
        assert said(tracker) == "waiting for Confluence's rate limit, 20s so far, 40s to go"
        assert tracker.snapshot().phase == "waiting"
    assert said(tracker) == "listing"


def test_pauses_between_tries_add_up_in_what_is_told(
    tracker: Tracker, clock: Clock, waits: Waits
) -> None:
    for _ in range(3):
        with waits.announce("the vector store: HTTP 503", 30):
            clock.now += 30
    with waits.announce("the vector store: HTTP 503", 30):
        assert said(tracker) == "waiting for the vector store: HTTP 503, 1m30s so far, 30s to go"


def test_a_wait_of_one_thread_is_not_told_while_others_get_on(
    tracker: Tracker, clock: Clock, waits: Waits
) -> None:
    tracker.phase("writing", 10)
    with waits.announce("Confluence's rate limit", 5):
        clock.now += 1
        tracker.advance(1)
        assert tracker.snapshot().phase == "mirroring"


def test_an_answer_that_is_late_is_told_beside_the_work(
    tracker: Tracker, clock: Clock, waits: Waits
) -> None:
    tracker.phase("listing")
    with waits.announce("an answer of models:8080", idle=False):
        clock.now += 2
        assert said(tracker) == "listing"
        clock.now += 5
        assert said(tracker) == "listing, waiting for an answer of models:8080 for 7.0s"
        assert tracker.snapshot().phase == "listing"


def test_what_hangs_without_a_word_is_seen_all_the_same(tracker: Tracker, clock: Clock) -> None:
    tracker.phase("writing", 3)
    clock.now += 125
    assert said(tracker) == "mirroring 0 of 3 pages, nothing has moved for 2m05s"


def test_a_log_has_a_line_for_each_phase_and_one_every_half_minute(
    tracker: Tracker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    shown = LogLines(tracker, clock)
    with caplog.at_level(logging.INFO, "confluence_mirror"):
        shown.phase("listing")
        tracker.phase("listing")
        for second in range(1, 91):
            clock.now += 1
            tracker.listed(10 if second < 70 else 0)
            shown.look()
        shown.phase("writing", 1)
        tracker.phase("writing", 1)
        clock.now += 29
        shown.look()
    assert caplog.messages == [
        "listing",
        "listing 300 pages",
        "listing 600 pages",
        "listing 690 pages",
        "writing: 1 page",
    ]


def test_the_line_of_a_terminal_changes_every_second(tracker: Tracker, clock: Clock) -> None:
    tracker.phase("listing")
    clock.now += 61
    assert describe_status(tracker.snapshot()).startswith("1:01 listing")
    clock.now += 1
    assert describe_status(tracker.snapshot()).startswith("1:02 listing")


def test_what_is_written_stands_above_the_line_which_is_wiped_at_the_end(
    open_screen: Open,
) -> None:
    screen = open_screen()
    STATUS.show("0:01 listing 250 pages")
    terminal.tell("something happened")
    assert screen.screen() == ["something happened", "0:01 listing 250 pages"]
    STATUS.show("0:02 starting")
    assert screen.screen() == ["something happened", "0:02 starting"]
    STATUS.show("")
    assert screen.screen() == ["something happened", ""]


def test_a_log_line_does_not_tear_the_line(
    open_screen: Open,
) -> None:
    screen = open_screen()
    with as_before():
        logs.configure_logging("text", "WARNING", screen)
        STATUS.show("0:01 listing")
        logging.getLogger("confluence_mirror.test").warning("something happened")
    first, last = screen.screen()
    assert first.endswith("WARNING something happened")
    assert last == "0:01 listing"


def test_while_a_person_types_the_line_stays_away(open_screen: Open) -> None:
    screen = open_screen()
    with STATUS.lifted():
        STATUS.show("0:01 starting")
        assert screen.screen() == [""]
    assert screen.screen() == ["0:01 starting"]


def test_a_line_is_never_wider_than_the_terminal(open_screen: Open) -> None:
    screen = open_screen()
    StatusLine().show("x" * 500)
    assert len(screen.screen()[0]) == 79


def test_a_terminal_that_hung_up_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Gone())
    StatusLine().show("0:01 listing")


@pytest.mark.parametrize(
    ("log_format", "looks", "kind"),
    [("text", True, TerminalLine), ("json", True, LogLines), ("text", False, LogLines)],
)
def test_a_line_is_for_a_person_who_looks_a_log_for_all_others(
    monkeypatch: pytest.MonkeyPatch, log_format: str, looks: bool, kind: type
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal() if looks else io.StringIO())
    progress = CommandProgress()
    progress.show(log_format)  # type: ignore[arg-type]
    assert isinstance(progress._shown, kind)
    progress.end(0)
