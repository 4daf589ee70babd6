"""Real servers, each in an environment of its own: installed beforehand, see
``scripts/llama_stack/run_tests.py``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluence_mirror.stores.llama.store import LlamaStore

SCRIPT = Path(__file__).parents[2] / "scripts" / "llama_stack" / "server.py"


def servers() -> list[tuple[str, str]]:
    """Versions and providers to try, from ``LLAMA_STACK_SERVERS`` (``0.2.23=/path/of/its/venv
    …``)."""
    return [
        (version, provider) for version in _environments() for provider in ("sqlite-vec", "faiss")
    ]


def _environments() -> dict[str, str]:
    named = os.environ.get("LLAMA_STACK_SERVERS", "").split()
    return {version: venv for version, _, venv in (each.partition("=") for each in named)}


class RealServer:
    """A server of this version, running from ``start`` (or ``with``) to ``stop``; its state
    outlives a restart."""

    def __init__(self, version: str, provider: str, state: Path) -> None:
        self.version = version
        self.provider = provider
        self.state = state
        self.base_url = ""
        self._pids: list[int] = []

    @property
    def prefix(self) -> str:
        """Address of the OpenAI-like routes."""
        return (
            f"{self.base_url}/v1/openai/v1"
            if self.version.startswith("0.2.")
            else f"{self.base_url}/v1"
        )

    def start(self) -> RealServer:
        port = self.base_url.rpartition(":")[2] or "0"
        options = [
            "--version",
            self.version,
            "--venv",
            _environments()[self.version],
            "--provider",
            self.provider,
        ]
        done = subprocess.run(
            [
                sys.executable,
                str(SCRIPT),
                "start",
                *options,
                "--state",
                str(self.state),
                "--port",
                port,
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = json.loads(done.stdout)
        self.base_url, self._pids = started["base_url"], started["pids"]
        return self

    def stop(self) -> None:
        subprocess.run([sys.executable, str(SCRIPT), "stop", str(self.state)], check=True)

    def kill(self) -> None:
        """At once, as a node dies. (``stop`` sees to workers that outlive it.)"""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        self.stop()

    def __enter__(self) -> RealServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def store(self, **options: Any) -> LlamaStore:
        """The store as a run opens it, with the users' own client."""
        return LlamaStore(
            self.base_url, **({"embedding_model": "all-MiniLM-L6-v2", "timeout": 60} | options)
        )
