"""The one session, over real sockets: who could not be reached and why, how long it takes, and what
is never sent."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from confluence_mirror.errors import Terminated, WrongSettings
from confluence_mirror.net.downloads import download_file
from confluence_mirror.net.reachability import Fault, NoAnswer
from confluence_mirror.net.session import Credential, Session
from tests.servers.sockets import (
    CERTIFICATE,
    Talk,
    answer,
    dripping,
    read_request,
    refusing,
    saying,
    silent,
    talking,
)

PASSWORD = "canary-password-51"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Enter = Callable[[AbstractContextManager[str]], str]


@pytest.fixture
def enter() -> Iterator[Enter]:
    """Starts a server until the test ends."""
    with ExitStack() as stack:
        yield stack.enter_context


def failure(url: str, *, timeout: float = 5.0, ca_bundle: str | None = None) -> NoAnswer:
    session = Session(url, variable="THE_URL", timeout=timeout, ca_bundle=ca_bundle)
    with pytest.raises(NoAnswer) as caught:
        session.send("GET", "/x", params={"secret": PASSWORD})
    session.close()
    texts = [str(caught.value), caught.value.hint, repr(vars(caught.value)), repr(session)]
    texts += traceback.format_exception(caught.value)[-1:]
    assert not [text for text in texts if PASSWORD in text]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def test_a_name_a_port_a_drop_and_what_speaks_no_tls_are_told_apart(enter: Enter) -> None:
    plain = enter(talking(lambda connection: connection.sendall(answer(b"{}"))))
    tls = enter(talking(saying(answer(b"{}")), tls=True))
    found = {
        "name": failure("http://nowhere.invalid:8000"),
        "port": failure(f"http://{enter(refusing())}"),
        "drop": failure(f"http://{enter(silent())}", timeout=0.3),
        "untrusted": failure(f"https://{tls}"),
        "no TLS": failure(f"https://{plain}"),
        "TLS, asked without": failure(f"http://{tls}"),
        "no TLS and no word": failure(
            f"https://{enter(talking(dripping(b'', b'', 0.1)))}", timeout=0.3
        ),
        "late": failure(f"http://{enter(talking(dripping(b'', b'', 0.1)))}", timeout=0.3),
        "cut": failure(f"http://{enter(talking(saying(answer(b'{}').replace(b': 2', b': 9'))))}"),
        "closed": failure(f"http://{enter(talking(saying()))}"),
        "no HTTP": failure(f"http://{enter(talking(saying(b'SSH-2.0-OpenSSH_9.2')))}"),
    }
    assert {name: one.fault.name for name, one in found.items()} == {
        "name": "NAME",
        "port": "REFUSED",
        "drop": "SILENT",
        "untrusted": "UNTRUSTED",
        "no TLS": "TLS",
        "TLS, asked without": "BROKEN",
        "no TLS and no word": "SILENT",
        "late": "LATE",
        "cut": "CUT",
        "closed": "BROKEN",
        "no HTTP": "BROKEN",
    }
    assert len({one.reason.replace(host(one), "") for one in found.values()}) == 8
    assert all(
        "THE_URL" in found[name].hint
        for name in ("name", "port", "drop", "no TLS", "TLS, asked without")
    )
    assert [name for name, one in found.items() if one.lasting] == ["untrusted"]
    unsent = [name for name, one in found.items() if not one.sent]
    assert unsent == ["name", "port", "drop", "untrusted", "no TLS", "no TLS and no word"]


def host(failure: NoAnswer) -> str:
    return next(
        (word for word in failure.reason.split() if ":" in word and any(map(str.isdigit, word))),
        "nowhere",
    )


def test_a_certificate_of_a_named_authority_is_trusted(enter: Enter) -> None:
    server = enter(talking(saying(answer(b"[1]")), tls=True))
    session = Session(f"https://{server}", variable="THE_URL", ca_bundle=str(CERTIFICATE))
    assert session.send("GET", "/").json() == [1]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_dead_proxy_is_named_by_its_variable_and_without_its_credential(
    enter: Enter, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    dead = enter(refusing())
    monkeypatch.setenv(variable, f"http://me:{PASSWORD}@{dead}")
    found = failure("http://store.example/")
    assert found.fault is Fault.PROXY
    assert f"the proxy {dead} that {variable} names refuses connections" in found.reason
    assert not found.sent


def test_a_proxy_that_wants_a_credential_or_has_no_address_says_so(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    wary = enter(talking(saying(answer(b"", status="407 Proxy Authentication Required"))))
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@{wary}")
    assert (
        "HTTPS_PROXY names answers 407: it wants a credential"
        in failure("https://store.example/").reason
    )
    for broken in ("http://[", "socks5://127.0.0.1:1", "http://nowhere.invalid:3128"):
        monkeypatch.setenv("HTTPS_PROXY", broken.replace("//", f"//me:{PASSWORD}@"))
        assert failure("https://store.example/").fault is Fault.PROXY


def test_neither_loopback_nor_what_no_proxy_names_goes_through_a_proxy(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = enter(refusing())
    monkeypatch.setenv("HTTP_PROXY", f"http://{dead}")
    monkeypatch.setenv("NO_PROXY", "nowhere.invalid")
    server = enter(talking(saying(answer(b"{}"))))
    assert Session(f"http://{server}", variable="THE_URL").send("GET", "/").status == 200
    assert failure("http://nowhere.invalid").fault is Fault.NAME


DRIPS: dict[str, Talk] = {
    "a body with a length": dripping(
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", b"x", 0.05
    ),
    "a body in chunks": dripping(CHUNKED, b"1\r\nx\r\n", 0.05),
    "a chunk's length": dripping(CHUNKED, b"0", 0.05),
    "a body until the end": dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.05),
    "headers": dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05),
    "a status line": dripping(b"HTTP/1.1 200 O", b"K", 0.05),
}


@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_drips_ends_when_its_time_is_over(drip: str, enter: Enter) -> None:
    server = enter(talking(DRIPS[drip]))
    assert failure(f"http://{server}", timeout=0.4).fault is Fault.LATE


def test_an_answer_that_drips_through_tls_or_after_a_proxys_word_ends_too(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = enter(talking(DRIPS["headers"], tls=True))
    assert failure(f"https://{server}", timeout=0.6, ca_bundle=str(CERTIFICATE)).fault is Fault.LATE
    monkeypatch.setenv("HTTPS_PROXY", f"http://{enter(talking(DRIPS['headers']))}")
    assert failure("https://store.example/", timeout=0.4).fault is Fault.PROXY


def test_a_large_answer_that_arrives_steadily_may_take_longer(enter: Enter) -> None:
    pieces = [b"x" * 64 * 1024] * 8
    body = b"".join(pieces)
    server = enter(talking(saying(answer(body)[: -len(body)], *pieces, pause=0.08)))
    began = time.monotonic()
    reply = Session(f"http://{server}", variable="THE_URL", timeout=0.3).send("GET", "/")
    assert reply.content == body
    assert time.monotonic() - began > 0.3


def test_an_answer_without_end_is_read_no_further_than_the_largest_that_is_read(
    enter: Enter,
) -> None:
    server = enter(talking(dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000, 0.0)))
    session = Session(f"http://{server}", variable="THE_URL", largest=1_000_000)
    with pytest.raises(NoAnswer, match="too large"):
        session.send("GET", "/")


def test_a_wait_for_an_answer_is_ended_by_whoever_watches_it(enter: Enter) -> None:
    def stop() -> None:
        raise Terminated("Stopped.")

    server = enter(talking(dripping(b"", b"", 0.1)))
    session = Session(f"http://{server}", variable="THE_URL", timeout=60, waiting=stop)
    with pytest.raises(Terminated):
        session.send("GET", "/")


def test_the_credential_goes_to_its_origin_alone_and_a_netrc_neither_replaces_nor_adds_one(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    def talk(connection: object) -> None:
        heard.append(read_request(connection))  # type: ignore[arg-type]
        connection.sendall(answer(b"{}", "Set-Cookie: a=b; Path=/"))  # type: ignore[attr-defined]

    url = f"http://{enter(talking(talk))}"
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password netrc-password\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for credential in (
        Credential.bearer(url, "token-1"),
        Credential.basic(url, "jürgen", "日本"),
        Credential.bearer(url, ""),
        Credential.bearer("http://127.0.0.1:1", "token-2"),
        None,
    ):
        Session(url, variable="THE_URL", credential=credential).send("GET", "/")
    sent = [
        [line for line in one.split(b"\r\n") if line.startswith(b"Authorization")] for one in heard
    ]
    assert sent == [
        [b"Authorization: Bearer token-1"],
        [b"Authorization: Basic asO8cmdlbjrml6XmnKw="],
        [],
        [],
        [],
    ]


def test_a_redirect_is_not_followed_whatever_its_address_and_cookies_are_not_kept(
    enter: Enter,
) -> None:
    heard: list[bytes] = []

    def talk(connection: object) -> None:
        heard.append(read_request(connection))  # type: ignore[arg-type]
        headers = ("Location: http://[", "Set-Cookie: a=b; Path=/")
        connection.sendall(answer(b"", *headers, status="302 Found"))  # type: ignore[attr-defined]

    session = Session(f"http://{enter(talking(talk))}", variable="THE_URL")
    assert [session.send("GET", "/").status for _ in range(2)] == [302, 302]
    assert b"Cookie" not in heard[1]


@pytest.mark.parametrize(
    "url", ["", "http://", "http://[", "ftp://h", "h.example", "http://h:99999", "http://h:x"]
)
def test_an_address_that_is_none_is_a_matter_of_settings(url: str) -> None:
    with pytest.raises(WrongSettings, match="THE_URL"):
        Session(url, variable="THE_URL")


def test_an_idle_connection_is_used_again_soon_and_not_late(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[object] = []

    def talk(connection: object) -> None:
        connections.append(connection)
        while read_request(connection):  # type: ignore[arg-type]
            connection.sendall(answer(b"{}").replace(b"close", b"keep-alive"))  # type: ignore[attr-defined]

    session = Session(f"http://{enter(talking(talk))}", variable="THE_URL")
    for _ in range(3):
        session.send("GET", "/")
    assert len(connections) == 1
    monkeypatch.setattr("confluence_mirror.net.connections.IDLE_SECONDS", -1.0)
    session.send("GET", "/")
    assert len(connections) == 2


def test_a_download_follows_redirects_and_leaves_its_credential_at_home(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login other password netrc-password\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    heard: list[bytes] = []

    def serve(reply: bytes) -> Talk:
        def talk(connection: socket.socket) -> None:
            heard.append(read_request(connection))
            connection.sendall(reply)

        return talk

    network = enter(talking(serve(answer(b"the file"))))
    moved = answer(b"", f"Location: http://{network}/store/file?key=1", status="302 Found")
    hub = enter(talking(serve(moved)))
    assert download_file(f"http://me:{PASSWORD}@{hub}/model", variable="HF_ENDPOINT") == b"the file"
    assert b"Authorization: Basic " in heard[0]
    assert heard[1].startswith(b"GET /store/file?key=1 ")
    assert b"Authorization" not in heard[1]


def test_a_download_that_goes_in_a_circle_or_is_not_there_ends(enter: Enter) -> None:
    for reply in (
        answer(b"", "Location: /again", status="302 Found"),
        answer(b"", status="404 Not Found"),
    ):
        with pytest.raises(NoAnswer) as caught:
            download_file(
                f"http://me:{PASSWORD}@{enter(talking(saying(reply)))}/model",
                variable="HF_ENDPOINT",
            )
        assert PASSWORD not in str(caught.value)
