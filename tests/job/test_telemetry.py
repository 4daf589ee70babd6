"""Nothing phones home, native code of libraries included, and nothing is left in the home
folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from confluence_mirror.telemetry import SWITCHES
from confluence_sandbox import SampleGateway
from tests.job.conftest import Make
from tests.job.harness import ROOT

pytestmark = pytest.mark.long

Watch: TypeAlias = Callable[..., list[str]]
LOOPBACK = {"127.0.0.1", "::1", "localhost"}

OPTIONAL = """
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
import sys
from confluence_mirror import chunking
from confluence_mirror.embedding import local_embedder

embedder = local_embedder()
embedder(["one text"])
chunking.load_tokenizer("cl100k_base").count_each(["one text"])
names = "chromadb onnxruntime tokenizers huggingface_hub tiktoken psycopg prometheus_client llama_stack_client"
for name in filter(find_spec, names.split()):
    import_module(name)
from chromadb import Settings, PersistentClient
client = PersistentClient(sys.argv[1], settings=Settings(_env_file=None))
client.create_collection("one", embedding_function=None).upsert(ids=["1"], embeddings=[[1.0, 2.0]], documents=["one"])
print("done")
"""
"""Every optional library that is installed, at work as our code has it work, and with Chroma's own
defaults."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The watch, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        # CI has one; there it is no reason to look away.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "name look-ups are watched with a C compiler: none here"
        )
    made = tmp_path_factory.mktemp("watch") / "lookups.so"
    source = ROOT / "tests" / "servers" / "lookups.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"], check=True)
    return made


@pytest.fixture
def watch(library: Path, tmp_path: Path) -> Watch:
    """Run a command to its end with a home of its own; whom it looked up and connected to, loopback
    left out."""

    def run(command: Sequence[str], **environ: str) -> list[str]:
        noted, home = tmp_path / "lookups", tmp_path / "home"
        home.mkdir(exist_ok=True)
        keep = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        watched = {"LD_PRELOAD": str(library), "LOOKUPS": str(noted), "HOME": str(home)}
        done = subprocess.run(
            command,
            env=keep | environ | watched,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert [str(path) for path in home.rglob("*")] == []
        return sorted(set(noted.read_text().splitlines()) - LOOPBACK) if noted.exists() else []

    return run


def test_the_watch_sees_look_ups_of_native_code(watch: Watch) -> None:
    program = "from ctypes import *; CDLL(None).getaddrinfo(b'collector.invalid', None, None, pointer(c_void_p()))"
    assert "collector.invalid" in watch([sys.executable, "-c", program])


@pytest.mark.chroma
def test_a_run_into_the_embedded_store_asks_nobody_else_and_leaves_the_home_empty(
    gateway: SampleGateway, make: Make, watch: Watch
) -> None:
    job = make()
    for each in gateway.site.current()[1:]:
        gateway.site.trash(each.id)
    job.store_url = ""
    environ = job.environ(STORE="embedded", PUSHGATEWAY_URL="http://127.0.0.1:1", SINCE_HOURS="0")
    assert (
        watch(job.command(), **{name: value for name, value in environ.items() if name != "HOME"})
        == []
    )


@pytest.mark.chroma
def test_no_optional_library_asks_anybody(watch: Watch, tmp_path: Path) -> None:
    assert (
        watch([sys.executable, "-c", OPTIONAL, str(tmp_path / "store")], PYTHONPATH=str(ROOT)) == []
    )


def test_the_image_sets_the_same_switches() -> None:
    final = (ROOT / "Containerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    assert dict(re.findall(r"\b(\w+)=(\S+)", final)).items() >= SWITCHES.items()
