"""Connections whose every answer has a deadline, for ``requests``.

A socket's time-out ends a wait for the next byte, so that a server that sends one byte per second
is never late by it. Here the whole answer, status line and headers included, must have arrived in
the time that a request is given, plus a second for each 64 KiB that came: a large body that arrives
steadily is not cut, one that drips is.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

STEADY = 64 * 1024
"""Bytes per second at which an answer may take longer than the time that its request is given."""
IDLE_SECONDS = 4.0
"""A connection that was idle for longer is not used again: many servers close theirs after five
seconds, and a request that meets the closing looks like one whose answer was lost."""
_STEP = 1.0


class _Reader(io.RawIOBase):
    """What a socket receives, until the deadline. ``waiting`` is called once per second in which
    nothing came."""

    def __init__(self, sock: socket.socket, waiting: Callable[[], None]) -> None:
        self._sock = sock
        self._waiting = waiting
        self._timeout = sock.gettimeout()
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout
        self._held = sock.makefile(
            "rb", buffering=0
        )  # keeps the socket open while its answer is read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while True:
                self._sock.settimeout(self._seconds_left())
                try:
                    received = self._sock.recv_into(buffer)
                except TimeoutError:
                    self._waiting()
                    continue
                if self._deadline is not None:
                    self._deadline += received / STEADY
                return received
        finally:
            self._sock.settimeout(self._timeout)

    def _seconds_left(self) -> float:
        left = _STEP if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, _STEP)

    def close(self) -> None:
        if not self.closed:
            self._held.close()
        super().close()


class _Readable:
    """Stands for a socket where ``http.client`` makes a file of it."""

    def __init__(self, sock: socket.socket, waiting: Callable[[], None]) -> None:
        self._sock, self._waiting = sock, waiting

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._waiting), 64 * 1024)


class Adapter(HTTPAdapter):
    """Connections with deadlines. ``waiting``: see ``Session``. Never repeats a request."""

    def __init__(self, pool_size: int, waiting: Callable[[], None]) -> None:
        self._classes = _pool_classes(waiting)
        super().__init__(pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._classes
        return manager


def _pool_classes(waiting: Callable[[], None]) -> dict[str, type[HTTPConnectionPool]]:
    class Response(HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
            super().__init__(_Readable(sock, waiting), *arguments, **options)  # type: ignore[arg-type]

    class Plain(_Resting, HTTPConnection):
        response_class = Response

    class Tls(_Resting, HTTPSConnection):
        response_class = Response

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


class TunnelFailedError(OSError):
    """The proxy was reached, and lets nothing through to the server."""


class _Resting:
    """A connection that is not used again once it was idle for too long."""

    _used = float("-inf")

    def _tunnel(self) -> None:
        try:
            super()._tunnel()  # type: ignore[misc]
        except (OSError, HTTPException) as error:
            raise TunnelFailedError(str(error)) from error

    def getresponse(self) -> Any:
        answer = super().getresponse()  # type: ignore[misc]
        self._used = time.monotonic()
        return answer

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used <= IDLE_SECONDS and bool(super().is_connected)  # type: ignore[misc]
