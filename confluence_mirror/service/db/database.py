"""The database opened: SQLite in a file, or PostgreSQL; its clock; its revision."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from confluence_mirror.errors import StateUnavailable, StateUnusable, WrongSettings, extra_hint
from confluence_mirror.postgres import url as postgres_url
from confluence_mirror.service.settings import ServiceSettings

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[Session], float]
"""Seconds since 1970, as a transaction sees them."""

FILE = "service.db"
BUSY_S = 30.0
"""Seconds to wait for another process that writes into the SQLite file."""
ANSWER_S = 5
"""Seconds in which PostgreSQL must take a connection."""
_WRITES = "service_writes"
_NOW = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "extract(epoch FROM clock_timestamp())::float8",
}
_LOCK = 0x434D_5356
"""Key of the advisory lock under which PostgreSQL is migrated."""


class Database:
    """Transactions on one database, from any thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._now = text(f"SELECT {_NOW[engine.dialect.name]}")

    @property
    def is_postgres(self) -> bool:
        """Whether it is a server."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction, committed at its end. In SQLite it is the only one that writes, from its
        beginning."""
        connection = self.engine.connect().execution_options(**{_WRITES: True})
        with connection, Session(connection, expire_on_commit=False) as session:
            yield session
            session.commit()

    def now(self, session: Session) -> float:
        """The database's clock."""
        return float(session.execute(self._now).scalar_one())

    def answers(self) -> bool:
        """Whether it can be asked."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return True

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def open_database(settings: ServiceSettings, state_dir: Path) -> Database:
    """The database that is set. Raises ``StateUnusable``, and ``WrongSettings`` where its driver is
    missing."""
    given = settings.database_url.reveal() if settings.database_url else ""
    if given and not given.startswith("sqlite:"):
        rest = postgres_url.plain(given).partition("://")[2]
        return Database(_open_postgres(f"postgresql+psycopg://{rest}"))
    path = Path(given.removeprefix("sqlite:///")) if given else state_dir / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        raise StateUnusable(f"{path} cannot be made ({error.strerror}).") from None
    return Database(_open_sqlite(path))


def _open_sqlite(path: Path) -> Engine:
    engine = sqlalchemy.create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_S, "check_same_thread": False},
        pool_size=64,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _open_postgres(url: str) -> Engine:
    try:
        return sqlalchemy.create_engine(
            url,
            connect_args={"connect_timeout": ANSWER_S},
            pool_size=16,
            max_overflow=48,
            pool_pre_ping=True,
        )
    except ImportError:
        raise WrongSettings(
            "SERVICE_DATABASE_URL is PostgreSQL, and its driver is not installed.",
            hint=extra_hint("postgres"),
        ) from None


# -- migrations


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the tables to a revision, up or down, under a lock. Raises ``StateUnavailable``."""
    with _told(), database.engine.connect() as plain:
        connection = plain.execution_options(**{_WRITES: True})
        with connection.begin():
            if database.is_postgres:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            config = _config()
            config.attributes["connection"] = connection
            before = MigrationContext.configure(connection).get_current_revision()
            head = ScriptDirectory.from_config(config).get_current_head()
            if revision == "base" or (revision != "head" and before == head):
                command.downgrade(config, revision)
            else:
                command.upgrade(config, revision)


def require_revision(database: Database) -> None:
    """An embedded database is migrated; a server that is behind, or ahead, is refused
    (``WrongSettings``)."""
    with _told(), database.reading() as session:
        found = MigrationContext.configure(session.connection()).get_current_revision()
    script = ScriptDirectory.from_config(_config())
    if found == script.get_current_head():
        return
    if found is not None and found not in {each.revision for each in script.walk_revisions()}:
        raise WrongSettings(
            "The service's database was written by a newer version of this program.",
            hint="Use that version.",
        )
    if database.is_postgres:
        raise WrongSettings(
            "The service's database is older than this program.",
            hint="Run `confluence-mirror serve migrate`.",
        )
    migrate(database)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StateUnavailable(
            f"The service's database does not answer ({type(error.orig).__name__}).",
            hint="Check SERVICE_DATABASE_URL, then run again.",
        ) from None
