"""The ledger under several workers and a clock of its own: nothing is lost, nothing is done
twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from confluence_mirror.service.db.database import Database, migrate, open_database
from confluence_mirror.service.db.tables import Connection, Folder, Mirror, Run
from confluence_mirror.service.runs.ledger import FINAL, Ledger, Progress, Taken
from confluence_mirror.service.runs.outcomes import Ending, judge_ending
from confluence_mirror.service.settings import load

LEASE_S = 30.0


class Desk:
    """A ledger with mirrors, whose clock stands until it is moved."""

    def __init__(self, folder: Path, mirrors: int = 2) -> None:
        self.database: Database = open_database(
            load({"STATE_DIR": str(folder)}, folder).service, folder
        )
        migrate(self.database)
        self.time = 1000.0
        self.ledger = Ledger(
            self.database, lease_s=LEASE_S, clock=lambda _session: self.time, jitter=lambda: 0.0
        )
        self.mirrors = [f"m{number}" for number in range(mirrors)]
        with self.database.writing() as session:
            session.add(
                Connection(
                    id="c", workspace="w", name="", deployment="cloud", method="token",
                    cloud_id="", site_url="", account_id="", account_name="", user_name="",
                    secret="", state="ok", checked_at=0, created_at=0,
                )
            )  # fmt: skip
            session.add(
                Folder(
                    id="f", workspace="w", name="", standard=True, paused=False, readers=[],
                    created_at=0,
                )
            )  # fmt: skip
            session.flush()
            for name in self.mirrors:
                session.add(
                    Folder(
                        id=f"f-{name}", workspace="w", name="", standard=False, paused=False,
                        readers=[], created_at=0,
                    )
                )  # fmt: skip
                session.flush()
                session.add(
                    Mirror(
                        id=name, workspace="w", folder_id=f"f-{name}", connection_id="c",
                        collection=name, created_at=0,
                    )
                )  # fmt: skip

    def enqueue(self, mirror: str, pages: list[str] | None = None) -> str:
        with self.database.writing() as session:
            found = session.get_one(Mirror, mirror)
            return self.ledger.enqueue(session, found, "manual", pages=pages).id

    def take(self) -> Taken:
        taken = self.ledger.take("worker")
        assert taken is not None
        return taken

    def run(self, run_id: str) -> Run:
        with self.database.reading() as session:
            return session.get_one(Run, run_id)

    def count(self, *where: object) -> int:
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Run).where(*where)) or 0  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_is_asked_for_twice_is_one_run(desk: Desk) -> None:
    first = desk.enqueue("m0", ["1"])
    assert desk.enqueue("m0", ["2"]) == first
    assert desk.run(first).pages == ["1", "2"]
    assert desk.enqueue("m0") == first
    assert desk.run(first).pages is None


def test_a_mirror_runs_once_at_a_time_and_others_meanwhile(desk: Desk) -> None:
    desk.enqueue("m0")
    running = desk.take()
    waiting = desk.enqueue("m0")
    assert waiting != running.run_id
    assert desk.ledger.take("other") is None
    desk.enqueue("m1")
    assert desk.take().mirror_id == "m1"
    desk.ledger.finish(running, "done", Ending(0))
    assert desk.take().run_id == waiting


def test_a_dead_worker_s_run_is_taken_over_and_the_dead_write_nothing(desk: Desk) -> None:
    run_id = desk.enqueue("m0")
    frozen = desk.take()
    assert desk.ledger.renew(frozen, Progress("mirroring", None, {"i": (5, 3)})) is True
    desk.time += LEASE_S + 1
    heir = desk.take()
    assert (heir.run_id, desk.run(run_id).attempts) == (run_id, 2)
    assert desk.ledger.renew(frozen) is None
    assert not desk.ledger.finish(frozen, "failed", Ending(70))
    assert desk.ledger.renew(heir, Progress("listing", None, {"i": (4, 4)})) is True
    assert desk.run(run_id).counts == {"i": [5, 4]}
    assert desk.ledger.finish(heir, "done", Ending(0))
    assert desk.run(run_id).status == "done"


def test_a_run_that_cannot_end_is_tried_eight_times_then_failed(desk: Desk) -> None:
    run_id = desk.enqueue("m0")
    tries = 0
    while (status := desk.run(run_id).status) == "queued":
        desk.time = max(desk.time, desk.run(run_id).due_at)
        verdict, ending = judge_ending(69, {"problem": "The store is away.", "hint": "Wait."})
        desk.ledger.finish(desk.take(), verdict, ending)
        tries += 1
    assert (status, tries, desk.run(run_id).problem) == ("failed", 8, "The store is away.")


@pytest.mark.parametrize(
    ("code", "status", "needs"),
    [
        (0, "done", None),
        (65, "failed", "approval"),
        (77, "failed", "credential"),
        (78, "failed", "settings"),
        (70, "failed", None),
        (74, "failed", None),
        (69, "queued", None),
        (75, "queued", None),
        (143, "queued", None),
        (-9, "queued", None),
    ],
)
def test_the_exit_code_is_the_outcome(
    desk: Desk, code: int, status: str, needs: str | None
) -> None:
    run_id = desk.enqueue("m0")
    verdict, ending = judge_ending(code, None)
    desk.ledger.finish(desk.take(), verdict, ending)
    run = desk.run(run_id)
    assert (run.status, run.needs) == (status, needs)


def test_a_worker_that_leaves_gives_its_run_back_without_an_attempt(desk: Desk) -> None:
    run_id = desk.enqueue("m0")
    verdict, ending = judge_ending(143, None, ordered="released")
    desk.ledger.finish(desk.take(), verdict, ending)
    run = desk.run(run_id)
    assert (run.status, run.attempts, run.due_at) == ("queued", 0, desk.time)


def test_a_retry_does_the_work_of_what_was_queued_meanwhile(desk: Desk) -> None:
    first = desk.enqueue("m0", ["1"])
    taken = desk.take()
    second = desk.enqueue("m0", ["2"])
    desk.ledger.finish(taken, *judge_ending(75, None))
    assert desk.run(first).pages == ["1", "2"]
    desk.time += 60
    desk.ledger.finish(desk.take(), "done", Ending(0))
    assert [desk.run(each).status for each in (first, second)] == ["done", "done"]


def test_a_cancel_ends_what_waits_at_once_and_what_runs_by_its_worker(desk: Desk) -> None:
    running, waiting = desk.enqueue("m0"), desk.enqueue("m1")
    taken = desk.take()
    with desk.database.writing() as session:
        desk.ledger.cancel(session, "m0")
        desk.ledger.cancel(session, "m1")
    assert desk.run(waiting).status == "cancelled"
    assert desk.ledger.renew(taken) is False
    desk.ledger.finish(taken, *judge_ending(143, None, ordered="cancelled"))
    assert desk.run(running).status == "cancelled"


class Workers(RuleBasedStateMachine):
    """Runs come, workers take, freeze, die and end them, at any moment."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self.folder.name))
        self.asked: set[str] = set()
        self.held: list[Taken] = []

    @rule(mirror=st.sampled_from(["m0", "m1"]), pages=st.none() | st.lists(st.sampled_from("123")))
    def enqueue(self, mirror: str, pages: list[str] | None) -> None:
        self.asked.add(self.desk.enqueue(mirror, pages))

    @rule()
    def take(self) -> None:
        if (taken := self.desk.ledger.take("w")) is not None:
            self.held.append(taken)

    @rule(data=st.data(), code=st.sampled_from([0, 65, 69, 75, 70, -9]))
    def finish(self, data: st.DataObject, code: int) -> None:
        if self.held:
            taken = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
            self.desk.ledger.finish(taken, *judge_ending(code, None))

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        if self.held:
            self.desk.ledger.renew(self.held[data.draw(st.integers(0, len(self.held) - 1))])

    @rule(seconds=st.sampled_from([1.0, 20.0, 40.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.desk.time += seconds

    @rule(mirror=st.sampled_from(["m0", "m1"]))
    def cancel(self, mirror: str) -> None:
        with self.desk.database.writing() as session:
            self.desk.ledger.cancel(session, mirror)

    @invariant()
    def one_of_each_per_mirror(self) -> None:
        if not hasattr(self, "desk"):
            return
        for status in ("queued", "running"):
            for mirror in self.desk.mirrors:
                where = (Run.mirror_id == mirror, Run.status == status, Run.merged_into.is_(None))
                assert self.desk.count(*where) <= 1

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        for _ in range(100):
            self.desk.time += 4000
            while (taken := self.desk.ledger.take("last")) is not None:
                self.desk.ledger.finish(taken, "done", Ending(0))
            if self.desk.count(Run.status.in_(("queued", "running"))) == 0:
                break
        for run_id in self.asked:
            assert self.desk.run(run_id).status in FINAL
        self.desk.database.close()
        self.folder.cleanup()


@pytest.mark.service
def test_every_run_ends_and_no_mirror_has_two_at_once() -> None:
    run_state_machine_as_test(
        Workers, settings=settings(max_examples=15, stateful_step_count=25, deadline=None)
    )
