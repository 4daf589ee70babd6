"""The processes of the service: what ``serve`` and ``worker`` put together and take apart."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from confluence_mirror import terminal
from confluence_mirror.errors import StateUnusable, WrongSettings
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.service.answers import Answers
from confluence_mirror.service.app import make_app, make_health_app
from confluence_mirror.service.auth.forge import ForgeTokens
from confluence_mirror.service.caching import MinuteCache
from confluence_mirror.service.chroma import ChromaServer
from confluence_mirror.service.core import Core
from confluence_mirror.service.db.database import open_database, require_revision
from confluence_mirror.service.environment_connection import EnvironmentConnection
from confluence_mirror.service.events import EventQueue
from confluence_mirror.service.manners import with_manners
from confluence_mirror.service.rates import RateLimiter
from confluence_mirror.service.readiness import Readiness
from confluence_mirror.service.rotation import require_keys
from confluence_mirror.service.runs.ledger import Ledger
from confluence_mirror.service.runs.schedule import Schedule
from confluence_mirror.service.runs.worker import Workers, Workshop
from confluence_mirror.service.settings import NOBODY, Loaded, load_engine
from confluence_mirror.service.vault import read_keyring
from confluence_mirror.service.vault.keyring import make_secret, read_or_make

log = logging.getLogger(__name__)

_LOOK_S = 0.1
_DRAIN_S = 3
"""Seconds that requests in hand have at the end."""


def serve(loaded: Loaded, stop: Stop) -> int:
    """API and workers until a signal; 0 then. Raises ``SyncError`` where it cannot start."""
    values = dict(loaded.values)
    with ExitStack() as opened:
        if loaded.engine.store.kind == "embedded":
            chroma = ChromaServer(loaded.engine.store.path, loaded.engine.state.folder)
            chroma.start()
            opened.callback(chroma.stop)
            values |= {"STORE": "chroma", "CHROMA_URL": chroma.url}
        listener = _Listener(loaded)
        core = opened.enter_context(_opened_core(loaded, values, listener.port))
        listener.answer_with(with_manners(make_app(core), loaded.service.cors_origins))
        _tell_address(core, listener.port)
        _run(core, listener, opened, stop)
    return 0


def work(loaded: Loaded, stop: Stop) -> int:
    """Workers and the schedule until a signal; 0 then. Raises ``SyncError`` where it cannot
    start."""
    if loaded.engine.store.kind == "embedded":
        raise WrongSettings(
            "A worker by itself needs a store that is a server, and none is set.",
            hint="Set CHROMA_URL, PGVECTOR_URL, VECTOR_API_BASE_URL or LLAMA_BASE_URL.",
        )
    service = loaded.service
    loaded = replace(loaded, service=replace(service, workers=max(1, service.workers)))
    with ExitStack() as opened:
        listener = _Listener(loaded)
        core = opened.enter_context(_opened_core(loaded, loaded.values, listener.port))
        listener.answer_with(with_manners(make_health_app(core), ()))
        _run(core, listener, opened, stop)
    return 0


@contextmanager
def _opened_core(loaded: Loaded, values: Mapping[str, str], port: int) -> Iterator[Core]:
    state_dir = loaded.engine.state.folder
    _make_private(state_dir)
    keyring = read_keyring(loaded.service, state_dir)
    database = open_database(loaded.service, state_dir)
    engine = load_engine({**values, **NOBODY}, state_dir)
    answers = Answers(engine)
    try:
        require_revision(database)
        require_keys(database, keyring)
        ledger = Ledger(database, lease_s=loaded.service.lease_seconds)
        yield Core(
            loaded=loaded,
            values=values,
            database=database,
            keyring=keyring,
            ledger=ledger,
            events=EventQueue(database, ledger),
            answers=answers,
            readiness=Readiness(database, engine),
            rates=RateLimiter(loaded.service.rate_limit),
            cache=MinuteCache(),
            admin_key=_admin_key(loaded, state_dir),
            public_url=loaded.service.public_url or _own_address(loaded, port),
            forge=_forge_tokens(loaded),
        )
    finally:
        answers.close()
        database.close()


def _run(core: Core, listener: _Listener, opened: ExitStack, stop: Stop) -> None:
    """Until a signal; then everything is told to end before anything is waited for."""
    core.events.start()
    opened.callback(core.events.stop)
    listener.start()
    opened.callback(listener.join)
    service = core.loaded.service
    workers = None
    if service.workers:
        workshop = Workshop(
            core.database,
            core.ledger,
            core.keyring,
            lambda: core.values,
            core.state_dir,
            service.lease_seconds,
        )
        workers = Workers(workshop, service.workers)
        schedule = Schedule(core.database, core.ledger, service.sync_interval)
        schedule.start()
        workers.start()
        opened.callback(schedule.stop)
        opened.callback(workers.stop)
    environment = EnvironmentConnection(core)
    environment.start()
    while stop.asked is None and listener.is_alive:
        time.sleep(_LOOK_S)
    environment.stop()
    listener.end()
    if workers is not None:
        workers.begin_to_stop()


class _Listener:
    """Answers HTTP on a thread of its own; the main one hears signals."""

    def __init__(self, loaded: Loaded) -> None:
        host, port = loaded.service.host, loaded.service.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen()  # whoever reads the address may connect at once
        except OSError as error:
            raise StateUnusable(
                f"Cannot listen on {host}, port {port} ({error.strerror}).",
                hint="Set SERVICE_HOST or SERVICE_PORT.",
            ) from None
        self.port = int(self._socket.getsockname()[1])

    def answer_with(self, app: ASGIApp) -> None:
        """What answers, from the start on."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_DRAIN_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def end(self) -> None:
        """Take no new requests."""
        self._server.should_exit = True

    def join(self) -> None:
        """Wait for the requests in hand."""
        self.end()
        self._thread.join()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def _admin_key(loaded: Loaded, state_dir: Path) -> str:
    if loaded.service.admin_key is not None:
        return loaded.service.admin_key.reveal()
    return read_or_make(state_dir / "admin.key", make_secret())


def _tell_address(core: Core, port: int) -> None:
    """Where it listens; its key to a terminal, elsewhere only the key's file."""
    terminal.say(f"confluence-mirror listens on {_own_address(core.loaded, port)}")
    if core.loaded.service.admin_key is None:
        key = core.admin_key if sys.stdout.isatty() else f"in {core.state_dir / 'admin.key'}"
        terminal.say(f"The administrator's key: {key}")


def _own_address(loaded: Loaded, port: int) -> str:
    host = loaded.service.host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _forge_tokens(loaded: Loaded) -> ForgeTokens | None:
    service, bundle = loaded.service, loaded.engine.net.ca_bundle
    if service.forge_app_id is None:
        return None
    return ForgeTokens(
        service.forge_app_id, service.forge_jwks_url, ca_bundle=str(bundle) if bundle else None
    )


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise StateUnusable(f"{folder} cannot be made or closed ({error.strerror}).") from None
