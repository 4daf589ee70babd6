"""SIGTERM ends a run within seconds wherever it waits: its code, one line, and nothing lost."""

from __future__ import annotations

import fcntl
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confluence_mirror.mirror import workers
from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve
from tests.job.harness import ROOT, Job
from tests.mirror.conftest import body
from tests.servers.embedding import EmbeddingServer, Moods
from tests.servers.silent import Silent, silent

pytestmark = pytest.mark.long

HURRIED = "from confluence_mirror.cli import signals; signals.GRACE_S, signals.LAST_S = 0.2, 1.5; signals.sync()"


class HurriedJob(Job):
    """The job, with less patience after a signal."""

    def command(self, *arguments: str) -> list[str]:
        return [
            sys.executable,
            "-W",
            "error",
            "-c",
            f"import sys; sys.path[0] = {str(ROOT)!r}; {HURRIED}",
            *arguments,
        ]


NEVER_CONVERTS = (
    "import socket, time; socket.create_connection(('127.0.0.1', {port})).send(b'.'); "
    "time.sleep(600)"
)
"""The program of a converting process that says that it has begun, and is never done."""


class StuckJob(HurriedJob):
    """The job, whose long pages are never converted."""

    port = 0

    def command(self, *arguments: str) -> list[str]:
        *start, program = super().command()
        stuck = f"workers._BEGIN = {NEVER_CONVERTS.format(port=self.port)!r}"
        imports = "from confluence_mirror.mirror import workers"
        place, _, rest = program.partition("; from ")
        return [*start, f"{place}; {imports}; {stuck}; from {rest}", *arguments]


@pytest.fixture
def job(gateway: SampleGateway, tmp_path: Path) -> Job:
    return HurriedJob(tmp_path / "job", gateway, env={"REQUEST_TIMEOUT": "600"})


@pytest.fixture
def nobody() -> Iterator[Silent]:
    with silent() as server:
        yield server


@pytest.fixture
def model() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(**{"bge-m3": 48}) as server:
        yield server


def stopped(process: subprocess.Popen[str], heard: threading.Event, *, code: int = 143) -> str:
    """What the process says when it is told to stop, as soon as it is where it should be
    stopped."""
    assert heard.wait(60)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, out + err
    assert "Traceback" not in out + err
    return out + err


def on_chroma(model_url: str, folder: Path) -> dict[str, str]:
    return {
        "STORE": "embedded",
        "STORE_PATH": str(folder / "store"),
        "EMBEDDING_BASE_URL": model_url,
        "EMBEDDING_MODEL_ID": "bge-m3",
    }


def test_in_its_first_second(job: Job) -> None:
    job.folder.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", str(ROOT / "sync.py")],
        cwd=job.folder,
        env=job.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    for line in process.stderr:
        if line.rpartition("|")[2].strip() == "argparse":  # the first that the command line imports
            process.send_signal(signal.SIGTERM)
            break
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in out + err
    assert "before anything was done" in err


ADDRESSES: dict[str, Callable[[Silent], dict[str, str]]] = {
    "Confluence": lambda nobody: {"CONF_GATEWAY_URL": nobody.url},
    "a Vector API": lambda nobody: {"VECTOR_API_BASE_URL": nobody.url},
    "a Chroma server": lambda nobody: {"CHROMA_URL": nobody.url},
    "PostgreSQL as a store": lambda nobody: {
        "PGVECTOR_URL": f"postgresql://me@127.0.0.1:{nobody.port}/x"
    },
    "PostgreSQL as the manifest": lambda nobody: {
        "STATE_URL": f"postgresql://me@127.0.0.1:{nobody.port}/x"
    },
}


@pytest.mark.parametrize("what", ADDRESSES)
def test_while_it_connects_to(
    job: Job, serve: Serve, nobody: Silent, model: EmbeddingServer, what: str
) -> None:
    env = ADDRESSES[what](nobody)
    if "CONF_GATEWAY_URL" in env or "STATE_URL" in env:
        env["VECTOR_API_BASE_URL"] = serve().url
    else:
        env |= {"EMBEDDING_BASE_URL": model.url, "EMBEDDING_MODEL_ID": "bge-m3"}
    assert "Stopped" in stopped(job.start(**env), nobody.heard)


