"""Two mirrors open in one process: runs side by side, one log, and the secrets of both masked."""

from __future__ import annotations

import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confluence_mirror import logs
from confluence_mirror.errors import Exit, Terminated
from confluence_mirror.progress import Silent
from confluence_mirror.runs import Mirror, Shared, json_report, open_mirror
from confluence_mirror.search import Question
from confluence_mirror.settings import Settings
from confluence_sandbox import SampleGateway
from tests.job.conftest import Serve, two_spaces
from tests.job.harness import Job, as_before, held
from tests.mirror.conftest import small_site


def mirror_of(job: Job, shared: Shared, progress: HeldAtWriting | None = None) -> Mirror:
    settings, _ = Settings.load(job.environ(), job.folder, in_container=False)
    return open_mirror(settings, shared, progress=progress)


def test_two_mirrors_run_in_two_threads_and_the_secrets_of_both_are_masked(
    serve: Serve, tmp_path: Path
) -> None:
    log = io.StringIO()
    with (
        SampleGateway(two_spaces(), token="first-token-1") as first,
        SampleGateway(small_site(7), token="second-token-2") as second,
        as_before(),
        ThreadPoolExecutor(2) as threads,
    ):
        shared = Shared(mask=logs.configure_logging("text", "INFO", log))
        jobs = [
            Job(tmp_path / name, gateway, server.url, server=server)
            for name, gateway in (("first", first), ("second", second))
            for server in [serve()]
        ]
        mirrors = [mirror_of(job, shared) for job in jobs]
        outcomes = list(threads.map(Mirror.sync, mirrors))
        logging.getLogger("confluence_mirror").warning(
            "said: %s and %s", "first-token-1", "second-token-2"
        )
        proofs = list(threads.map(Mirror.verify, mirrors))

    assert [outcome.exit for outcome in (*outcomes, *proofs)] == [Exit.OK] * 4
    assert [outcome.report.listed for outcome in outcomes] == [9, 7]
    for job, outcome in zip(jobs, outcomes, strict=True):
        assert len(held(job.store, "confluence")) == outcome.report.chunks["sent"] > 0
        outcome.report.warn("second-token-2")
        assert "second-token-2" not in str(json_report.to_json(outcome.report))
    assert "said: *** and ***" in log.getvalue()


class HeldAtWriting(Silent):
    """A run's progress, by which it is held before its first write."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()

    def phase(self, name: str, of: int | None = None) -> None:
        if name == "writing":
            self.reached.set()
            assert self.let_go.wait(60)


def test_a_stop_ends_a_run_of_another_thread_also_after_the_other_run_has_ended(
    serve: Serve, tmp_path: Path
) -> None:
    held_back = HeldAtWriting()
    with SampleGateway(two_spaces()) as gateway, ThreadPoolExecutor(2) as threads:
        first, second = (
            Job(tmp_path / name, gateway, server.url, server=server)
            for name in ("first", "second")
            for server in [serve()]
        )
        shared = Shared()
        slow = threads.submit(mirror_of(second, shared, held_back).sync)
        assert held_back.reached.wait(60)
        quick = threads.submit(mirror_of(first, shared).sync).result(60)
        shared.stop.request(Terminated("Stopped by SIGTERM."), Terminated("In a batch."))
        held_back.let_go.set()
        stopped = slow.result(60)
        assert (quick.exit, stopped.exit) == (Exit.OK, Exit.TERMINATED)
        assert stopped.report.chunks["sent"] == 0
        assert mirror_of(first, shared).verify().exit == Exit.TERMINATED
        assert mirror_of(second, Shared()).sync().exit == Exit.OK
        assert held(second.store, "confluence") == held(first.store, "confluence")


def test_a_run_that_fails_is_an_outcome_and_the_next_one_goes_on(
    serve: Serve, tmp_path: Path
) -> None:
    with SampleGateway(two_spaces()) as gateway:
        job = Job(tmp_path, gateway, serve().url)
        mirror = mirror_of(job, Shared())
        gateway.fault("/wiki/api/v2/spaces", status=401)
        refused = mirror.sync()
        gateway.faults.clear()
        planned = mirror.plan()
        assert (refused.exit, planned.exit) == (Exit.PERMISSION, Exit.OK)
        assert refused.problem
        assert refused.hint
        assert len(planned.report.plan["add"]) == 9
        assert mirror.sync().report.added == 9
        found = mirror.search(Question("Part 1 of 3", limit=3))
        assert found.answer is not None
        assert len(found.answer.results) == 3
        assert mirror.purge().report.removed == 9
        assert mirror.verify().exit == Exit.STATE
