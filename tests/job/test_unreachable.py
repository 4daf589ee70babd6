"""Who could not be reached and why is told apart, for every server that a run asks; credentials
stay out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from confluence_mirror.net.retry import RetryPolicy
from confluence_mirror.stores.llama import store as llama
from tests.ingest.launch import plain_wire
from tests.job.conftest import Make
from tests.job.harness import Job
from tests.servers.sockets import CERTIFICATE, answer, dripping, refusing, saying, silent, talking

pytestmark = pytest.mark.long

SECRET = "canary-password-77"
Enter = Callable[[AbstractContextManager[str]], str]

CLIENTS = {
    "the gateway": ("CONF_GATEWAY_URL", {}),
    "the Vector API": ("VECTOR_API_BASE_URL", {}),
    "Chroma": ("CHROMA_URL", {"STORE": "chroma", "EMBEDDING_BASE_URL": "http://127.0.0.1:1"}),
    "Llama Stack": ("LLAMA_BASE_URL", {"STORE": "llama"}),
    "the embeddings server": ("EMBEDDING_BASE_URL", {"STORE": "embedded", "CHUNK_TOKENS": "200"}),
    "the Pushgateway": ("PUSHGATEWAY_URL", {}),
}


@pytest.fixture
def enter() -> Iterator[Enter]:
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture(
    params=[pytest.param(n, marks=pytest.mark.chroma if "embed" in n else ()) for n in CLIENTS]
)
def told(
    request: pytest.FixtureRequest, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    """What a run says where one of its servers has this address; the code is one for a scheduler
    that tries again."""
    monkeypatch.setattr(RetryPolicy, "seconds_before_next", lambda *_: 0.0)
    monkeypatch.setattr(llama, "ClientWire", plain_wire)
    monkeypatch.setattr("confluence_mirror.runs.metrics._PUSH_SECONDS", 0.3)
    name: str = request.param
    variable, env = CLIENTS[name]
    if "embed" in name:
        pytest.importorskip("chromadb", reason="the chroma extra is not installed")
    if "Push" in name:
        pytest.importorskip("prometheus_client", reason="the metrics extra is not installed")
    netrc = tmp_path / ".netrc"
    netrc.write_text(f"default login me password {SECRET}\n")
    netrc.chmod(0o600)

    def run(url: str, **changes: str) -> str:
        job: Job = make(f"job-{abs(hash(url))}")
        settings = env | {"REQUEST_TIMEOUT": "0.3", variable: url, "NETRC": str(netrc)} | changes
        done = job.here_with_a_bug(
            **({"VECTOR_API_BASE_URL": ""} | settings if "STORE" in env else settings)
        )
        said = done.stdout + done.stderr
        assert done.returncode in ((0,) if "Push" in name else (69, 78)), said
        assert "Traceback" not in said
        assert SECRET not in said
        return said

    return run


def test_a_name_a_port_a_drop_tls_and_a_dead_proxy_are_told_apart_for_every_server(
    told: Callable[..., str], enter: Enter
) -> None:
    plain = enter(talking(lambda connection: connection.sendall(answer(b"{}"))))
    trusted_by_nobody = enter(talking(saying(answer(b"{}")), tls=True))
    dead = enter(refusing())
    assert "the name nowhere.invalid cannot be resolved" in told("https://nowhere.invalid")
    assert f"{dead} refuses connections" in told(f"https://{dead}")
    assert "no connection in time" in told(f"https://{enter(silent())}")
    assert f"the TLS connection to {plain} failed" in told(f"https://{plain}")
    untrusted = told(f"https://{trusted_by_nobody}")
    assert f"the TLS certificate of {trusted_by_nobody} cannot be verified" in untrusted
    assert "CA_BUNDLE" in untrusted
    proxied = told("https://far.example", HTTPS_PROXY=f"http://me:{SECRET}@{dead}")
    assert f"the proxy {dead} that HTTPS_PROXY names refuses connections" in proxied


def test_an_answer_that_drips_ends_at_the_time_of_a_request_and_ca_bundle_wins_for_every_server(
    told: Callable[..., str], enter: Enter, tmp_path: Path
) -> None:
    (tmp_path / "broken.pem").write_text("no PEM")
    others = dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), str(tmp_path / "broken.pem"))
    drip = enter(
        talking(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" ", 0.05), tls=True)
    )
    assert "did not answer completely in time" in told(
        f"https://{drip}", CA_BUNDLE=str(CERTIFICATE), **others
    )
