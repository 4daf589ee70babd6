"""No answer of any server ends in a traceback or as a bug of ours, and one good night later all is
right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from confluence_mirror.errors import Exit
from confluence_mirror.net.retry import RetryPolicy
from confluence_mirror.stores.llama import store as llama
from confluence_sandbox import SampleGateway
from tests.ingest.launch import plain_wire
from tests.job.conftest import page
from tests.job.harness import Job
from tests.job.places import embeds
from tests.mirror.conftest import body, small_site
from tests.servers.chroma import running_chroma
from tests.servers.embedding import EmbeddingServer
from tests.servers.llama_stack import LlamaStackServer
from tests.servers.spoiler import DAMAGES, Spoiler, spoiling
from tests.servers.vector_api import VectorApiServer

pytestmark = pytest.mark.long

ROUNDS = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 1
EXPECTED = set(Exit) - {Exit.BUG, Exit.USAGE, Exit.DRIFT, Exit.INTERRUPTED, Exit.TERMINATED}
Scene = tuple[Job, Spoiler]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults are told without the pauses between attempts; how long those are is tried
    elsewhere."""
    monkeypatch.setattr(RetryPolicy, "seconds_before_next", lambda *_: 0.0)
    monkeypatch.setattr("confluence_mirror.confluence.limiter.Limiter.hold_all", lambda *_: None)


@pytest.fixture
def enter() -> Iterator[Callable[..., object]]:
    with ExitStack() as stack:
        yield stack.enter_context


def scene_of(kind: str, enter: Callable[..., object], folder: Path) -> Scene:
    """A job over six pages, and the spoiler that stands before one of its servers."""
    gateway = enter(SampleGateway(small_site(6)))
    assert isinstance(gateway, SampleGateway)
    job = Job(folder, gateway, env={"REQUEST_TIMEOUT": "5"})

    def before(url: str) -> Spoiler:
        spoiler = enter(spoiling(url))
        assert isinstance(spoiler, Spoiler)
        return spoiler

    if kind.startswith("llama"):
        stack = enter(LlamaStackServer(kind.removeprefix("llama "), "faiss"))
        assert isinstance(stack, LlamaStackServer)
        spoiler = before(stack.base_url)
        job.env["LLAMA_BASE_URL"] = spoiler.url
        return job, spoiler
    if kind in ("embedder", "chroma"):
        model = enter(EmbeddingServer(**{"bge-m3": 16}))
        assert isinstance(model, EmbeddingServer)
        job.env |= embeds(model)
        if kind == "chroma":
            pytest.importorskip("chromadb", reason="the chroma extra is not installed")
            spoiler = before(enter(running_chroma(folder / "chroma")).url)  # type: ignore[attr-defined]
            job.env["CHROMA_URL"] = spoiler.url
            return job, spoiler
        pytest.importorskip("chromadb", reason="the chroma extra is not installed")
        spoiler = before(model.url.removesuffix("/v1"))
        job.env |= {"EMBEDDING_BASE_URL": f"{spoiler.url}/v1", "STORE": "embedded"}
        return job, spoiler
    job.server = enter(VectorApiServer("dash" if kind == "dash" else "underscore"))  # type: ignore[assignment]
    job.store_url = job.store.url
    if kind == "confluence":
        spoiler = before(gateway.url)
        job.env["CONF_GATEWAY_URL"] = spoiler.url
        return job, spoiler
    spoiler = before(job.store_url)
    job.store_url = spoiler.url
    return job, spoiler


KINDS = ("confluence", "underscore", "dash", "llama 0.2.23", "llama 0.7.3", "chroma", "embedder")


def damages(kind: str) -> list[str]:
    """Every second one, in ``make test``: another half for every second server."""
    every = [*DAMAGES, "headers"]
    return every if ROUNDS > 1 else every[KINDS.index(kind) % 2 :: 2]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.chroma if kind in ("chroma", "embedder") else ())
        for kind in KINDS
    ],
)
def test_no_answer_of_a_server_ends_in_a_traceback_or_as_a_bug(
    kind: str, enter: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama, "ClientWire", plain_wire)
    job, spoiler = scene_of(kind, enter, tmp_path / "job")
    job.here()
    site, wrong, spoilt = job.gateway.site, [], 0
    for number in range(ROUNDS):
        for damage in damages(kind):
            site.edit(page(site, "Page 1"), body(1000 + 37 * number + spoilt))
            spoiler.begin(damage, number)
            done = job.here_with_a_bug("--allow-mass-delete")
            spoilt += spoiler.spoilt
            if done.returncode not in EXPECTED or "Traceback" in done.stdout + done.stderr:
                said = done.stdout + done.stderr
                wrong.append(
                    f"{damage}: {done.returncode}\n{said[said.find('Traceback') :][-3000:]}"
                )
    assert not wrong, "\n".join(wrong).encode(errors="backslashreplace").decode()
    assert spoilt > len(DAMAGES) // 2
    spoiler.begin("")
    job.here_with_a_bug("--repair")
    job.here("--full")
    if kind != "dash":  # which cannot be read back
        job.here("--verify")
