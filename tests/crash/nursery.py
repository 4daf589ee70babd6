"""Runs of ``sync.py``'s program, each in a process of its own, without paying for the imports each
time.

``python -m tests.crash.nursery`` imports the program once and forks a child for every order that it
reads on standard input, one JSON object a line; it answers ``{"code": …, "moments": […], "peak":
…}``, the code as ``subprocess`` gives it (negative: the number of the signal that killed it). It
has one thread and no open connection, so a child begins as a fresh process would.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.crash.trap import Trap

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    moments: tuple[str, ...]
    """Everything that the trap counted, where the run came to its own end."""
    out: str
    err: str
    peak: int
    """The most memory that it had, in MB."""


class Nursery:
    """The forking process, from the side of the tests. One order at a time; several nurseries run
    side by side."""

    def __init__(self, preload: str = "") -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                "-m",
                "tests.crash.nursery",
                *([preload] if preload else []),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def run(
        self,
        folder: Path,
        env: Mapping[str, str],
        trap: Trap | None = None,
        *arguments: str,
        cpu_seconds: int = 0,
    ) -> Ended:
        """One run in this folder, to whatever end; SIGXCPU is one, after so many seconds of work
        (0: no limit)."""
        folder.mkdir(parents=True, exist_ok=True)
        trap = trap or Trap()
        order = {
            "folder": str(folder),
            "env": dict(env),
            "arguments": arguments,
            "cpu_seconds": cpu_seconds,
            "trap": {
                "nth": trap.nth,
                "number": int(trap.number),
                "on_broken_answer": trap.on_broken_answer,
            },
        }
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, "the nursery ended"
        answer = json.loads(line)
        out, err = (
            (folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err")
        )
        return Ended(answer["code"], tuple(answer["moments"]), out, err, answer["peak"])


def serve() -> None:
    """Read orders until the input ends."""
    from confluence_mirror import chunking
    from confluence_mirror.cli import execution  # noqa: F401
    from confluence_mirror.runs import engine  # noqa: F401
    from confluence_mirror.stores.vector_api import store as vector_api  # noqa: F401

    chunking.load_tokenizer("cl100k_base").count_tokens("warm")
    if "embedded" in sys.argv:
        import chromadb  # noqa: F401
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(order)
        _, status, used = os.wait4(child, 0)
        moments = Path(order["folder"]) / "moments"
        seen = json.loads(moments.read_text(encoding="utf-8")) if moments.exists() else []
        moments.unlink(missing_ok=True)
        code = os.waitstatus_to_exitcode(status)
        print(
            json.dumps({"code": code, "moments": seen, "peak": used.ru_maxrss // 1024}), flush=True
        )


def _child(order: dict[str, Any]) -> None:
    """Never returns."""
    code = 99
    try:
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["env"])
        for number, name in ((0, os.devnull), (1, "out"), (2, "err")):
            opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(opened, number)
        if order["cpu_seconds"]:
            resource.setrlimit(
                resource.RLIMIT_CPU, (order["cpu_seconds"], order["cpu_seconds"] + 1)
            )
        trap = Trap(**order["trap"])
        trap.set()
        _replace_parts()
        from confluence_mirror.cli import commands

        code = commands.main(order["arguments"])
        Path("moments").write_text(json.dumps(trap.moments), encoding="utf-8")
    except BaseException:  # whatever it is, this process must not go on as the nursery
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _replace_parts() -> None:
    """Vectors of hashed words, and a wire that needs no other Python: what is tried is neither
    model nor client."""
    from confluence_mirror.runs import components
    from confluence_mirror.stores.llama import store as llama
    from tests.crash.words import CheapEmbedder
    from tests.llama.wire import RequestsWire

    components.make_embedder = lambda *_: CheapEmbedder()
    llama.ClientWire = lambda url, **_: RequestsWire(url)  # type: ignore[assignment,misc]


if __name__ == "__main__":
    serve()
