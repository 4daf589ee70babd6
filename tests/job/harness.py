"""The job as a user runs it: ``python sync.py`` in a process of its own, with settings in its
environment."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from confluence_mirror import logs
from confluence_mirror.cli import commands
from confluence_mirror.mirror.stop import Stop
from confluence_sandbox import SampleGateway
from tests.servers.vector_api import VectorApiServer

ROOT = Path(__file__).resolve().parents[2]
VOLATILE = frozenset({"version", "modified_at", "chunk_index", "chunk_count"})


@dataclass
class Job:
    """One job's folder and settings. ``state`` holds its manifest; several jobs may share a gateway
    and a store."""

    folder: Path
    gateway: SampleGateway
    store_url: str = ""
    env: dict[str, str] = field(default_factory=dict)
    server: VectorApiServer | None = None

    @property
    def store(self) -> VectorApiServer:
        assert self.server is not None
        return self.server

    def environ(self, **changes: str) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        settings = {
            "CONF_GATEWAY_URL": self.gateway.url,
            "CONF_CLOUD_ID": self.gateway.cloud_id,
            "CONF_USER": self.gateway.user,
            "CONF_API_TOKEN": self.gateway.token,
            "STATE_DIR": str(self.folder),
            "LOCK_WAIT": "0",
        }
        store = {"VECTOR_API_BASE_URL": self.store_url} if self.store_url else {}
        return keep | settings | store | self.env | changes

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "error", str(ROOT / "sync.py"), *arguments]

    def main(self, arguments: Sequence[str]) -> int:
        return commands.main(arguments)

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """In the background."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: str, expect: int = 0, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """To its end, which must be ``expect``."""
        process = self.start(*arguments, **changes)
        out, err = process.communicate(timeout=240)
        assert process.returncode == expect, (
            f"exit {process.returncode} instead of {expect}\n{out}\n{err}"
        )
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run_limited(self, *, file_size: int) -> subprocess.CompletedProcess[str]:
        """To its end, where no file can grow beyond so many bytes."""
        limits = (file_size, file_size)
        return subprocess.run(
            self.command(),
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
        )

    def here(
        self, *arguments: str, expect: int = 0, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """The same command within this process: quicker, where the process is not what is tried."""
        done = self.here_with_a_bug(*arguments, **changes)
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == expect, f"exit {done.returncode} instead of {expect}\n{said}"
        assert "Traceback" not in said, said
        return done

    def here_with_a_bug(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """``here``, where a traceback is no surprise."""
        self.folder.mkdir(parents=True, exist_ok=True)
        out, err = io.StringIO(), io.StringIO()
        with ExitStack() as stack:
            stack.enter_context(only(self.environ(**changes)))
            stack.enter_context(chdir(self.folder))
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            stack.enter_context(as_before())
            stack.enter_context(short_pauses())
            code = self.main(arguments)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def night(self, *arguments: str, expect: int = 0, **changes: str) -> dict[str, Any]:
        """The JSON report of a run within this process."""
        path = self.folder / "report.json"
        self.here(*arguments, "--report", str(path), expect=expect, **changes)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def report(self, *arguments: str, expect: int = 0, **changes: str) -> dict[str, Any]:
        """The JSON report of a run."""
        path = self.folder / "report.json"
        self.run(*arguments, "--report", str(path), expect=expect, **changes)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def pointer(self) -> str:
        return (self.folder / "CURRENT_COLLECTION").read_text(encoding="utf-8").strip()


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What a run says beside its log: an error, its summary."""
    lines = done.stderr.splitlines()
    return "\n".join(line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT\S+Z ", line))


@contextmanager
def only(environ: dict[str, str]) -> Iterator[None]:
    """This environment, and nothing else."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def short_pauses() -> Iterator[None]:
    """What a run waits for, it waits for a hundredth of the time."""
    pause = Stop.pause
    with patch.object(Stop, "pause", lambda stop, seconds: pause(stop, seconds / 100)):
        yield


@contextmanager
def as_before() -> Iterator[None]:
    """Signal handlers and logging as they were."""
    root = logging.getLogger()
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    own = logging.getLogger(logs.LOGGER)
    handlers, level, own_level = list(root.handlers), root.level, own.level
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
        own.setLevel(own_level)
        for number, handler in signals.items():
            signal.signal(number, handler)


def held(
    server: VectorApiServer, collection: str, *, exact: bool = True
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Ids, texts and metadata of a collection on a small server. Fails where an id is there
    twice."""
    kept = next(
        one for one in server.state.collections.values() if collection in (one.id, one.name)
    )
    rows: dict[str, tuple[str, dict[str, Any]]] = {}
    for row in kept.rows:
        chunk_id = str(row.metadata.get("chunk_id", row.id))
        assert chunk_id not in rows, f"chunk {chunk_id} is there twice"
        # The dash variant demands a document_id beside what the contract names.
        metadata = {key: value for key, value in row.metadata.items() if key != "document_id"}
        rows[chunk_id] = (
            row.text,
            {k: v for k, v in metadata.items() if exact or k not in VOLATILE},
        )
    return rows
