"""A proxy before a server that spoils some of its answers: what a broken, strange or hostile server
may send."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import requests

from tests.servers.threading_server import StandInServer

Damage = Callable[[bytes], bytes]


def everywhere(change: Callable[[Any], str | None]) -> Damage:
    """Put other JSON, as text, in the place of every value that ``change`` gives one for."""

    def walk(value: Any) -> str:
        other = change(value)
        if other is not None:
            return other
        if isinstance(value, dict):
            return (
                "{"
                + ",".join(f"{json.dumps(key)}:{walk(inner)}" for key, inner in value.items())
                + "}"
            )
        if isinstance(value, list):
            return "[" + ",".join(map(walk, value)) + "]"
        return json.dumps(value)

    def damage(body: bytes) -> bytes:
        try:
            return walk(json.loads(body)).encode()
        except ValueError:
            return body

    return damage


def numbers(text: str) -> Damage:
    return everywhere(
        lambda value: (
            text if isinstance(value, int | float) and not isinstance(value, bool) else None
        )
    )


def strings(pattern: str, text: str) -> Damage:
    return everywhere(
        lambda value: text if isinstance(value, str) and re.search(pattern, value) else None
    )


DAMAGES: dict[str, Damage] = {
    "JSON nested 100,000 deep": lambda _body: b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "values nested 90 deep": everywhere(
        lambda value: "[" * 90 + "]" * 90 if isinstance(value, str) else None
    ),
    "numbers beyond 64 bits": numbers("1" + "0" * 30),
    "numbers of 400 digits": numbers("-1" + "0" * 400),
    "numbers of 5,000 digits": numbers("1" * 5000),
    "infinite numbers": numbers("1e400"),
    "numbers that are none": numbers("NaN"),
    "addresses that are none": strings(r"^(https?:|/)", '"http://["'),
    "years beyond the calendar": strings(r"^\d{4}-\d\d-\d\dT", '"9999-12-31T23:59:59-14:00"'),
    "years before the calendar": strings(r"^\d{4}-\d\d-\d\dT", '"0001-01-01T00:00:00+14:00"'),
    "zones beyond the calendar": strings(r"^\d{4}-\d\d-\d\dT", '"+99999-13-45T99:99:99+99:99"'),
    "half characters and zeros": strings("", r'"\ud800\u0000"'),
    "nothing but null": everywhere(
        lambda value: None if isinstance(value, dict | list) else "null"
    ),
    "lists where there was text": everywhere(
        lambda value: "[[]]" if isinstance(value, str) else None
    ),
    "what is not UTF-8": lambda body: body.replace(b'"', b'"\xff\xfe'),
    "half of it": lambda body: body[: len(body) // 2],
    "nothing": lambda _body: b"",
    "a sign-in page": lambda _body: b"<!doctype html><html>Sign in</html>",
    "null": lambda _body: b"null",
    "a list": lambda _body: b'[{"id": [], "data": {}}]',
    "a number": lambda _body: b"7",
}
HEADERS = (
    {"Retry-After": "nan"},
    {"Retry-After": "²"},
    {"Retry-After": "-1e400"},
    {"Date": "Fri, 31 Dec 9999 23:59:59 -1400"},
)


@dataclass
class Spoiler:
    """``damage`` is done to about one answer in three while it is set; ``seed`` decides which."""

    url: str = ""
    damage: str = ""
    seed: int = 0
    spoilt: int = 0
    _chance: random.Random = field(default_factory=random.Random)

    def begin(self, damage: str, seed: int = 0) -> None:
        """Spoil from now on; empty: no more."""
        self.damage, self.spoilt, self._chance = damage, 0, random.Random(f"{damage} {seed}")

    def answer(self, status: int, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if not self.damage or self._chance.random() > 0.35:
            return status, {}, body
        self.spoilt += 1
        if self.damage == "headers":
            return self._chance.choice((status, 429, 503)), self._chance.choice(HEADERS), body
        return status, {}, DAMAGES[self.damage](body)


@contextmanager
def spoiling(target: str) -> Iterator[Spoiler]:
    """On loopback, in threads, before the server at ``target``."""
    spoiler, session = Spoiler(), requests.Session()
    session.trust_env = False

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sent = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("host", "connection")
            }
            got = session.request(
                self.command,
                target + self.path,
                data=content,
                headers=sent,
                allow_redirects=False,
                timeout=60,
            )
            status, headers, body = spoiler.answer(got.status_code, got.content)
            self.send_response_only(status)
            for name in ("Content-Type", "Date", "Link"):
                if name in got.headers and name not in headers:
                    self.send_header(name, got.headers[name].replace(target, spoiler.url))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = pass_on  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with StandInServer(("127.0.0.1", 0), Handler) as server, session:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        spoiler.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield spoiler
        server.shutdown()
        thread.join()
