"""``ingest_conf.py`` as a user runs it, over a small site and a small Llama Stack."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from confluence_mirror import ingest
from confluence_sandbox import SampleGateway
from tests.ingest.launch import plain_wire
from tests.job.conftest import two_spaces
from tests.job.harness import ROOT, Job
from tests.servers.llama_stack import MODEL, LlamaStackServer
from tests.servers.llama_stack_state import VectorStore

NAME = "conf-known-issues"


@dataclass
class Ingest(Job):
    """The job in its folder. What it is told stands in ``env``."""

    stack: LlamaStackServer = field(kw_only=True)

    def main(self, arguments: Sequence[str]) -> int:
        return ingest.main(arguments)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "error", "-m", "tests.ingest.launch", *arguments]

    def environ(self, **changes: str) -> dict[str, str]:
        return super().environ(**changes) | {"PYTHONPATH": str(ROOT)}

    @property
    def hint(self) -> Path:
        return self.folder / "conf_known_issues.vdb"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.db"

    def stores(self) -> list[str]:
        """The ids of the vector stores on the server, oldest first."""
        return list(self.stack.state.stores)

    def twin(self, name: str = NAME) -> str:
        """One more vector store of a name, as an earlier program left it; its id."""
        return self.stack.state.create(name, MODEL, {}).id

    def held(self, store_id: str) -> int:
        """How many files a vector store holds."""
        return len(self.vector_store(store_id).rows)

    def vector_store(self, store_id: str) -> VectorStore:
        return self.stack.state.stores[store_id]

    def asked(self, answer: bytes | int, *arguments: str, expect: int) -> str:
        """A run at a terminal: ``answer`` is typed at the question, or is the signal that comes
        there.

        What came on its standard error; nothing comes on its standard output.
        """
        self.folder.mkdir(exist_ok=True)
        keyboard, terminal = os.openpty()
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ(),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        given_up = threading.Timer(60, process.kill)
        given_up.start()
        try:
            assert process.stderr is not None
            said = b""
            while b"Type yes:" not in said:
                said += (more := os.read(process.stderr.fileno(), 4096))
                assert more, said.decode()
            if isinstance(answer, int):
                process.send_signal(answer)
            else:
                os.write(keyboard, answer)
            printed, rest = process.communicate()
            said += rest
        finally:
            given_up.cancel()
            process.kill()
            os.close(keyboard)
            os.close(terminal)
        assert process.returncode == expect, said.decode()
        assert b"Traceback" not in said
        assert printed == b""
        return said.decode()


@pytest.fixture
def gateway() -> Iterator[SampleGateway]:
    with SampleGateway(two_spaces()) as gateway:
        yield gateway
        assert not gateway.bugs


@pytest.fixture
def job(
    gateway: SampleGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ingest]:
    monkeypatch.setattr("confluence_mirror.stores.llama.store.ClientWire", plain_wire)
    with LlamaStackServer("0.7.3", "sqlite-vec") as stack:
        env = {"LLAMA_BASE_URL": stack.base_url, "SPACE_NAME": "Operations"}
        yield Ingest(tmp_path / "job", gateway, env=env, stack=stack)
