"""A pooler before PostgreSQL, as PgBouncer is one: many clients share few sessions of the server.

It speaks the protocol as far as poolers must: it answers a client's greeting itself, and hands
messages on. In transaction mode a session is the client's for one transaction, and the one that
became free last is the next one given.
"""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from psycopg.conninfo import conninfo_to_dict

_SSL, _GSS, _CANCEL, _VERSION = 80877103, 80877104, 80877102, 196608


@dataclass(eq=False)
class Session:
    """One session of the server. ``client`` has it at present."""

    wire: socket.socket
    greeting: bytes
    client: Client | None = None


@dataclass(eq=False)
class Client:
    wire: socket.socket
    session: Session | None = None
    unanswered: int = 0
    """Requests that the server has not said "ready" to."""


@dataclass
class Pooler:
    """``refuse`` are errors (SQLSTATE and text) that the next clients are greeted with, one a
    client."""

    server: str
    """URL of a database on a PostgreSQL that trusts everybody, at a socket."""
    by_session: bool = False
    refuse: list[tuple[str, str]] = field(default_factory=list)
    clients: int = 0
    """Clients that came so far."""
    address: str = ""
    _free: list[Session] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(4_000_001))

    @property
    def url(self) -> str:
        database = conninfo_to_dict(self.server)["dbname"]
        return f"postgresql://postgres@{self.address}/{database}?sslmode=disable&gssencmode=disable"

    # -- clients

    def serve(self, wire: socket.socket) -> None:
        self.clients += 1
        while (code := struct.unpack("!I", (start := _greeting(wire))[:4])[0]) in (_SSL, _GSS):
            wire.sendall(b"N")
        if code == _CANCEL or not start:
            return
        if self.refuse:
            state, text = self.refuse.pop(0)
            fields = b"".join(
                f"{key}{value}\0".encode()
                for key, value in (("S", "FATAL"), ("C", state), ("M", text))
            )
            wire.sendall(_message(b"E", fields + b"\0"))
            return
        client = Client(wire)
        with self._lock:
            greeting = self._given(client).greeting
            self._give_back(client)
        key = struct.pack("!II", next(self._numbers), 0)
        wire.sendall(
            _message(b"R", struct.pack("!I", 0))
            + greeting
            + _message(b"K", key)
            + _message(b"Z", b"I")
        )
        try:
            while (message := _read(wire)) and message[:1] != b"X":
                with self._lock:
                    session = self._given(client)
                    client.unanswered += message[:1] in (b"Q", b"S")
                session.wire.sendall(message)
        finally:
            self._left(client)

    def _given(self, client: Client) -> Session:
        if client.session is None:
            client.session = self._free.pop() if self._free else self._open()
            client.session.client = client
        return client.session

    def _give_back(self, client: Client) -> None:
        if client.session is not None and not self.by_session:
            client.session.client = None
            self._free.append(client.session)
            client.session = None

    def _left(self, client: Client) -> None:
        with self._lock:
            if client.session is not None:  # in the middle of a transaction, or for good
                client.session.wire.close()

    # -- the server

    def _open(self) -> Session:
        given = conninfo_to_dict(self.server)
        wire = socket.socket(socket.AF_UNIX)
        wire.connect(f"{given['host']}/.s.PGSQL.{given.get('port', 5432)}")
        names = {"user": "postgres", "database": given["dbname"], "client_encoding": "UTF8"}
        said = b"".join(f"{key}\0{value}\0".encode() for key, value in names.items()) + b"\0"
        wire.sendall(struct.pack("!II", len(said) + 8, _VERSION) + said)
        greeting = b""
        while (message := _read(wire))[:1] != b"Z":
            greeting += message if message[:1] == b"S" else b""
        session = Session(wire, greeting)
        threading.Thread(target=self._answers, args=(session,), daemon=True).start()
        return session

    def _answers(self, session: Session) -> None:
        """Hand on what the server says, until it ends the session."""
        with suppress(OSError):
            while message := _read(session.wire):
                with self._lock:
                    client = session.client
                    if client is None:
                        continue
                    if message[:1] == b"Z":
                        client.unanswered -= 1
                        if message[5:6] == b"I" and not client.unanswered:
                            self._give_back(client)
                client.wire.sendall(message)
        with self._lock, suppress(OSError):
            if session in self._free:
                self._free.remove(session)
            if session.client is not None:
                session.client.wire.shutdown(socket.SHUT_RDWR)


@contextmanager
def pooler(server: str, *, by_session: bool = False) -> Iterator[Pooler]:
    """In transaction mode, or with a session for each client as long as it stays."""
    from tests.servers.sockets import talking

    made = Pooler(server, by_session)
    with talking(made.serve) as made.address:
        yield made
        for session in made._free:
            session.wire.close()


def _greeting(wire: socket.socket) -> bytes:
    length = _exactly(wire, 4)
    return _exactly(wire, struct.unpack("!I", length)[0] - 4) if length else bytes(4)


def _read(wire: socket.socket) -> bytes:
    """One message with its type; empty at the end."""
    head = _exactly(wire, 5)
    return head + _exactly(wire, struct.unpack("!I", head[1:])[0] - 4) if head else b""


def _exactly(wire: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        with suppress(ConnectionError):
            if more := wire.recv(count - len(found)):
                found += more
                continue
        return b""
    return found


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content