def test_while_a_page_is_converted_and_the_next_run_goes_on(
    gateway: SampleGateway, serve: Serve, nobody: Silent, tmp_path: Path
) -> None:
    gateway.site.add("OPS", "Long", "<p>word</p>" * (workers.LONG_BODY // 11 + 1))
    job = StuckJob(tmp_path / "job", gateway, serve().url)
    job.port = nobody.port
    assert "Stopped by SIGTERM" in stopped(job.start(), nobody.heard)
    report = job.night()
    assert report["pages"]["listed"] == len(gateway.site.current())
    assert report["pages"]["failed"] == 0
    job.here("--verify")


@pytest.mark.chroma
def test_while_an_embedding_server_does_not_answer_and_the_next_run_goes_on(
    job: Job, nobody: Silent, model: EmbeddingServer
) -> None:
    said = stopped(job.start(**on_chroma(nobody.url, job.folder)), nobody.heard)
    assert (
        "Stopped by SIGTERM in the middle of a batch" in said
        or "Stopped by SIGTERM: the batch" in said
    )
    job.env = on_chroma(model.url, job.folder)
    job.here()
    job.here("--verify")


@pytest.mark.chroma
def test_in_a_pause_that_an_embedding_server_asked_for(job: Job, model: EmbeddingServer) -> None:
    asked = threading.Event()

    def pause(_number: int) -> None:
        asked.set()

    model.before = pause
    model.moods = Moods(loading=10**6, retry_after="600")
    assert "Stopped by SIGTERM" in stopped(job.start(**on_chroma(model.url, job.folder)), asked)


@pytest.mark.chroma
def test_a_time_budget_ends_a_pause_that_an_embedding_server_asked_for(
    job: Job, model: EmbeddingServer
) -> None:
    model.moods = Moods(loading=10**6, retry_after="30")
    done = job.run(expect=75, **on_chroma(model.url, job.folder), RUN_BUDGET_MINUTES="0.1")
    assert "time budget" in done.stderr
    model.moods = Moods()
    job.env = on_chroma(model.url, job.folder)
    job.here()
    job.here("--verify")


@pytest.mark.chroma
def test_a_time_budget_ends_the_wait_for_an_answer(job: Job, nobody: Silent) -> None:
    done = job.run(expect=75, **on_chroma(nobody.url, job.folder), RUN_BUDGET_MINUTES="0.05")
    assert "time budget" in done.stderr


def test_while_another_program_holds_the_manifest(
    job: Job, make: Make, gateway: SampleGateway
) -> None:
    """A call that nothing can interrupt: SQLite waits for its lock by itself."""
    done = make()
    done.here()
    gateway.site.add("OPS", "New today", body(700))
    hurried = HurriedJob(done.folder, gateway, done.store_url, done.env, done.server)
    with sqlite3.connect(done.folder / "manifest.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = hurried.start("--report", "report.json")
        waiting = threading.Event()
        done.store.before = lambda _number: waiting.set()
        said = stopped(process, waiting)
        other.execute("ROLLBACK")
    assert "Stopped" in said
    assert '"exit_code": 143' in (done.folder / "report.json").read_text()
    done.here()
    done.here("--verify")


def test_while_another_run_holds_the_lock(make: Make) -> None:
    job = make(LOCK_WAIT="600")
    job.here()
    hurried = HurriedJob(job.folder, job.gateway, job.store_url, job.env, job.server)
    connected = threading.Event()
    with next(job.folder.glob("*.lock")).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job.store.before = lambda _number: connected.set()
        assert "Stopped by SIGTERM" in stopped(hurried.start(), connected)


def test_a_signal_while_the_report_is_written_changes_nothing(make: Make) -> None:
    job = make()
    with socket.create_server(("127.0.0.1", 0)) as gateway:
        process = job.start(PUSHGATEWAY_URL=f"http://127.0.0.1:{gateway.getsockname()[1]}")
        gateway.settimeout(60)
        connection, _ = gateway.accept()
        with connection:
            connection.recv(1)
            for _ in range(3):
                process.send_signal(signal.SIGTERM)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "Traceback" not in out + err
    assert "mirrored" in err
